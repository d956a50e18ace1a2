/**
 * Clusters of a gateway that are not as sidecars have them. To an app without a sidecar these speak what their client, an app
 * of the same mesh, speaks; a browser's version of HTTP says nothing of what an app understands.
 */
import { clone, create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type Cluster, ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { pack } from "../message.ts";
import type { XdsResource } from "../translation.ts";
import { HTTP1 } from "../upstream-http.ts";

const OPTIONS = HttpProtocolOptionsSchema.typeName;

/** In place of those of the same name. Calls of gRPC need a port that is declared as such. */
export function edgeClusters(clusters: readonly XdsResource[]): readonly XdsResource[] {
  return clusters.flatMap((resource) => {
    const cluster = resource.message as Cluster;
    const packed = cluster.typedExtensionProtocolOptions[OPTIONS];
    const options = packed && anyUnpack(packed, HttpProtocolOptionsSchema);
    if (options?.upstreamProtocolOptions.case !== "useDownstreamProtocolConfig") return [];
    const message = clone(ClusterSchema, cluster);
    const spoken = create(HttpProtocolOptionsSchema, { upstreamProtocolOptions: HTTP1 });
    options.upstreamProtocolOptions = spoken.upstreamProtocolOptions;
    message.typedExtensionProtocolOptions = {
      ...message.typedExtensionProtocolOptions,
      [OPTIONS]: pack(HttpProtocolOptionsSchema, options),
    };
    return [{ ...resource, message }];
  });
}
