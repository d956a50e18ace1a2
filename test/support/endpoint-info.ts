/** An endpoint as configuration describes it, in the few words that a test needs. */
import type { EndpointInfo } from "../../src/proxy/endpoint.ts";
import { UNKNOWN_LOCALITY } from "../../src/proxy/load-balancer/host.ts";
import { UNKNOWN_WORKLOAD } from "../../src/telemetry/request-metrics.ts";

export function endpointInfo(
  fields: Partial<EndpointInfo> & Pick<EndpointInfo, "port">,
): EndpointInfo {
  return {
    host: "127.0.0.1",
    weight: 1,
    isHealthy: true,
    isDegraded: false,
    isDraining: false,
    priority: 0,
    zone: "",
    locality: UNKNOWN_LOCALITY,
    hostname: "",
    labels: undefined,
    workload: UNKNOWN_WORKLOAD,
    ...fields,
  };
}
