/**
 * Every endpoint of the admin API, as data: the OpenAPI document, the nearest-match hints and the
 * reference page are made of it, and a test holds it against what the application serves.
 */
import { TELEMETRY_ROUTES } from "./telemetry-api-routes.ts";

export interface ApiParameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly type: "string" | "integer";
  readonly description: string;
}

export interface ApiRoute {
  readonly method: "GET" | "POST" | "DELETE";
  /** OpenAPI's form: `/api/v1/resources/{kind}`. */
  readonly path: string;
  readonly summary: string;
  /** The name of the response's type in one of `src/control-plane/*-types.ts`, or of another media type. */
  readonly response: string;
  readonly mediaType?: string;
  /** The name of the request body's schema in `request-schemas.ts`. */
  readonly request?:
    | "ApplyRequest"
    | "AuthzCheckRequest"
    | "AuthzSuggestRequest"
    | "InstanceActionRequest"
    | "ExplainRequest"
    | "JoinTokenRequest"
    | "RetireRequest"
    | "RotationRequest"
    | "RolloutActionRequest"
    | "TokenRequest";
  readonly parameters: readonly ApiParameter[];
  /** Statuses besides 200, each answered with an `ApiErrorBody`. */
  readonly errors: readonly number[];
}

const KIND: ApiParameter = {
  name: "kind",
  in: "path",
  type: "string",
  description: "A kind, its plural or short name, in any case: HTTPRoute, httproutes, svc.",
};
const NAMESPACE: ApiParameter = {
  name: "namespace",
  in: "path",
  type: "string",
  description: "The namespace. Of a cluster-scoped kind: any text.",
};
const NAME: ApiParameter = { name: "name", in: "path", type: "string", description: "The name." };
const PROXY: ApiParameter = {
  name: "id",
  in: "path",
  type: "string",
  description: "A proxy's id, or namespace/id (with the slash escaped) where two share it.",
};

export const API_ROUTES: readonly ApiRoute[] = [
  {
    method: "GET",
    path: "/healthz",
    summary: "Whether the control plane serves.",
    response: "HealthResponse",
    parameters: [],
    errors: [503],
  },
  {
    method: "GET",
    path: "/metrics",
    summary: "The control plane's metrics in Prometheus' text format.",
    response: "text",
    mediaType: "text/plain",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/prometheus/targets",
    summary: "Whom Prometheus is to scrape, for its http_sd_configs.",
    response: "ScrapeTarget[]",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/openapi.json",
    summary: "This document.",
    response: "OpenApiDocument",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/version",
    summary: "What runs, for which mesh, since when.",
    response: "VersionResponse",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/resources/{kind}",
    summary: "Objects of a kind.",
    response: "ResourceListResponse",
    parameters: [
      KIND,
      { name: "namespace", in: "query", type: "string", description: "Only this namespace." },
      {
        name: "labelSelector",
        in: "query",
        type: "string",
        description: "app=catalog,version!=v1,zone in (a,b),!canary",
      },
    ],
    errors: [400, 404],
  },
  {
    method: "GET",
    path: "/api/v1/resources/{kind}/{namespace}/{name}",
    summary: "One object.",
    response: "ResourceObject",
    parameters: [KIND, NAMESPACE, NAME],
    errors: [404],
  },
  {
    method: "DELETE",
    path: "/api/v1/resources/{kind}/{namespace}/{name}",
    summary: "Deletes one object.",
    response: "DeleteResponse",
    parameters: [KIND, NAMESPACE, NAME],
    errors: [404, 409],
  },
  {
    method: "POST",
    path: "/api/v1/apply",
    summary: "Creates and configures objects: all of them or, if any breaks its schema, none.",
    response: "ApplyResponse",
    request: "ApplyRequest",
    parameters: [],
    errors: [400, 409, 413, 422],
  },
  {
    method: "GET",
    path: "/api/v1/proxies",
    summary: "Every proxy: connected or not, what it was sent, acknowledged and refused.",
    response: "ProxiesResponse",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/proxies/{id}",
    summary: "One proxy.",
    response: "ProxyView",
    parameters: [PROXY],
    errors: [404],
  },
  {
    method: "GET",
    path: "/api/v1/proxies/{id}/config",
    summary: "The xDS resources that a proxy ought to run, in protobuf JSON.",
    response: "ProxyConfigResponse",
    parameters: [PROXY],
    errors: [404],
  },
  {
    method: "GET",
    path: "/api/v1/instances",
    summary: "Every instance of every service, registered or written by hand.",
    response: "InstancesResponse",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/revisions/{revision}",
    summary: "Whether every connected proxy runs a revision; waits for it when asked to.",
    response: "RevisionResponse",
    parameters: [
      { name: "revision", in: "path", type: "integer", description: "From the answer to apply." },
      {
        name: "waitSeconds",
        in: "query",
        type: "integer",
        description: "Answer after this long at the latest: 0 (default) to 60.",
      },
    ],
    errors: [400],
  },
  {
    method: "GET",
    path: "/api/v1/whoami",
    summary: "Who you are to this API, and what you may do.",
    response: "WhoamiResponse",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/login",
    summary: "Where users of this control plane log in. For everybody.",
    response: "LoginResponse",
    parameters: [],
    errors: [404],
  },
  {
    method: "GET",
    path: "/api/v1/tokens",
    summary: "Tokens of this API, without their secrets.",
    response: "TokensResponse",
    parameters: [],
    errors: [],
  },
  {
    method: "POST",
    path: "/api/v1/tokens",
    summary: "Makes a token with a role and an end. It is shown this once.",
    response: "TokenResponse",
    request: "TokenRequest",
    parameters: [],
    errors: [400, 409],
  },
  {
    method: "DELETE",
    path: "/api/v1/tokens/{name}",
    summary: "Revokes a token.",
    response: "TokenView",
    parameters: [NAME],
    errors: [404],
  },
  {
    method: "POST",
    path: "/api/v1/join-tokens",
    summary: "A single-use token for a workload's first certificate. Only on the unix socket.",
    response: "JoinTokenResponse",
    request: "JoinTokenRequest",
    parameters: [],
    errors: [400, 403],
  },
  {
    method: "GET",
    path: "/api/v1/services",
    summary: "Every service with its endpoints, routes and effective policy.",
    response: "ServicesResponse",
    parameters: [],
    errors: [],
  },
  {
    method: "GET",
    path: "/api/v1/services/{namespace}/{name}",
    summary: "One service.",
    response: "ServiceView",
    parameters: [NAMESPACE, NAME],
    errors: [404],
  },
  {
    method: "GET",
    path: "/api/v1/checks",
    summary: "Whether everything is right, with a hint for each thing that is not.",
    response: "ChecksResponse",
    parameters: [
      {
        name: "certExpiresInSeconds",
        in: "query",
        type: "integer",
        description: "A root that expires sooner is an error. Default: seven days.",
      },
    ],
    errors: [],
  },
  {
    method: "POST",
    path: "/api/v1/instances/{namespace}/{name}/actions",
    summary: "Takes an instance out of service for maintenance, or back.",
    response: "InstanceActionResponse",
    request: "InstanceActionRequest",
    parameters: [NAMESPACE, NAME],
    errors: [400, 404],
  },
  {
    method: "GET",
    path: "/api/v1/ca",
    summary: "Roots, who depends on each, and the rotation that is under way.",
    response: "CaResponse",
    parameters: [],
    errors: [],
  },
  {
    method: "POST",
    path: "/api/v1/ca/rotation",
    summary: "Begins a rotation of the root, goes on with it, pauses or aborts it.",
    response: "RotationResponse",
    request: "RotationRequest",
    parameters: [],
    errors: [400, 409],
  },
  {
    method: "POST",
    path: "/api/v1/ca/retire",
    summary: "Trusts a root no more, unless something depends on it.",
    response: "RetireResponse",
    request: "RetireRequest",
    parameters: [],
    errors: [400, 409],
  },
  {
    method: "GET",
    path: "/api/v1/rollouts/{namespace}/{name}",
    summary: "A Rollout's steps, where it is, and the looks at its gates.",
    response: "RolloutView",
    parameters: [NAMESPACE, NAME],
    errors: [404],
  },
  {
    method: "POST",
    path: "/api/v1/rollouts/{namespace}/{name}/actions",
    summary: "Tells a Rollout what to do; 409 says why that cannot be now.",
    response: "RolloutActionResponse",
    request: "RolloutActionRequest",
    parameters: [NAMESPACE, NAME],
    errors: [400, 404, 409],
  },
  {
    method: "POST",
    path: "/api/v1/explain",
    summary: "What a proxy would do with a request, and why. Changes nothing.",
    response: "ExplainResponse",
    request: "ExplainRequest",
    parameters: [],
    errors: [400, 404],
  },
  {
    method: "POST",
    path: "/api/v1/authz/check",
    summary:
      "Whether policy lets a request or a connection in, and by which rule. Changes nothing.",
    response: "AuthzCheckResponse",
    request: "AuthzCheckRequest",
    parameters: [],
    errors: [400, 404],
  },
  {
    method: "POST",
    path: "/api/v1/authz/suggest",
    summary: "The least policies that let observed calls in, and what they would have denied.",
    response: "AuthzSuggestResponse",
    request: "AuthzSuggestRequest",
    parameters: [],
    errors: [400, 404],
  },
  {
    method: "GET",
    path: "/api/v1/audit",
    summary: "Records of the audit log: the newest that match, or those after a number.",
    response: "AuditResponse",
    parameters: [
      { name: "kind", in: "query", type: "string", description: "change, access-denied, …" },
      { name: "actor", in: "query", type: "string", description: "A part of the actor's name." },
      {
        name: "object",
        in: "query",
        type: "string",
        description: "Kind, Kind/name or Kind/namespace/name.",
      },
      { name: "text", in: "query", type: "string", description: "A part of the record's text." },
      { name: "since", in: "query", type: "string", description: "An instant, ISO 8601." },
      { name: "until", in: "query", type: "string", description: "An instant, ISO 8601." },
      {
        name: "afterSeq",
        in: "query",
        type: "integer",
        description: "Records after this number, the oldest first.",
      },
      { name: "limit", in: "query", type: "integer", description: "1 to 1000; default 100." },
    ],
    errors: [400],
  },
  {
    method: "GET",
    path: "/api/v1/audit/verification",
    summary:
      "Whether the audit log is as it was written, or which record is the first that is not.",
    response: "AuditVerificationResponse",
    parameters: [
      {
        name: "head",
        in: "query",
        type: "string",
        description: "Number and hash of a record that must be there: 4812:5f0c1a2b.",
      },
    ],
    errors: [400],
  },
  {
    method: "GET",
    path: "/api/v1/watch",
    summary: "Changes of the store as server-sent events.",
    response: "WatchEventData",
    mediaType: "text/event-stream",
    parameters: [
      {
        name: "fromRevision",
        in: "query",
        type: "integer",
        description: "Events after this revision. Default: from now on. Last-Event-ID wins.",
      },
      { name: "kind", in: "query", type: "string", description: "Only this kind." },
    ],
    errors: [400, 404, 410],
  },
  ...TELEMETRY_ROUTES,
];
