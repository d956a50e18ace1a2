/**
 * By what traffic is told apart in the store: of Istio's 25 labels those that a view needs, and the instance that tells.
 * Callers' instances are added up: each of their figures says which workload called, which is enough.
 */

import { parseSpiffeId, workloadIdentityFromSpiffeId } from "../../../identity/spiffe-id.ts";

export const DIMENSIONS = [
  "reporter",
  "sourceNamespace",
  "sourceName",
  "sourceVersion",
  "sourcePrincipal",
  "destinationNamespace",
  "destinationName",
  "destinationVersion",
  "destinationPrincipal",
  "protocol",
  "code",
  "grpcStatus",
  "flags",
  "security",
  "instance",
  "route",
  "backend",
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** `unknown` where nobody knows; empty where it does not apply. */
export type TrafficKey = Readonly<Record<Dimension, string>>;

export const UNKNOWN = "unknown";
/** Names are written by proxies, so they are cut. */
const TEXT_MAX = 256;

/** What Istio calls nobody in particular, and Envoy when there is no route. */
const NOBODY: ReadonlySet<string> = new Set(["", UNKNOWN, "-"]);

/** Of Istio's labels; `instance` is who tells. */
export function trafficKey(labels: ReadonlyMap<string, string>, instance: string): TrafficKey {
  const label = (...names: readonly string[]): string => {
    for (const name of names) {
      const value = labels.get(name) ?? "";
      if (!NOBODY.has(value)) return value.slice(0, TEXT_MAX);
    }
    return UNKNOWN;
  };
  const told = label("reporter");
  const reporter = told === "source" || told === "destination" ? told : UNKNOWN;
  const source = sourceOf(label);
  const grpcStatus = labels.get("grpc_response_status") ?? "";
  return {
    reporter,
    sourceNamespace: source.namespace,
    sourceName: source.name,
    sourceVersion: label("source_version"),
    sourcePrincipal: label("source_principal"),
    destinationNamespace: label("destination_service_namespace", "destination_workload_namespace"),
    destinationName: label(
      "destination_service_name",
      "destination_canonical_service",
      "destination_workload",
    ),
    destinationVersion: label("destination_version"),
    destinationPrincipal: label("destination_principal"),
    protocol: label("request_protocol"),
    code: (labels.get("response_code") ?? "").slice(0, 3),
    grpcStatus: grpcStatus.slice(0, 3),
    flags: (labels.get("response_flags") ?? "-").slice(0, TEXT_MAX),
    security: label("connection_security_policy"),
    instance: reporter === "destination" ? instance : "",
    route: "",
    backend: "",
  };
}

/** A caller that is known by its certificate alone is called by its account. */
function sourceOf(label: (...names: readonly string[]) => string): {
  readonly namespace: string;
  readonly name: string;
} {
  const namespace = label("source_workload_namespace");
  const name = label("source_canonical_service", "source_app", "source_workload");
  if (name !== UNKNOWN) return { namespace, name };
  const parsed = parseSpiffeId(label("source_principal"));
  const identity = parsed.ok ? workloadIdentityFromSpiffeId(parsed.id) : undefined;
  if (identity === undefined) return { namespace, name };
  return { namespace: identity.namespace, name: identity.serviceAccount };
}

/** Results by class, as codes: what is a failure stays one. */
const CODE_OF_CLASS: Readonly<Record<string, string>> = {
  none: "0",
  "1xx": "100",
  "2xx": "200",
  "3xx": "300",
  "4xx": "400",
  "5xx": "500",
};

/** Of `tulle_route_requests_total`, which callers' sidecars tell beside Istio's: reporter `route`. */
export function routeKey(
  labels: ReadonlyMap<string, string>,
  caller: { readonly namespace: string; readonly service: string },
): TrafficKey {
  const label = (name: string): string => (labels.get(name) ?? UNKNOWN).slice(0, TEXT_MAX);
  const result = labels.get("response_code_class") ?? "2xx";
  return {
    ...trafficKey(new Map(), ""),
    reporter: "route",
    sourceNamespace: caller.namespace,
    sourceName: caller.service,
    destinationNamespace: label("destination_service_namespace"),
    destinationName: label("destination_service_name"),
    protocol: "http",
    code: CODE_OF_CLASS[result] ?? "200",
    grpcStatus: result === "grpc_error" ? "2" : "",
    route: label("route"),
    backend: label("backend"),
  };
}

/** What CPU and memory of instances are kept under, beside traffic. */
export const RESOURCES = "resources";

/** Of no service: no question about traffic finds it. */
export function resourceKey({
  namespace,
  instance,
}: {
  readonly namespace: string;
  readonly instance: string;
}): TrafficKey {
  const none = Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, ""])) as TrafficKey;
  return { ...none, reporter: RESOURCES, destinationNamespace: namespace, code: "200", instance };
}

/** Kiali's and Istio's rule: HTTP 5xx and no answer; of gRPC every status but 0, whatever HTTP says. */
export function isErrorKey({ protocol, code, grpcStatus }: TrafficKey): boolean {
  if (protocol === "tcp") return false;
  if (grpcStatus !== "" && grpcStatus !== "0") return true;
  return code === "" || code === "0" || Number(code) >= 500;
}

/** Whether a proxy of this identity may say so: what it took itself, or what it sent itself. */
export function isOwnTraffic(
  labels: ReadonlyMap<string, string>,
  own: { readonly namespace: string; readonly principal: string },
): boolean {
  if (own.principal === "") return true;
  const side = labels.get("reporter") === "destination" ? "destination" : "source";
  const namespace = labels.get(`${side}_workload_namespace`) ?? "";
  const principal = labels.get(`${side}_principal`) ?? "";
  const isOwnNamespace = NOBODY.has(namespace) || namespace === own.namespace;
  return isOwnNamespace && (NOBODY.has(principal) || principal === own.principal);
}

/** Dimensions of the narrow figures: what most questions are about, with a tenth of the series. */
const NARROW: ReadonlySet<Dimension> = new Set([
  "reporter",
  "destinationNamespace",
  "destinationName",
  "protocol",
  "code",
  "grpcStatus",
  "flags",
  "security",
]);

/** The series of the narrow figures that a series adds to; undefined for those that have none. */
export function narrowKey(key: TrafficKey): TrafficKey | undefined {
  if (key.reporter === "route" || key.reporter === RESOURCES) return undefined;
  return Object.fromEntries(
    DIMENSIONS.map((dimension) => [dimension, NARROW.has(dimension) ? key[dimension] : ""]),
  ) as Record<Dimension, string>;
}

/** Whether the narrow figures can answer. */
export function isNarrow(dimensions: Iterable<string>): boolean {
  return [...dimensions].every((dimension) => NARROW.has(dimension as Dimension));
}

const SEPARATOR = "\u001f";

export function formatTrafficKey(key: TrafficKey): string {
  return DIMENSIONS.map((dimension) => key[dimension]).join(SEPARATOR);
}

export function parseTrafficKey(text: string): TrafficKey {
  const parts = text.split(SEPARATOR);
  return Object.fromEntries(
    DIMENSIONS.map((dimension, index) => [dimension, parts[index] ?? ""]),
  ) as Record<Dimension, string>;
}
