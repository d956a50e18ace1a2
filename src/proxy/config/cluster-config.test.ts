/** Clusters: what each setting becomes, Envoy's defaults, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { CONNECT_TIMEOUT_MS } from "../../core/limits.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { type ClusterConfig, compileCluster } from "./cluster-config.ts";
import { messageRegistry } from "./message-registry.ts";

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

test("a cluster that says nothing has Envoy's defaults", () => {
  const config = compiled({});
  assert.equal(config.endpointsName, "");
  assert.deepEqual(config.endpoints, []);
  assert.equal(config.connectTimeoutMs, CONNECT_TIMEOUT_MS);
  assert.equal(config.balancer.policy.kind, "round-robin");
  assert.deepEqual(config.limits, {
    connectionsMax: 1024,
    pendingMax: 1024,
    requestsMax: 1024,
    retriesMax: 3,
    retryBudget: undefined,
    tracksRemaining: false,
  });
  assert.equal(config.hostConnectionsMax, Number.POSITIVE_INFINITY);
  assert.equal(config.tcpKeepalive, undefined);
  assert.equal(config.panicThreshold, 0.5);
  assert.equal(config.tls, undefined);
  assert.equal(config.service.host, "unknown");
});

test("an EDS cluster names its endpoints, by itself where nothing else is said", () => {
  assert.equal(compiled(EDS).endpointsName, "c");
  const named = { eds_config: { ads: {} }, service_name: "s" };
  assert.equal(compiled({ type: "EDS", eds_cluster_config: named }).endpointsName, "s");
});

test("circuit breakers count by priority", () => {
  const { limits, urgentLimits } = compiled({
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
  assert.equal(urgentLimits.connectionsMax, 1);
});

test("a retry budget has Envoy's defaults; a host has its own limit of connections", () => {
  const { limits, hostConnectionsMax } = compiled({
    circuit_breakers: {
      thresholds: [{ retry_budget: {}, track_remaining: true }],
      per_host_thresholds: [{ max_connections: 7 }],
    },
  });
  assert.deepEqual(limits.retryBudget, { fraction: 0.2, concurrencyMin: 3 });
  assert.equal(limits.tracksRemaining, true);
  assert.equal(hostConnectionsMax, 7);
  const wrong = {
    thresholds: [{ retry_budget: { budget_percent: { value: 101 } } }],
    per_host_thresholds: [{ max_requests: 1 }, { priority: "HIGH" }],
  };
  assert.deepEqual(errorsOf({ circuit_breakers: wrong }), [
    "circuit_breakers.thresholds[0].retry_budget.budget_percent.value: 101 is not from 0 to 100",
    "circuit_breakers.per_host_thresholds[0]: only max_connections is implemented for a single host",
    "circuit_breakers.per_host_thresholds[1].priority: only DEFAULT is implemented: both priorities share their connections",
  ]);
});

test("TCP keep-alive has the defaults of Linux, and its bounds", () => {
  const keepalive = (tcp_keepalive: JsonObject) => ({
    upstream_connection_options: { tcp_keepalive },
  });
  assert.deepEqual(compiled(keepalive({ keepalive_time: 60 })).tcpKeepalive, {
    idleMs: 60_000,
    intervalMs: 75_000,
    probes: 9,
  });
  assert.deepEqual(errorsOf(keepalive({ keepalive_interval: 0, keepalive_probes: 128 })), [
    "upstream_connection_options.tcp_keepalive.keepalive_interval: 0 is not from 1 to 32767",
    "upstream_connection_options.tcp_keepalive.keepalive_probes: 128 is not from 1 to 127",
  ]);
});

test("timeouts and thresholds are read", () => {
  assert.equal(compiled({ connect_timeout: "0.25s" }).connectTimeoutMs, 250);
  const lb = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };
  assert.equal(compiled(lb).panicThreshold, 0);
});

test("what cannot be meant is refused at its path, all at once", () => {
  assert.deepEqual(errorsOf({ name: "", type: "ORIGINAL_DST", connect_timeout: "0s" }), [
    "name: a name is required",
    "type: only STATIC, STRICT_DNS, LOGICAL_DNS and EDS are implemented",
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
