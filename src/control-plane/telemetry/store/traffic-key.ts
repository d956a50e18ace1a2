/**
 * By what traffic is told apart in the store: of Istio's 25 labels those that a view needs, and the instance that tells.
 * Callers' instances are added up: each of their figures says which workload called, which is enough.
 */

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
  const reporter = label("reporter");
  const grpcStatus = labels.get("grpc_response_status") ?? "";
  return {
    reporter,
    sourceNamespace: label("source_workload_namespace"),
    sourceName: label("source_canonical_service", "source_app", "source_workload"),
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
  };
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
