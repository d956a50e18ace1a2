/** Who tells the metrics: this proxy as a resource of OpenTelemetry. */
import type { Node } from "../../gen/envoy/config/core/v3/base_pb.js";
import type { Labels } from "../../telemetry/metric-family.ts";
import { nodeLabels } from "../config/metadata-labels.ts";

/** Attributes by OpenTelemetry's conventions for services; `mesh.cluster` where it is known. */
export function metricsResource(node: Node | undefined): Labels {
  const { canonicalService, namespace, version, cluster } = nodeLabels(node?.metadata, "");
  const own = node?.cluster || "unknown";
  const attributes: Record<string, string> = {
    "service.name": canonicalService === "unknown" ? own : canonicalService,
    "service.namespace": namespace,
    "service.instance.id": node?.id ?? "",
  };
  if (version !== "unknown") attributes["service.version"] = version;
  if (cluster !== "unknown") attributes["mesh.cluster"] = cluster;
  return attributes;
}

/** Whether collectors get histograms as exponential ones: `OTLP_HISTOGRAMS: exponential` of the node's metadata. */
export function wantsExponential(node: Node | undefined): boolean {
  return node?.metadata?.["OTLP_HISTOGRAMS"] === "exponential";
}
