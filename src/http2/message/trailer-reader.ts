/** Judges a decoded field section that came as trailers (RFC 9113 section 8.1). */
import { HEADER } from "../../http/header-name.ts";
import { dropForbiddenTrailers } from "../../http/trailer-rules.ts";
import type { FieldSection } from "../hpack/field-section.ts";
import { bit, CONNECTION_FIELDS } from "./field-rules.ts";
import { MESSAGE_ERROR, MESSAGE_OK } from "./message-error.ts";

/** TE speaks of a response to come; nobody sends it behind one. */
const REFUSED_FIELDS = CONNECTION_FIELDS | bit(HEADER.te);

/** Drops what must not stand in trailers. Returns MESSAGE_OK or a number from MESSAGE_ERROR. */
export function readTrailers(section: FieldSection): number {
  if (section.present !== 0) return MESSAGE_ERROR.pseudoFieldMisplaced;
  if ((section.flaggedIds & REFUSED_FIELDS) !== 0) return MESSAGE_ERROR.connectionField;
  dropForbiddenTrailers(section.headers);
  return MESSAGE_OK;
}
