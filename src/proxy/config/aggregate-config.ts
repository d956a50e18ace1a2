/** Which clusters an aggregate cluster stands for. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Cluster,
  Cluster_LbPolicy as LbPolicy,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterConfigSchema } from "../../gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.js";

/** Undefined for other clusters. */
export function compileAggregate(
  cluster: Cluster,
  errors: FieldError[],
): readonly string[] | undefined {
  const type = cluster.clusterDiscoveryType;
  if (type.case !== "clusterType") return undefined;
  const config = type.value.typedConfig && anyUnpack(type.value.typedConfig, ClusterConfigSchema);
  if (config === undefined) {
    const path = "cluster_type.typed_config";
    errors.push({ path, message: "only envoy.extensions.clusters.aggregate is implemented" });
    return [];
  }
  if (config.clusters.length === 0) {
    const path = "cluster_type.typed_config.clusters";
    errors.push({ path, message: "at least one cluster is required" });
  }
  if (cluster.lbPolicy !== LbPolicy.CLUSTER_PROVIDED) {
    errors.push({ path: "lb_policy", message: "of an aggregate cluster must be CLUSTER_PROVIDED" });
  }
  if (cluster.loadAssignment !== undefined) {
    const message = "an aggregate cluster has the endpoints of its clusters";
    errors.push({ path: "load_assignment", message });
  }
  return config.clusters;
}
