/** Half of a mesh hop in memory: one proxy with the peers on both of its sides. */
export interface MeasuredHalf {
  /** Requests that have been answered. */
  readonly answered: number;
  /** One turn of the event loop brings a batch of requests, the next one as many answers to older ones. */
  takeTurns(): void;
}

export interface HalfOptions {
  /** Requests under way. */
  readonly connections: number;
  /** Requests, and answers, of one turn. */
  readonly batch: number;
  /** Of the proxy: a client has connected. */
  readonly accept: (handle: object) => void;
}
