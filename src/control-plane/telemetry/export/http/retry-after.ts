/** RFC 9110 section 10.2.3: seconds, or a date. */

/** 0 when it says nothing that can be understood. */
export function retryAfterMs(value: string | undefined, nowMs: number): number {
  if (value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isFinite(atMs) ? Math.max(0, atMs - nowMs) : 0;
}
