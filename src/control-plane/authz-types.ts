/** `tulle authz check` as it travels in JSON: who asks for what, and what policy says. */

export interface AuthzCheckRequest {
  /** An instance, a Service, an identity (`spiffe://…`), or `anonymous` for a caller without one. */
  readonly from: string;
  /** A Service or an instance: `catalog`, `shop/catalog`. */
  readonly to: string;
  readonly method?: string;
  /** With its query, as it is sent. Without it a TCP connection is judged. */
  readonly path?: string;
  /** In order; a name may stand there more than once. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Claims of the user's verified token, as JSON. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Where the connection comes from. Default: 127.0.0.1. */
  readonly sourceIp?: string;
  /** Of the Service, or where the instance's app listens. Default: the first. */
  readonly port?: number;
  /** Of names that have none. Default: `default`. */
  readonly namespace?: string;
}

export interface AuthzCheckResponse {
  readonly allowed: boolean;
  /** The caller's identity, or "" without one. */
  readonly principal: string;
  /** `http` or `tcp`. */
  readonly protocol: "http" | "tcp";
  readonly method: string;
  /** As it is judged and forwarded: in its canonical form. */
  readonly path: string;
  /** For each workload behind the Service; those that say the same stand together. */
  readonly verdicts: readonly AuthzVerdict[];
}

export interface AuthzVerdict {
  /** `default/catalog-v1-x7k2p`. */
  readonly workloads: readonly string[];
  readonly allowed: boolean;
  /** What decided: a policy's action, or null where no policy has a say. */
  readonly action: "ALLOW" | "DENY" | null;
  /** `default/catalog`; null where none matched. */
  readonly policy: string | null;
  /** Counted from 0. */
  readonly rule: string | null;
  /** Of a denial by default: the first condition that did not hold in the policy that came nearest. */
  readonly condition: string | null;
  /** A sentence. */
  readonly reason: string;
  /** Policies under dry run that would have denied it, in a sentence each. */
  readonly dryRuns: readonly string[];
}
