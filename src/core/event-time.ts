/**
 * The clock for durations. While a socket's bytes are handled it stands still: what one read brings
 * happens at one time, and the clock is read once for all of it.
 */

/** The global of this name is a getter. */
const { performance } = globalThis;

let isWithinEvent = false;
/** 0 until somebody asks. */
let eventMs = 0;

/** Must be followed by `endEvent` in the same call, whatever happens between. */
export function beginEvent(): void {
  isWithinEvent = true;
  eventMs = 0;
}

export function endEvent(): void {
  isWithinEvent = false;
}

/** Monotonic milliseconds with fractions. */
export function monotonicMs(): number {
  if (!isWithinEvent) return performance.now();
  if (eventMs === 0) eventMs = performance.now();
  return eventMs;
}
