/** Clusters: what each setting becomes, Envoy's defaults, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { CONNECT_TIMEOUT_MS } from "../../core/limits.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { type ClusterConfig, compileCluster } from "./cluster-config.ts";
import { messageRegistry } from "./message-registry.ts";

const TYPE = "type.googleapis.com/envoy";
const LB = `${TYPE}.extensions.load_balancing_policies`;

function compile(json: JsonObject): { config: ClusterConfig; errors: readonly string[] } {
  const errors: FieldError[] = [];
  const message = fromJson(ClusterSchema, { name: "c", ...json }, { registry: messageRegistry });
  const config = compileCluster(message, errors);
  return { config, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function compiled(json: JsonObject): ClusterConfig {
  const { config, errors } = compile(json);
  assert.deepEqual(errors, []);
  return config;
}

function errorsOf(json: JsonObject): readonly string[] {
  return compile(json).errors;
}

const EDS = { type: "EDS", eds_cluster_config: { eds_config: { ads: {} } } };

function policies(...configs: readonly JsonObject[]): JsonObject {
  return {
    load_balancing_policy: {
      policies: configs.map((typed_config) => ({
        typed_extension_config: { name: "p", typed_config },
      })),
    },
  };
}

const PEAK_EWMA = {
  "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
  type_url: `${LB}.peak_ewma.v3alpha.PeakEwma`,
};
const ROUND_ROBIN = { "@type": `${LB}.round_robin.v3.RoundRobin` };
const LEAST_REQUEST = { "@type": `${LB}.least_request.v3.LeastRequest` };
const RANDOM = { "@type": `${LB}.random.v3.Random` };
const UNKNOWN = {
  "@type": PEAK_EWMA["@type"],
  type_url: "type.googleapis.com/a.B",
  value: { x: 1 },
};

test("a cluster that says nothing has Envoy's defaults", () => {
  const config = compiled({});
  assert.equal(config.endpointsName, "");
  assert.deepEqual(config.endpoints, []);
  assert.equal(config.connectTimeoutMs, CONNECT_TIMEOUT_MS);
  assert.equal(config.balancer, "round-robin");
  assert.deepEqual(config.limits, {
    connectionsMax: 1024,
    pendingMax: 1024,
    requestsMax: 1024,
    retriesMax: 3,
  });
  assert.equal(config.panicThreshold, 0.5);
  assert.equal(config.tls, undefined);
  assert.equal(config.service.host, "unknown");
});

test("an EDS cluster names its endpoints, by itself where nothing else is said", () => {
  assert.equal(compiled(EDS).endpointsName, "c");
  const named = { eds_config: { ads: {} }, service_name: "s" };
  assert.equal(compiled({ type: "EDS", eds_cluster_config: named }).endpointsName, "s");
});

test("circuit breakers of the default priority count", () => {
  const { limits } = compiled({
    circuit_breakers: {
      thresholds: [
        { priority: "HIGH", max_connections: 1 },
        { max_connections: 5, max_retries: 0 },
      ],
    },
  });
  assert.equal(limits.connectionsMax, 5);
  assert.equal(limits.retriesMax, 0);
  assert.equal(limits.requestsMax, 1024);
});

test("timeouts and thresholds are read", () => {
  assert.equal(compiled({ connect_timeout: "0.25s" }).connectTimeoutMs, 250);
  const lb = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };
  assert.equal(compiled(lb).panicThreshold, 0);
});

test("the first load balancer that is known is taken, whatever stands around it", () => {
  const of = (...configs: readonly JsonObject[]): string => compiled(policies(...configs)).balancer;
  assert.equal(of(PEAK_EWMA, LEAST_REQUEST), "peak-ewma");
  assert.equal(of(UNKNOWN, RANDOM, ROUND_ROBIN), "random");
  assert.equal(of(ROUND_ROBIN), "round-robin");
  assert.equal(of({ ...LEAST_REQUEST, choice_count: 2 }), "least-request");
  assert.equal(compiled({ lb_policy: "RANDOM", ...policies(ROUND_ROBIN) }).balancer, "round-robin");
});

test("the older enumeration names three balancers", () => {
  assert.equal(compiled({ lb_policy: "ROUND_ROBIN" }).balancer, "round-robin");
  assert.equal(compiled({ lb_policy: "LEAST_REQUEST" }).balancer, "least-request");
  assert.equal(compiled({ lb_policy: "RANDOM" }).balancer, "random");
  assert.deepEqual(errorsOf({ lb_policy: "MAGLEV" }), [
    "lb_policy: MAGLEV is not implemented; use ROUND_ROBIN, LEAST_REQUEST, RANDOM",
  ]);
});

test("a load balancer's options that would have no effect are refused", () => {
  const at = "load_balancing_policy.policies[0].typed_extension_config.typed_config";
  assert.deepEqual(errorsOf(policies({ ...PEAK_EWMA, value: { decay_time: "5s" } })), [
    `${at}.value.decay_time: not implemented by this proxy`,
  ]);
  assert.deepEqual(errorsOf(policies({ ...LEAST_REQUEST, choice_count: 3 })), [
    `${at}.choice_count: only 2 is implemented`,
  ]);
  for (const json of [policies(UNKNOWN), policies()]) {
    assert.match(
      errorsOf(json)[0] ?? "",
      /^load_balancing_policy\.policies: none of the policies is implemented; use .*RoundRobin, /,
    );
  }
});

test("what cannot be meant is refused at its path, all at once", () => {
  assert.deepEqual(errorsOf({ name: "", type: "STRICT_DNS", connect_timeout: "0s" }), [
    "name: a name is required",
    "type: only STATIC and EDS are implemented",
    "connect_timeout: must be above 0",
  ]);
  assert.deepEqual(errorsOf({ type: "EDS", load_assignment: { cluster_name: "c" } }), [
    "eds_cluster_config.eds_config: is required for EDS",
    "load_assignment: EDS brings it: only for STATIC",
  ]);
  assert.deepEqual(errorsOf({ ...EDS, type: "STATIC" }), ["eds_cluster_config: only for EDS"]);
  const lb = { common_lb_config: { healthy_panic_threshold: { value: 101 } } };
  assert.deepEqual(errorsOf(lb), [
    "common_lb_config.healthy_panic_threshold.value: 101 is not from 0 to 100",
  ]);
  assert.deepEqual(errorsOf({ connect_timeout: "-1s" }), [
    "connect_timeout: must not be negative",
    "connect_timeout: must be above 0",
  ]);
});
