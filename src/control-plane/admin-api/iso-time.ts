/** Instants as the API writes them. */

/** ISO 8601 in UTC, from milliseconds since the epoch. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
