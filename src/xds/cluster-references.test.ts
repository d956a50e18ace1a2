/** What clusters wait for, read out of their bytes. */
import assert from "node:assert/strict";
import test from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { edsCluster, tlsCluster } from "../../test/support/xds-resources.ts";
import { Cluster_DiscoveryType, ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterReferenceIndex } from "./cluster-references.ts";
import { encodedResource } from "./snapshot.ts";
import { CLUSTER_TYPE_URL } from "./type-urls.ts";

const encode = (init: Parameters<typeof create<typeof ClusterSchema>>[1]) => {
  const bytes = toBinary(ClusterSchema, create(ClusterSchema, init));
  return encodedResource({ typeUrl: CLUSTER_TYPE_URL, name: "c", bytes });
};

test("an EDS cluster waits for the assignment of its name, or of its service name", () => {
  const index = new ClusterReferenceIndex();
  assert.deepEqual(index.of(edsCluster("c")), { endpoints: "c", secrets: [] });
  const named = encode({
    name: "c",
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { serviceName: "service" },
  });
  assert.equal(index.of(named).endpoints, "service");
});

test("other clusters wait for no endpoints", () => {
  const value = Cluster_DiscoveryType.STATIC;
  const cluster = encode({ name: "c", clusterDiscoveryType: { case: "type", value } });
  assert.equal(new ClusterReferenceIndex().of(cluster).endpoints, undefined);
});

test("a TLS cluster waits for its secrets", () => {
  const { secrets } = new ClusterReferenceIndex().of(tlsCluster("c"));
  assert.deepEqual(secrets, ["default", "ROOTCA"]);
});

test("bytes that are no cluster wait for nothing", () => {
  const bad = encodedResource({ typeUrl: CLUSTER_TYPE_URL, name: "x", bytes: Buffer.from([255]) });
  assert.deepEqual(new ClusterReferenceIndex().of(bad), { endpoints: undefined, secrets: [] });
});
