/**
 * The families of Kiali's extension for meshes that are not Istio's: its graph without Istio's objects. Derived from what is
 * counted anyway: each request by its caller's sidecar, or by the server's where the caller has none.
 */
import type { Counter } from "./counter.ts";
import { DerivedCounter } from "./metric-derived.ts";
import type { Labels, MetricFamily } from "./metric-family.ts";
import type { MetricRegistry } from "./metric-registry.ts";

type Source = Pick<MetricFamily<Counter>, "series">;

export interface KialiSources {
  readonly requests: Source;
  readonly sent: Source;
  readonly received: Source;
}

export function registerKialiMetrics(
  registry: MetricRegistry,
  { requests, sent, received }: KialiSources,
): void {
  const derived = [
    new DerivedCounter(
      requests,
      registry.counter("kiali_ext_requests_total", "Requests, for Kiali's extension."),
      requestLabels,
    ),
    new DerivedCounter(
      sent,
      registry.counter("kiali_ext_tcp_sent_total", "Bytes sent, for Kiali's extension."),
      tcpLabels,
    ),
    new DerivedCounter(
      received,
      registry.counter("kiali_ext_tcp_received_total", "Bytes received, for Kiali's extension."),
      tcpLabels,
    ),
  ];
  registry.onCollect(() => {
    for (const one of derived) one.update();
  });
}

function requestLabels(labels: Labels): Labels | undefined {
  const ends = endLabels(labels);
  if (ends === undefined) return undefined;
  const isGrpc = labels["request_protocol"] === "grpc";
  const code = (isGrpc ? labels["grpc_response_status"] : undefined) ?? labels["response_code"];
  return {
    ...ends,
    protocol: labels["request_protocol"] ?? "http",
    status_code: code ?? "0",
    flags: labels["response_flags"] ?? "-",
  };
}

function tcpLabels(labels: Labels): Labels | undefined {
  const ends = endLabels(labels);
  return ends && { ...ends, flags: labels["response_flags"] ?? "-" };
}

function endLabels(labels: Labels): Labels | undefined {
  const isRoot = labels["source_workload"] === "unknown";
  const isSource = labels["reporter"] === "source";
  if (!isSource && !isRoot) return undefined;
  const security = labels["connection_security_policy"];
  return {
    extension: "tulle",
    source_cluster: labels["source_cluster"] ?? "unknown",
    source_is_root: String(isRoot),
    source_namespace: labels["source_workload_namespace"] ?? "unknown",
    source_name: labels["source_canonical_service"] ?? "unknown",
    dest_cluster: labels["destination_cluster"] ?? "unknown",
    dest_namespace: labels["destination_service_namespace"] ?? "unknown",
    dest_name: labels["destination_service_name"] ?? "unknown",
    // The caller's side does not know.
    ...(security === "unknown" ? {} : { secure: String(security === "mutual_tls") }),
  };
}
