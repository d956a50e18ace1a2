/** What has happened to a cluster of one name, whatever its configuration was at the time. */
export interface ClusterCounts {
  /** Connections that could not be made, for whatever reason. */
  connectFailures: number;
  /** Of these, those that took longer than the connect timeout. */
  connectTimeouts: number;
  /** Of these, those whose TLS handshake failed. */
  tlsFailures: number;
  retries: number;
  /** Retries without which the request would have failed, and did not. */
  retrySuccesses: number;
  /** Retries that the budget, or the limit of retries at once, has refused. */
  retryOverflows: number;
  /** Requests that failed although they were sent as often as their policy allows. */
  retriesExhausted: number;
  /** Retries that run beside the try before them. */
  hedges: number;
  /** Requests and retries that a circuit breaker turned away. */
  overflows: number;
  /** Requests that took longer than their route allows. */
  timeouts: number;
  /** The same of single tries. */
  tryTimeouts: number;
}

export function createClusterCounts(): ClusterCounts {
  return {
    connectFailures: 0,
    connectTimeouts: 0,
    tlsFailures: 0,
    retries: 0,
    retrySuccesses: 0,
    retryOverflows: 0,
    retriesExhausted: 0,
    hedges: 0,
    overflows: 0,
    timeouts: 0,
    tryTimeouts: 0,
  };
}
