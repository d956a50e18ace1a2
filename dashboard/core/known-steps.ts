/** Where the lines of a young mesh begin: what lies before it is no gap in them. */

/** So many steps are drawn at least: a line of two points says nothing. */
const STEPS_MIN = 8;

/** Where lines begin: at the first step of which anything is known. A rate is known where there was no request, too. */
export function knownFrom(rate: readonly (number | null)[]): number {
  const first = rate.findIndex((value) => value !== null);
  return first < 0 ? 0 : Math.max(0, Math.min(first, rate.length - STEPS_MIN));
}
