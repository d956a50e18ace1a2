/** Names of services and workloads from the `istio` metadata of clusters, endpoints and nodes. */
import type { JsonObject } from "@bufbuild/protobuf";
import {
  type ServiceLabels,
  UNKNOWN_SERVICE,
  UNKNOWN_WORKLOAD,
  type WorkloadLabels,
} from "../../telemetry/request-metrics.ts";

/** From a cluster: `{services: [{host, name, namespace}]}`. */
export function serviceLabels(metadata: JsonObject | undefined): ServiceLabels {
  const services = metadata?.["services"];
  const first = Array.isArray(services) ? services[0] : undefined;
  if (!isObject(first)) return UNKNOWN_SERVICE;
  return {
    host: text(first["host"], "unknown"),
    name: text(first["name"], "unknown"),
    namespace: text(first["namespace"], "unknown"),
  };
}

/** From an endpoint: `{workload: "name;namespace;canonical service;canonical revision;cluster"}`. */
export function workloadLabels(metadata: JsonObject | undefined): WorkloadLabels {
  const workload = metadata?.["workload"];
  if (typeof workload !== "string") return UNKNOWN_WORKLOAD;
  const [name, namespace, service, revision, cluster] = workload.split(";");
  return {
    ...UNKNOWN_WORKLOAD,
    workload: name || "unknown",
    namespace: namespace || "unknown",
    canonicalService: service || "unknown",
    canonicalRevision: revision || "latest",
    app: service || "unknown",
    version: revision || "unknown",
    cluster: cluster || "unknown",
  };
}

/** This proxy's own workload, from its node's metadata. */
export function nodeLabels(metadata: JsonObject | undefined, principal: string): WorkloadLabels {
  const labels = metadata?.["LABELS"];
  const own = isObject(labels) ? labels : {};
  const service = text(metadata?.["SERVICE"], "unknown");
  return {
    workload: text(metadata?.["WORKLOAD"], service),
    namespace: text(metadata?.["NAMESPACE"], "unknown"),
    canonicalService: service,
    canonicalRevision: text(own["version"], "latest"),
    app: text(own["app"], service),
    version: text(own["version"], "unknown"),
    cluster: text(metadata?.["CLUSTER_ID"], "unknown"),
    principal: principal === "" ? "unknown" : principal,
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}
