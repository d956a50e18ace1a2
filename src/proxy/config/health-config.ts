/** What a Cluster message asks for to watch the health of its endpoints. */
import type { FieldError } from "../../decision/field-error.ts";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { HealthSettings } from "../health/cluster-health.ts";
import { compileHealthCheck } from "./health-check-config.ts";
import { compileOutlierDetection } from "./outlier-config.ts";
import { compileSlowStart } from "./slow-start-config.ts";
import type { ProtocolChoice } from "./upstream-http-config.ts";

/** Undefined where it asks for nothing. `protocol`: what the cluster speaks. */
export function compileHealth(
  cluster: Cluster,
  protocol: ProtocolChoice,
  errors: FieldError[],
): HealthSettings | undefined {
  const settings: HealthSettings = {
    outlierDetection: compileOutlierDetection(
      cluster.outlierDetection,
      "outlier_detection",
      errors,
    ),
    healthCheck: compileHealthCheck(cluster, protocol, errors),
    slowStart: compileSlowStart(cluster, errors),
    cutsConnectionsOnFailure: cluster.closeConnectionsOnHostHealthFailure,
  };
  const { outlierDetection, healthCheck, slowStart } = settings;
  const isAny = [outlierDetection, healthCheck, slowStart].some((part) => part !== undefined);
  return isAny ? settings : undefined;
}
