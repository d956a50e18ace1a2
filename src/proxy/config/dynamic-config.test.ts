/** The link to a control plane as a bootstrap file asks for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { sampleBootstrap } from "../../../test/support/bootstrap-sample.ts";
import { SAMPLE_CHANNEL } from "../../../test/support/clusters-sample.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { BootstrapSchema } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { channelCluster } from "./dynamic-config.ts";
import { messageRegistry } from "./message-registry.ts";

function check(json: JsonObject): { readonly name: string | undefined; readonly errors: string[] } {
  const errors: FieldError[] = [];
  const bootstrap = fromJson(BootstrapSchema, json, { registry: messageRegistry });
  const cluster = channelCluster(bootstrap, errors);
  return { name: cluster?.name, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function ads(config: JsonObject): readonly string[] {
  const sample = sampleBootstrap();
  const dynamic = sample["dynamic_resources"] as JsonObject;
  dynamic["ads_config"] = { ...(dynamic["ads_config"] as JsonObject), ...config };
  return check(sample).errors;
}

test("the cluster that ADS names carries the stream", () => {
  assert.deepEqual(check(sampleBootstrap()), { name: SAMPLE_CHANNEL, errors: [] });
});

test("without dynamic_resources there is none, and nothing to ask for", () => {
  assert.deepEqual(check({}), { name: undefined, errors: [] });
});

test("what is missing is told all at once", () => {
  const at = "dynamic_resources";
  assert.deepEqual(check({ dynamic_resources: {} }).errors, [
    `${at}.lds_config: is required`,
    `${at}.cds_config: is required`,
    "node.id: is required with dynamic_resources",
    "node.cluster: is required with dynamic_resources",
    `${at}.ads_config.api_type: only GRPC and DELTA_GRPC are implemented`,
    `${at}.ads_config.transport_api_version: only V3 is implemented`,
    `${at}.ads_config.grpc_services[0].envoy_grpc.cluster_name: "" is not one of static_resources.clusters`,
  ]);
});

test("other protocols, versions and further services are refused", () => {
  const at = "dynamic_resources.ads_config";
  assert.deepEqual(ads({ api_type: "GRPC" }), []);
  assert.deepEqual(ads({ api_type: "REST" }), [
    `${at}.api_type: only GRPC and DELTA_GRPC are implemented`,
  ]);
  assert.deepEqual(ads({ transport_api_version: "AUTO" }), [
    `${at}.transport_api_version: only V3 is implemented`,
  ]);
  const service = (name: string): JsonObject => ({ envoy_grpc: { cluster_name: name } });
  assert.deepEqual(ads({ grpc_services: [service(SAMPLE_CHANNEL), service("other")] }), [
    `${at}.grpc_services: only one is implemented`,
  ]);
  assert.deepEqual(ads({ grpc_services: [service("other")] }), [
    `${at}.grpc_services[0].envoy_grpc.cluster_name: "other" is not one of static_resources.clusters`,
  ]);
});
