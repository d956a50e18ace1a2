/**
 * `tulle explain` as it travels in JSON: what is asked, and what a proxy would do with the request. Types only, so that
 * the CLI and the dashboard share them with the control plane.
 */
import type { EffectiveSetting, ResourceKey } from "../api-types.ts";
import type { AuthzVerdict } from "../authz-types.ts";

export interface ExplainRequest {
  readonly method: string;
  /** `http://catalog/items/7?page=2`. */
  readonly url: string;
  /** In order; a name may stand there more than once. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Who sends it: an instance, or a Service (`storefront`, `shop/storefront`). Default: any workload of the namespace. */
  readonly from?: string;
  /** The Gateway that it comes to from outside, with its namespace and a slash before it or without. Default: none. */
  readonly gateway?: string;
  /** Of names that have none. Default: `default`. */
  readonly namespace?: string;
  readonly protocol?: ExplainProtocol;
  readonly bodySizeBytes?: number;
  /** Claims that a user's verified token is supposed to have, as JSON. Default: there is no token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The name of the listener, where the URL does not tell; of a Gateway the name that the object gives it. */
  readonly listener?: string;
}

export type ExplainProtocol = "http" | "http2" | "grpc";

export interface ExplainResponse {
  readonly request: ExplainedRequest;
  readonly from: ExplainedCaller;
  /** Where a request from outside enters the mesh; null for one of a workload. */
  readonly gateway: ExplainedGateway | null;
  /** Of the configuration; null where it is not the control plane's. */
  readonly revision: number | null;
  readonly listener: ExplainedListener;
  /** Null when no virtual host takes the host. */
  readonly virtualHost: { readonly name: string; readonly domains: readonly string[] } | null;
  /** Null when no route takes the request. */
  readonly route: ExplainedRoute | null;
  /** Routes before it, in their order: those whose path matches, then others, up to a bound. */
  readonly passed: readonly ExplainedMiss[];
  readonly passedCount: number;
  /** What comes of it, in a sentence. */
  readonly outcome: string;
  readonly filters: readonly ExplainedFilter[];
  readonly policies: readonly ExplainedPolicy[];
  /** What the policies of those who are called say. Null where that is not known. */
  readonly authorization: readonly AuthzVerdict[] | null;
  /** Where the request may go, by share. Empty when it is answered here. */
  readonly clusters: readonly ExplainedCluster[];
  /** What the sidecar of the instance does with it; null where none is known, or it has no HTTP listener. */
  readonly inbound: ExplainedInbound | null;
  readonly notes: readonly string[];
}

export interface ExplainedGateway {
  readonly namespace: string;
  readonly name: string;
  /** The listener of the Gateway whose routes the host gets; null where none is for it. */
  readonly listener: string | null;
}

/** The second hop, at the first instance that may get the request. */
export interface ExplainedInbound {
  /** `default/catalog-v1-x7k2p`. */
  readonly proxy: string;
  readonly listener: ExplainedListener;
  /** What it takes from callers; null where that is not told. */
  readonly mtls: ExplainedMtls | null;
  /** Null when no route takes it there. */
  readonly route: string | null;
  readonly outcome: string;
  readonly filters: readonly ExplainedFilter[];
}

/** STRICT, PERMISSIVE or DISABLE, with the object that says so and the one to change. */
export interface ExplainedMtls {
  readonly mode: string;
  readonly origin: string;
  readonly object: string;
}

export interface ExplainedRequest {
  readonly method: string;
  readonly authority: string;
  /** As routes see it: in its canonical form. */
  readonly path: string;
  readonly query: string;
  readonly protocol: ExplainProtocol;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Those that are supposed. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface ExplainedCaller {
  /** Null where no proxy was asked: a workload of the namespace was supposed. */
  readonly proxy: string | null;
  readonly service: string | null;
  readonly namespace: string;
  /** `host:port` of the proxy's admin server, where its live state can be asked for. */
  readonly adminAddress: string | null;
}

export interface ExplainedListener {
  readonly name: string;
  readonly address: string;
  readonly routeConfiguration: string;
}

export interface ExplainedRoute {
  readonly name: string;
  /** Counted from 1 among the routes of the virtual host. */
  readonly position: number;
  readonly count: number;
  /** The object that it came from; null for routes that no object names. */
  readonly source: RouteSource | null;
  readonly match: string;
  readonly action: "forward" | "redirect" | "direct";
  /** Rewrites and header changes, one each: `request header x-a: set to 1`. */
  readonly changes: readonly string[];
  /** Timeouts, retries and the like, each with its source. */
  readonly settings: readonly EffectiveSetting[];
}

export interface RouteSource extends ResourceKey {
  /** Its name, or its number counted from 1. Null for the route that a Service has by itself. */
  readonly rule: string | null;
  /** Counted from 1. */
  readonly match: number | null;
}

export interface ExplainedMiss {
  readonly name: string;
  readonly source: RouteSource | null;
  /** Counted from 1 among the routes of the virtual host. */
  readonly position: number;
  readonly match: string;
  /** The first condition that does not hold. */
  readonly reason: string;
}

export interface ExplainedFilter {
  readonly name: string;
  readonly acts: boolean;
  /** `as the route says`, `as the virtual host says`, `nothing is said to it here`. */
  readonly reason: string;
}

export interface ExplainedPolicy {
  readonly object: ResourceKey;
  /** What it is attached to. */
  readonly target: ResourceKey;
  readonly inForce: boolean;
  /** `it holds for the Service`; else which older policy holds. */
  readonly reason: string;
}

export interface ExplainedCluster {
  readonly name: string;
  /** Whether the proxy has it. */
  readonly exists: boolean;
  readonly weight: number;
  /** Of the requests on this route, 0–1. */
  readonly share: number;
  readonly loadBalancer: string;
  readonly endpoints: readonly ExplainedEndpoint[];
  readonly settings: readonly EffectiveSetting[];
}

export interface ExplainedEndpoint {
  readonly address: string;
  readonly workload: string | null;
  readonly zone: string;
  readonly priority: number;
  readonly weight: number;
  readonly health: string;
  /** Whether the caller uses it, where it uses a part of them; null where it uses all, or nobody knows who calls. */
  readonly inSubset: boolean | null;
  readonly eligible: boolean;
  /** Why it is not eligible. */
  readonly reason: string | null;
  /** What the proxy itself says of it, where it was asked. */
  readonly live: ExplainedLiveEndpoint | null;
}

export interface ExplainedLiveEndpoint {
  readonly health: string;
  readonly inSubset: boolean | null;
  readonly activeRequests: number;
  readonly connections: number;
}
