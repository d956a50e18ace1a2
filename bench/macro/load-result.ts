/** What a load generator tells of its run. */
export interface LoadResult {
  readonly requests: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** What the generator says of failed requests; empty when all were answered with 2xx. */
  readonly failures: string;
}
