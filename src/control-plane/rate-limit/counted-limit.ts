/**
 * How a limit is counted: by the generic cell rate algorithm, which keeps one time for each limit and lets requests
 * through evenly. Unlike windows it never lets two windows' worth through around their border.
 */

/** One limit that a request counts against. */
export interface CountedLimit {
  /** Equal for requests that share it. At most `KEY_LENGTH_MAX` long. */
  readonly key: string;
  /** Of one request, in microseconds. */
  readonly intervalUs: number;
  /** So many at once after a quiet time. */
  readonly burst: number;
}

/** How it stands behind a request. */
export interface LimitStanding<L extends CountedLimit = CountedLimit> {
  readonly limit: L;
  /** Whether it had room. A request counts only where all its limits have. */
  readonly isWithin: boolean;
  /** How far ahead of now the time is at which all that was let through is paid for, in microseconds. */
  readonly aheadUs: number;
}

/** Counts in one place for whoever asks. */
export interface LimitCounter {
  /** In the order of the limits, which are not empty. Rejects when the place cannot be reached. */
  take<L extends CountedLimit>(
    limits: readonly L[],
    hits: number,
  ): Promise<readonly LimitStanding<L>[]>;
}

/** Requests that would be let through right now. */
export function remainingOf({ intervalUs, burst }: CountedLimit, aheadUs: number): number {
  // Times are kept as floating numbers of microseconds: what lacks less than one is there.
  return Math.max(0, Math.floor((burst * intervalUs - aheadUs + 1) / intervalUs));
}

/** Until one more request would be let through. */
export function waitUs({ intervalUs, burst }: CountedLimit, aheadUs: number): number {
  return Math.max(0, aheadUs + intervalUs - burst * intervalUs);
}
