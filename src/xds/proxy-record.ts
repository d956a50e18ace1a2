/**
 * What is known of one connected proxy: per type what was sent, acknowledged and refused. `status`,
 * `apply --wait` and metrics read it; only the proxy's stream writes it.
 */

/** One response, at the time it was sent or acknowledged. */
export interface VersionMark {
  /** Hash of the set of resources of the type. */
  readonly version: string;
  /** Store revision of the snapshot that the resources came from. */
  readonly revision: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly timeMs: number;
}

/** The last response that the proxy refused and that is not yet made good. */
export interface Refusal {
  readonly version: string;
  readonly revision: number;
  /** `error_detail.message` as the proxy sent it. */
  readonly message: string;
  readonly timeMs: number;
}

export interface TypeRecord {
  readonly sent?: VersionMark;
  /**
   * Moves on at once when a revision changes nothing of this type. Does not move on while a
   * resource of the revision stands refused.
   */
  readonly acknowledged?: VersionMark;
  readonly refused?: Refusal;
}

export interface ProxyRecord {
  /** The newest revision given to `setSnapshot`. */
  readonly targetRevision?: number;
  /** Every type that the proxy subscribes to has acknowledged at least this revision. */
  readonly acknowledgedRevision?: number;
  /** By type URL; only types that the proxy has asked for. */
  readonly types: ReadonlyMap<string, TypeRecord>;
}
