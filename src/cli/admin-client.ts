/** The control plane's admin API as typed functions: one per endpoint that the CLI uses. */

import type {
  LoginResponse,
  TokenRequest,
  TokenResponse,
  TokensResponse,
  TokenView,
  WhoamiResponse,
} from "../control-plane/access-types.ts";
import type {
  InstanceActionRequest,
  InstanceActionResponse,
  RolloutActionRequest,
  RolloutActionResponse,
} from "../control-plane/action-types.ts";
import type {
  ApplyRequest,
  ApplyResponse,
  ChecksResponse,
  DeleteResponse,
  InstancesResponse,
  JoinTokenRequest,
  JoinTokenResponse,
  ResourceListResponse,
  ResourceObject,
  RevisionResponse,
  ServicesResponse,
  ServiceView,
  VersionResponse,
} from "../control-plane/api-types.ts";
import type { AuditResponse, AuditVerificationResponse } from "../control-plane/audit-types.ts";
import type {
  AuthzCheckRequest,
  AuthzCheckResponse,
  AuthzSuggestRequest,
  AuthzSuggestResponse,
} from "../control-plane/authz-types.ts";
import type {
  CaResponse,
  RetireRequest,
  RetireResponse,
  RotationRequest,
  RotationResponse,
} from "../control-plane/ca-types.ts";
import type { ExplainRequest, ExplainResponse } from "../control-plane/explain/explain-types.ts";
import type {
  ProxiesResponse,
  ProxyConfigResponse,
  ProxyView,
} from "../control-plane/proxy-types.ts";
import type { AdminCredentials } from "./access/credentials.ts";
import { type AdminTransport, createAdminTransport } from "./admin-transport.ts";
import type { AdminAddress } from "./find-control-plane.ts";
import { createTelemetryClient, type TelemetryClient } from "./telemetry/telemetry-client.ts";

/** One object, or one service. The namespace of a kind that has none is empty. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** Every function throws `CliError`: CLI_CANNOT_CONNECT, or an `AdminApiError` for a refusal. */
export interface AdminClient {
  /** For messages: `http://127.0.0.1:7700` or `unix:/…`. */
  readonly address: string;
  version(options?: CallOptions): Promise<VersionResponse>;
  /** All namespaces when `namespace` is left out. */
  list(
    kind: string,
    options?: { readonly namespace?: string | undefined; readonly labels?: string | undefined },
  ): Promise<ResourceListResponse>;
  get(kind: string, ref: ObjectRef): Promise<ResourceObject>;
  delete(kind: string, ref: ObjectRef): Promise<DeleteResponse>;
  apply(request: ApplyRequest): Promise<ApplyResponse>;
  proxies(): Promise<ProxiesResponse>;
  proxy(id: string): Promise<ProxyView>;
  proxyConfig(id: string): Promise<ProxyConfigResponse>;
  instances(): Promise<InstancesResponse>;
  /** Long poll of up to `waitSeconds` (0–60). */
  revision(revision: number, waitSeconds: number, options?: CallOptions): Promise<RevisionResponse>;
  services(): Promise<ServicesResponse>;
  service(ref: ObjectRef): Promise<ServiceView>;
  /** A root that expires within so many milliseconds is an error. */
  checks(certExpiresInMs?: number): Promise<ChecksResponse>;
  explain(request: ExplainRequest): Promise<ExplainResponse>;
  checkAuthorization(request: AuthzCheckRequest): Promise<AuthzCheckResponse>;
  suggestAuthorization(request: AuthzSuggestRequest): Promise<AuthzSuggestResponse>;
  instanceAction(ref: ObjectRef, body: InstanceActionRequest): Promise<InstanceActionResponse>;
  rolloutAction(ref: ObjectRef, body: RolloutActionRequest): Promise<RolloutActionResponse>;
  ca(): Promise<CaResponse>;
  rotate(body: RotationRequest): Promise<RotationResponse>;
  retireRoot(body: RetireRequest): Promise<RetireResponse>;
  whoami(): Promise<WhoamiResponse>;
  login(): Promise<LoginResponse>;
  audit(query: Readonly<Record<string, string | undefined>>): Promise<AuditResponse>;
  /** `head`: number and hash of a record that must be there. */
  verifyAudit(head?: string): Promise<AuditVerificationResponse>;
  tokens(): Promise<TokensResponse>;
  createToken(body: TokenRequest): Promise<TokenResponse>;
  revokeToken(name: string): Promise<TokenView>;
  /** Only over the unix socket. */
  joinToken(request: JoinTokenRequest): Promise<JoinTokenResponse>;
  /** What sidecars measured. */
  readonly telemetry: TelemetryClient;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for the answer, in milliseconds. */
  readonly timeoutMs?: number;
}

/** A gigabyte of records takes a while to hash. */
const VERIFY_TIMEOUT_MS = 120_000;
/** How much longer than the long poll itself to wait for its answer. */
const LONG_POLL_GRACE_MS = 10_000;

/** `trace` gets a line per answered request. */
export function createAdminClient(
  address: AdminAddress,
  trace?: (line: string) => void,
  credentials?: AdminCredentials,
): AdminClient {
  return clientOver(createAdminTransport(address, trace, credentials));
}

/** The client over any transport. */
export function clientOver(transport: AdminTransport): AdminClient {
  const get = <T>(path: string, query?: Readonly<Record<string, string | undefined>>) =>
    transport.request<T>({ method: "GET", path, ...(query === undefined ? {} : { query }) });
  return {
    address: transport.address,
    version: (options = {}) =>
      transport.request({ method: "GET", path: "/api/v1/version", ...options }),
    list: (kind, options = {}) =>
      get(path`/api/v1/resources/${kind}`, {
        namespace: options.namespace,
        labelSelector: options.labels,
      }),
    get: (kind, ref) => get(objectPath(kind, ref)),
    delete: (kind, ref) =>
      transport.request({
        method: "DELETE",
        path: objectPath(kind, ref),
      }),
    apply: (body) => transport.request({ method: "POST", path: "/api/v1/apply", body }),
    proxies: () => get("/api/v1/proxies"),
    proxy: (id) => get(path`/api/v1/proxies/${id}`),
    proxyConfig: (id) => get(path`/api/v1/proxies/${id}/config`),
    instances: () => get("/api/v1/instances"),
    revision: (revision, waitSeconds, options = {}) =>
      transport.request({
        method: "GET",
        path: `/api/v1/revisions/${revision}`,
        query: { waitSeconds: String(waitSeconds) },
        timeoutMs: waitSeconds * 1000 + LONG_POLL_GRACE_MS,
        ...options,
      }),
    services: () => get("/api/v1/services"),
    service: (ref) => get(path`/api/v1/services/${ref.namespace}/${ref.name}`),
    checks: (certExpiresInMs) =>
      get("/api/v1/checks", {
        certExpiresInSeconds:
          certExpiresInMs === undefined ? undefined : String(Math.ceil(certExpiresInMs / 1000)),
      }),
    checkAuthorization: (body) =>
      transport.request({ method: "POST", path: "/api/v1/authz/check", body }),
    suggestAuthorization: (body) =>
      transport.request({ method: "POST", path: "/api/v1/authz/suggest", body }),
    explain: (body) => transport.request({ method: "POST", path: "/api/v1/explain", body }),
    instanceAction: (ref, body) =>
      transport.request({
        method: "POST",
        path: path`/api/v1/instances/${ref.namespace}/${ref.name}/actions`,
        body,
      }),
    rolloutAction: (ref, body) =>
      transport.request({
        method: "POST",
        path: path`/api/v1/rollouts/${ref.namespace}/${ref.name}/actions`,
        body,
      }),
    ca: () => get("/api/v1/ca"),
    rotate: (body) => transport.request({ method: "POST", path: "/api/v1/ca/rotation", body }),
    retireRoot: (body) => transport.request({ method: "POST", path: "/api/v1/ca/retire", body }),
    whoami: () => get("/api/v1/whoami"),
    login: () => get("/api/v1/login"),
    audit: (query) => get("/api/v1/audit", query),
    verifyAudit: (head) =>
      transport.request({
        method: "GET",
        path: "/api/v1/audit/verification",
        query: { head },
        timeoutMs: VERIFY_TIMEOUT_MS,
      }),
    tokens: () => get("/api/v1/tokens"),
    createToken: (body) => transport.request({ method: "POST", path: "/api/v1/tokens", body }),
    revokeToken: (name) =>
      transport.request({ method: "DELETE", path: path`/api/v1/tokens/${name}` }),
    joinToken: (body) => transport.request({ method: "POST", path: "/api/v1/join-tokens", body }),
    telemetry: createTelemetryClient(transport),
  };
}

/** An object without a namespace has a dash in its place. */
function objectPath(kind: string, ref: ObjectRef): string {
  const namespace = ref.namespace === "" ? "-" : ref.namespace;
  return path`/api/v1/resources/${kind}/${namespace}/${ref.name}`;
}

/** A path whose inserted segments are escaped. */
function path(parts: TemplateStringsArray, ...segments: readonly string[]): string {
  return String.raw({ raw: parts }, ...segments.map(encodeURIComponent));
}
