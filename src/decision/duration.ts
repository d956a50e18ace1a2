/** Protobuf durations as milliseconds. */
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "./field-error.ts";

export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** Milliseconds, or undefined where no duration is given. A negative one is an error and counts as 0. */
export function compileDuration(
  duration: Duration | undefined,
  path: string,
  errors: FieldError[],
): number | undefined {
  if (duration === undefined) return undefined;
  const ms = durationMs(duration);
  if (ms >= 0) return ms;
  errors.push({ path, message: "must not be negative" });
  return 0;
}
