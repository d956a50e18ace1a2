/**
 * The admin API's requests and responses, in JSON, which the CLI and the dashboard share; types only, no imports. Those
 * about proxies are in `proxy-types.ts`, those of failures in `api-error-types.ts`.
 * Every instant is an ISO 8601 string in UTC; every revision is a whole number of the store.
 */

/** `control-plane.json` in the state directory: how a client finds a running control plane. */
export interface ControlPlaneFile {
  readonly name: string;
  readonly pid: number;
  /** `http://127.0.0.1:7700`, without a trailing slash. */
  readonly adminUrl: string;
  /** `https://192.0.2.7:7701`; absent when it is not offered. */
  readonly adminTlsUrl?: string;
  /** Absolute path of the owner-only unix socket. */
  readonly adminSocket: string;
  /** `host:port` of the xDS and certificate service. */
  readonly xdsAddress: string;
  readonly trustDomain: string;
  readonly version: string;
}

// ---- GET /healthz, GET /api/v1/version ----

export interface HealthResponse {
  readonly status: "ok" | "starting" | "stopping";
  readonly revision: number;
}

export interface VersionResponse {
  readonly name: "tulle";
  readonly version: string;
  readonly apiVersion: "v1";
  /** `node v26.10.0`. */
  readonly runtime: string;
  readonly mesh: string;
  readonly trustDomain: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly revision: number;
  readonly xdsAddress: string;
}

// ---- GET|DELETE /api/v1/resources/{kind}[/{namespace}/{name}] ----
// {kind} is the kind, its plural or its short name, in any case: HTTPRoute, httproutes.

export interface ResourceKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface ResourceObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly uid?: string;
    /** The store revision that wrote the object last, in decimal. */
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** Query: `namespace` (all when left out), `labelSelector` (`app=catalog,version!=v1`). */
export interface ResourceListResponse {
  readonly kind: string;
  readonly apiVersion: string;
  readonly revision: number;
  /** Sorted by namespace, then name. */
  readonly items: readonly ResourceObject[];
}

export interface DeleteResponse {
  readonly object: ResourceKey;
  readonly revision: number;
}

// ---- POST /api/v1/apply ----

export interface ApplyRequest {
  /** YAML or JSON texts, each with any number of documents. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** Judge and report everything, write nothing. */
  readonly dryRun?: boolean;
}

export interface AppliedObject extends ResourceKey {
  readonly apiVersion: string;
  readonly action: "created" | "configured" | "unchanged";
  readonly file: string;
  readonly documentIndex: number;
}

export interface ApplyResponse {
  readonly dryRun: boolean;
  /** The store revision after the last write: what `apply --wait` waits for. */
  readonly revision: number;
  readonly objects: readonly AppliedObject[];
  /** Semantic checks of the mesh as it is (or would be) after this, about the applied objects. */
  readonly findings: readonly Finding[];
}

/** Something that is valid but will not do what its author wants. It never takes traffic down. */
export interface Finding {
  readonly severity: "error" | "warning" | "info";
  /** Stable, kebab-case: `backend-not-found`. */
  readonly code: string;
  readonly message: string;
  readonly object?: ResourceKey;
  readonly path?: string;
  readonly hint?: string;
}

// ---- GET /api/v1/instances ----

/**
 * `starting`: connected, its app does not answer yet. `unconfirmed`: known from before the control
 * plane restarted (or the stream's certificate expired), served until its sidecar comes back or the
 * window passes. `suspect`: stream gone. `manual`: a Workload written by hand.
 */
export type InstanceState =
  | "starting"
  | "healthy"
  | "unhealthy"
  | "draining"
  | "suspect"
  | "unconfirmed"
  | "manual";

export interface InstancesResponse {
  readonly revision: number;
  readonly instances: readonly InstanceView[];
}

export interface InstanceView {
  readonly name: string;
  readonly namespace: string;
  /** The service that the instance says it is. */
  readonly service: string;
  /** Services whose selectors match it. */
  readonly services: readonly string[];
  readonly serviceAccount: string;
  readonly version: string;
  readonly address: string;
  readonly zone: string;
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    readonly inboundPort: number;
    readonly protocol: string;
  }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly state: InstanceState;
  /** Since when it is in this state. */
  readonly stateSince: string;
  /** By `tulle drain`. */
  readonly maintenance: boolean;
  readonly serving: boolean;
}

// ---- GET /api/v1/revisions/{n}?waitSeconds= ----

/**
 * Long poll: answers when nothing is pending any more (every connected proxy acknowledged or refused), or
 * after `waitSeconds` (0–60, default 0).
 */
export interface RevisionResponse {
  /** The revision asked for. */
  readonly revision: number;
  /** The newest revision that was translated and handed to the proxies. */
  readonly translatedRevision: number;
  /** Every connected proxy that the revision affects has acknowledged it or a later one. */
  readonly done: boolean;
  readonly acknowledged: readonly string[];
  readonly pending: readonly { readonly proxy: string; readonly reason: string }[];
  readonly refused: readonly {
    readonly proxy: string;
    readonly type: string;
    readonly revision: number;
    readonly message: string;
  }[];
}

// ---- POST /api/v1/join-tokens (unix socket only) ----

export interface JoinTokenRequest {
  /** Default `default`. */
  readonly namespace?: string;
  readonly serviceAccount: string;
  /** Seconds, 1–3600, default 600. */
  readonly ttlSeconds?: number;
}

export interface JoinTokenResponse {
  /** Works once. Never log it. */
  readonly token: string;
  /** Every root of the trust domain. */
  readonly trustBundlePem: string;
  readonly spiffeId: string;
  readonly expiresAt: string;
  readonly xdsAddress: string;
  readonly trustDomain: string;
}

// ---- GET /api/v1/services[/{namespace}/{name}] ----

export interface ServicesResponse {
  readonly revision: number;
  readonly services: readonly ServiceView[];
  /** Where sidecars answer name queries, at their own address; absent when they do not. */
  readonly dnsPort?: number;
}

export interface ServiceView extends ResourceKey {
  readonly kind: "Service" | "ExternalService";
  readonly host: string;
  /** Position in every sidecar's block of loopback addresses: listeners sit at base + 256 + it. */
  readonly serviceIndex: number;
  /** The same of each instance that callers reach by its own name, `<instance>.<host>`: of a headless Service. */
  readonly instanceIndexes: Readonly<Record<string, number>>;
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    /** The port that outbound listeners bind: `port`, or `port` + 20000 when below 1024. */
    readonly listenPort: number;
    readonly targetPort: string;
    /** `http`, `http2`, `grpc`, `tls`, `tcp`; `undeclared`: told by the first bytes of each connection. */
    readonly protocol: string;
    /** Who says so: `appProtocol grpc`, `the port's name http-api`. */
    readonly protocolOrigin: string;
  }[];
  readonly selector: Readonly<Record<string, string>>;
  /** Endpoints grouped by the label `version`. */
  readonly versions: readonly ServiceVersionView[];
  /** Routes attached, oldest first. */
  readonly routes: readonly AttachedRouteView[];
  /** Effective settings, each with where it comes from. */
  readonly policy: readonly EffectiveSetting[];
  readonly findings: readonly Finding[];
}

export interface ServiceVersionView {
  readonly version: string;
  readonly endpoints: readonly {
    readonly instance: string;
    readonly address: string;
    readonly zone: string;
    readonly state: InstanceState;
    readonly serving: boolean;
  }[];
  readonly serving: number;
}

export interface AttachedRouteView extends ResourceKey {
  readonly accepted: boolean;
  readonly rules: readonly {
    /** One line per match: `path prefix /api, header x-user = alice`. */
    readonly matches: readonly string[];
    readonly filters: readonly string[];
    readonly backends: readonly {
      readonly name: string;
      readonly namespace: string;
      readonly port: number | null;
      readonly weight: number;
      /** Of the rule's weights, 0–1. */
      readonly share: number;
    }[];
  }[];
}

export interface EffectiveSetting {
  /** `loadBalancer.algorithm`, `connectTimeout`, `timeouts.request`. */
  readonly field: string;
  readonly value: string;
  /** `TrafficPolicy default/catalog`, `MeshConfig default`, `built-in default`. */
  readonly origin: string;
}

// ---- GET /api/v1/checks ----

export interface ChecksResponse {
  readonly ok: boolean;
  readonly revision: number;
  readonly checks: readonly CheckView[];
}

/** One question of `tulle check`, with everything that answers it badly. */
export interface CheckView {
  /** Stable, kebab-case: `certificate-authority`. */
  readonly name: string;
  /** `the certificate authority is valid`. */
  readonly title: string;
  readonly status: "pass" | "warn" | "fail";
  readonly findings: readonly Finding[];
}

// ---- GET /api/v1/watch?fromRevision=&kind= ----

/**
 * Server-sent events. `event:` is `put`, `delete`, `bookmark` (nothing before `id` is missing) or
 * `error` (data is an ApiErrorBody; the stream ends); `id:` is the revision, so that a browser's
 * `Last-Event-ID` resumes. Without `fromRevision` the stream begins now.
 */
export interface WatchEventData {
  readonly revision: number;
  readonly key: ResourceKey | null;
  /** Null for `delete` and `bookmark`. */
  readonly object: ResourceObject | null;
}

// ---- GET /api/v1/prometheus/targets ----

/** An entry of Prometheus' HTTP service discovery; the answer is a list of them. */
export interface ScrapeTarget {
  /** `host:port`. */
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}
