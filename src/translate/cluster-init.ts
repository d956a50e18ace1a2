/** What a cluster is made of before it has a name. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Cluster, ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";

export type ClusterInit = Exclude<MessageInitShape<typeof ClusterSchema>, Cluster>;
