/** Time spans as people read them: one unit, two below ten. */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `0s`, `45s`, `7m30s`, `59m`, `3h20m`, `26h`, `5d`. Negative spans (clock skew) are `0s`. */
export function formatSpan(spanMs: number): string {
  const ms = Math.max(0, spanMs);
  if (ms < 2 * MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < 10 * MINUTE_MS) return twoUnits(ms, MINUTE_MS, "m", SECOND_MS, "s");
  if (ms < 2 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < 10 * HOUR_MS) return twoUnits(ms, HOUR_MS, "h", MINUTE_MS, "m");
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  return `${Math.floor(ms / DAY_MS)}d`;
}

/** The span from an ISO 8601 instant to now; `-` when the instant is missing or unreadable. */
export function formatAge(instant: string | null | undefined, nowMs: number): string {
  const thenMs = Date.parse(instant ?? "");
  return Number.isNaN(thenMs) ? "-" : formatSpan(nowMs - thenMs);
}

function twoUnits(ms: number, big: number, bigName: string, small: number, smallName: string) {
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)}${bigName}${rest === 0 ? "" : `${rest}${smallName}`}`;
}
