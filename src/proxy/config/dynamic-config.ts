/** The `dynamic_resources` of a bootstrap file: listeners and clusters both come over one ADS stream. */
import type { FieldError } from "../../decision/field-error.ts";
import type { Bootstrap } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  ApiConfigSource_ApiType as ApiType,
  ApiVersion,
} from "../../gen/envoy/config/core/v3/config_source_pb.js";

/** The static cluster that carries the ADS stream, or undefined without `dynamic_resources`. */
export function channelCluster(bootstrap: Bootstrap, errors: FieldError[]): Cluster | undefined {
  const dynamic = bootstrap.dynamicResources;
  if (dynamic === undefined) return undefined;
  const refuse = (path: string, message: string): void => {
    errors.push({ path, message });
  };
  const at = "dynamic_resources";
  if (dynamic.ldsConfig === undefined) refuse(`${at}.lds_config`, "is required");
  if (dynamic.cdsConfig === undefined) refuse(`${at}.cds_config`, "is required");
  const { node } = bootstrap;
  if (!node?.id) refuse("node.id", "is required with dynamic_resources");
  if (!node?.cluster) refuse("node.cluster", "is required with dynamic_resources");
  const ads = dynamic.adsConfig;
  if (ads?.apiType !== ApiType.GRPC && ads?.apiType !== ApiType.DELTA_GRPC) {
    refuse(`${at}.ads_config.api_type`, "only GRPC and DELTA_GRPC are implemented");
  }
  if (ads?.transportApiVersion !== ApiVersion.V3) {
    refuse(`${at}.ads_config.transport_api_version`, "only V3 is implemented");
  }
  const services = ads?.grpcServices ?? [];
  if (services.length > 1) {
    refuse(`${at}.ads_config.grpc_services`, "only one is implemented");
  }
  const target = services[0]?.targetSpecifier;
  const first = `${at}.ads_config.grpc_services[0]`;
  if (services[0]?.timeout !== undefined) refuse(`${first}.timeout`, "is not implemented here");
  if (target?.case === "envoyGrpc" && target.value.authority !== "") {
    refuse(`${first}.envoy_grpc.authority`, "is not implemented here");
  }
  const name = target?.case === "envoyGrpc" ? target.value.clusterName : "";
  const cluster = bootstrap.staticResources?.clusters.find((candidate) => candidate.name === name);
  if (cluster === undefined) {
    const path = `${at}.ads_config.grpc_services[0].envoy_grpc.cluster_name`;
    refuse(path, `"${name}" is not one of static_resources.clusters`);
  }
  return cluster;
}
