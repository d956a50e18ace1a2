/** `tulle authz check` as it travels in JSON: who asks for what, and what policy says. */
import type { ObservedCall } from "../telemetry/observed/observed-calls.ts";

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
  /** Where `asks` is not empty: provided that each provider allows it. */
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
  /** Policies under dry run that would have denied it, or asked about it, in a sentence each. */
  readonly dryRuns: readonly string[];
  /** Providers that policies of action CUSTOM ask first. What they answer cannot be told. */
  readonly asks: readonly AuthzQuestion[];
}

export interface AuthzQuestion {
  /** `opa`, of MeshConfig `extensionProviders`. */
  readonly provider: string;
  /** `default/catalog`, and its rule that matched. */
  readonly policy: string | null;
  readonly rule: string | null;
  /** What becomes of it when the provider does not answer. */
  readonly withoutAnswer: "allowed" | "denied";
  /** A sentence. */
  readonly reason: string;
}

export const SUGGEST_LEVELS = ["identity", "method", "path"] as const;
/** How much rules say: who, with which method, at which path. */
export type SuggestLevel = (typeof SUGGEST_LEVELS)[number];

export interface AuthzSuggestRequest {
  /** `catalog` or `shop/catalog`. Default: all. */
  readonly service?: string;
  readonly namespace?: string;
  /** Default: as much as is known. */
  readonly level?: SuggestLevel;
  /** Allow, too, what was seen once or failed. */
  readonly includeFailed?: boolean;
  /** Suggest policies under dry run. */
  readonly dryRun?: boolean;
  /** From access logs. Default: what the sidecars' counters say. */
  readonly calls?: readonly ObservedCall[];
}

export interface AuthzSuggestResponse {
  readonly level: SuggestLevel;
  readonly source: "log" | "sidecars";
  readonly policies: readonly SuggestedPolicy[];
  /** Everything that was seen, and what comes of it. */
  readonly calls: readonly SuggestedCall[];
  /** Calls that went to nothing that is known now. */
  readonly unknownCalls: number;
}

export interface SuggestedPolicy {
  /** `default/catalog`. */
  readonly service: string;
  /** The object, as `tulle apply` takes it. */
  readonly policy: object;
  /** A line for each rule: what was seen. */
  readonly seen: readonly string[];
  /** ALLOW policies that are there: what they let in stays let in. */
  readonly besides: readonly string[];
}

/** Why nothing is allowed for it. */
export type LeftOut = "once" | "failed" | "anonymous" | "inexpressible";

export interface SuggestedCall {
  /** `default/catalog`. */
  readonly service: string;
  readonly principal: string;
  /** Of the Service; null where it is not known. */
  readonly port: number | null;
  readonly method: string | null;
  /** With `{*}` for ids. */
  readonly path: string | null;
  readonly count: number;
  readonly failed: number;
  readonly firstSeen: string | null;
  readonly lastSeen: string | null;
  readonly leftOut: LeftOut | null;
  /** By policies as they are. Null: cannot be told. */
  readonly isAllowedNow: boolean | null;
  /** With the suggested ones, enforced. */
  readonly isAllowedThen: boolean | null;
  /** Of the second: which policy decides, or what did not hold. */
  readonly reason: string;
}
