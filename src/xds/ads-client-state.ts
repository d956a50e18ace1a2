/** What the ADS client tells the admin port and the metrics about itself. */

export interface TypeState {
  /** Names known to be applied. */
  readonly resourceCount: number;
  /** Responses that were accepted whole. */
  readonly updates: number;
  /** Responses with at least one refused resource. */
  readonly rejections: number;
  readonly lastRejection?: { readonly message: string; readonly timeMs: number };
  /** Wall clock of the last response accepted whole. */
  readonly lastUpdateMs?: number;
  /** `system_version_info` or `version_info` of the last response accepted whole; "" before. */
  readonly version: string;
}

export interface AdsClientState {
  readonly connected: boolean;
  /** Wall clock since which the stream has been answered by the server. */
  readonly connectedSinceMs?: number;
  /** Why the last stream ended or could not be opened. */
  readonly lastError?: { readonly message: string; readonly timeMs: number };
  readonly connectAttempts: number;
  readonly types: ReadonlyMap<string, TypeState>;
}
