/**
 * Durations as the Gateway API writes them (GEP-2257): `10s`, `1m30s`, `500ms`; one to four units
 * of up to five digits each. The longest is `99999h` four times over: far below 2^53 milliseconds.
 */

/** GEP-2257, the same pattern as the Gateway API's schema. */
export const DURATION_PATTERN = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;

const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
type Unit = keyof typeof UNIT_MS;

/** The duration in milliseconds, or undefined when `text` is none. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  let totalMs = 0;
  for (const [, digits, unit] of text.matchAll(/([0-9]+)(h|ms|m|s)/g)) {
    totalMs += Number(digits) * UNIT_MS[unit as Unit];
  }
  return totalMs;
}

/** The duration in milliseconds. Throws when `text`, of an object that was validated, is none. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new Error(`not a duration: ${JSON.stringify(text)}`);
  return ms;
}

/** The shortest spelling, largest unit first: 90000 becomes `1m30s`, 0 becomes `0s`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  let text = "";
  for (const [unit, unitMs] of Object.entries(UNIT_MS)) {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === "" ? "0s" : text;
}
