/**
 * Refreshes of sessions over the workers of a proxy: providers that give each refresh token once end a session that two
 * workers refresh. One asks for it and tells what came; the others wait for that.
 */
import type { RefreshResult } from "./refreshes.ts";

/** "yours": whoever asked refreshes, and tells the end. */
export type RefreshClaim =
  | { readonly kind: "yours" }
  | { readonly kind: "done"; readonly session: RefreshResult };

export interface RefreshEnd {
  readonly key: string;
  readonly session: RefreshResult;
  /** Asking again would end alike. */
  readonly isFinal: boolean;
}

/** As a worker has it. */
export interface SharedRefreshes {
  /** `onClaim` is called once, later. Without an answer in time the refresh is whoever's that asked. */
  claim(key: string, onClaim: (claim: RefreshClaim) => void): void;
  end(end: RefreshEnd): void;
}
