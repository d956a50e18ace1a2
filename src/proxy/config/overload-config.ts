/** The `overload_manager` of a bootstrap file, of which the bound on downstream connections is implemented. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import type { Bootstrap } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { DownstreamConnectionsConfigSchema } from "../../gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js";

/** The name that Envoy knows the monitor by. */
const MONITOR = "envoy.resource_monitors.global_downstream_max_connections";

/** Downstream connections of the whole proxy, undefined when the file says nothing. */
export function compileConnectionsMax(
  bootstrap: Bootstrap,
  errors: FieldError[],
): number | undefined {
  let max: number | undefined;
  const monitors = bootstrap.overloadManager?.resourceMonitors ?? [];
  for (const [index, { name, configType }] of monitors.entries()) {
    const path = `overload_manager.resource_monitors[${index}]`;
    const config =
      configType.value && anyUnpack(configType.value, DownstreamConnectionsConfigSchema);
    if (name !== MONITOR) {
      errors.push({ path: `${path}.name`, message: `only ${MONITOR} is implemented` });
    } else if (config === undefined) {
      const message = `must be ${DownstreamConnectionsConfigSchema.typeName}`;
      errors.push({ path: `${path}.typed_config`, message });
    } else if (config.maxActiveDownstreamConnections <= 0) {
      const message = "must be above 0; leave the monitor out for the default";
      errors.push({ path: `${path}.typed_config.max_active_downstream_connections`, message });
    } else if (max !== undefined) {
      errors.push({ path: `${path}.name`, message: "the monitor stands there already" });
    } else {
      max = Number(config.maxActiveDownstreamConnections);
    }
  }
  return max;
}
