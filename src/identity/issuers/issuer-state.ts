/** How an issuer outside the mesh stands, for `tulle ca status`, checks and metrics. */

export interface ExternalIssuerState {
  /** As in the configuration: `file`, `vault`, `cert-manager`. */
  readonly kind: string;
  /** Where it is, for people: a path or an address. Holds no secret. */
  readonly place: string;
  /** When the signing certificate's path ends, in milliseconds since the epoch; undefined while nothing is known. */
  readonly notAfterMs: number | undefined;
  /** Certificates that it has signed. */
  readonly signedCount: number;
  /** Requests that failed, and reloads that were refused, since the start. */
  readonly failureCount: number;
  /** Failures since the last success. */
  readonly consecutiveFailures: number;
  /** Why the last attempt, or the last reload, failed; undefined when it did not. */
  readonly lastError: string | undefined;
  readonly lastErrorAtMs: number | undefined;
  /** Why nothing is asked of it at this moment; undefined when something is. */
  readonly outage: string | undefined;
}
