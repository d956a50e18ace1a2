/** Judges a decoded field section that came as trailers (RFC 9113 section 8.1). */
import type { FieldSection } from "../hpack/field-section.ts";

/** Drops what must not stand in trailers. Returns MESSAGE_OK or a number from MESSAGE_ERROR. */
export function readTrailers(_section: FieldSection): number {
  throw new Error("not built");
}
