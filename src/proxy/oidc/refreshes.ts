/**
 * Refreshes of sessions under way. Providers that give each refresh token once take a second use for a theft and end the
 * session: requests that come together share one refresh, and those that come a moment later its result.
 */
import { createHash } from "node:crypto";
import type { Session } from "../../decision/oidc/records.ts";

/** How long requests that were sent with the cookie from before may come behind. */
const RESULT_MS = 30_000;
/** Beyond it the oldest results are forgotten: then a late request logs in anew. */
const REFRESHES_MAX = 1_000;

/** Undefined: there is no session any more. */
export type RefreshResult = Session | undefined;
export type RefreshWaiter = (result: RefreshResult) => void;

interface Refresh {
  readonly waiters: Set<RefreshWaiter>;
  result: { readonly session: RefreshResult; readonly untilMs: number } | undefined;
}

export class Refreshes {
  readonly #byToken = new Map<string, Refresh>();

  /** What came of a refresh by this token a moment ago; "waiting" when the waiter will be told. */
  join(
    token: string,
    nowMs: number,
    waiter: RefreshWaiter,
  ): { readonly session: RefreshResult } | "waiting" | "none" {
    const known = this.#byToken.get(refreshKeyOf(token));
    if (known === undefined) return "none";
    const { result } = known;
    if (result === undefined) {
      known.waiters.add(waiter);
      return "waiting";
    }
    return result.untilMs < nowMs ? "none" : { session: result.session };
  }

  begin(token: string, waiter: RefreshWaiter): void {
    const key = refreshKeyOf(token);
    this.#byToken.delete(key);
    this.#byToken.set(key, { waiters: new Set([waiter]), result: undefined });
    for (const [oldest, { result }] of this.#byToken) {
      if (this.#byToken.size <= REFRESHES_MAX || result === undefined) break;
      this.#byToken.delete(oldest);
    }
  }

  /** It could not be sent. */
  giveUp(token: string): void {
    this.#byToken.delete(refreshKeyOf(token));
  }

  leave(token: string, waiter: RefreshWaiter): void {
    this.#byToken.get(refreshKeyOf(token))?.waiters.delete(waiter);
  }

  /** Tells all who wait. `isFinal`: asking again would end alike. */
  end(token: string, session: RefreshResult, nowMs: number, isFinal: boolean): void {
    const key = refreshKeyOf(token);
    const refresh = this.#byToken.get(key);
    if (refresh === undefined) return;
    if (isFinal) refresh.result = { session, untilMs: nowMs + RESULT_MS };
    else this.#byToken.delete(key);
    const waiters = [...refresh.waiters];
    refresh.waiters.clear();
    for (const waiter of waiters) waiter(session);
  }
}

/** What a refresh is known by, here and to other workers: no token is kept that need not be. */
export function refreshKeyOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
