/** Endpoints: one flat list with priority, zone, weight, health and workload. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { EndpointInfo } from "../endpoint.ts";
import { compileEndpoints } from "./endpoint-config.ts";

function compile(endpoints: JsonObject[]): {
  readonly infos: readonly EndpointInfo[];
  readonly errors: readonly string[];
} {
  const errors: FieldError[] = [];
  const message = fromJson(ClusterLoadAssignmentSchema, { cluster_name: "c", endpoints });
  const infos = compileEndpoints(message, "load_assignment.", errors);
  return { infos, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function address(host: string, port: number): JsonObject {
  return { address: { socket_address: { address: host, port_value: port } } };
}

const at = (port: number, more: JsonObject = {}): JsonObject => ({
  endpoint: address("127.0.0.1", port),
  ...more,
});

test("localities become a flat list that keeps priority and zone", () => {
  const { infos, errors } = compile([
    { locality: { zone: "a" }, lb_endpoints: [at(1), at(2)] },
    { priority: 1, lb_endpoints: [at(3)] },
  ]);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    infos.map(({ port, zone, priority, weight }) => ({ port, zone, priority, weight })),
    [
      { port: 1, zone: "a", priority: 0, weight: 1 },
      { port: 2, zone: "a", priority: 0, weight: 1 },
      { port: 3, zone: "", priority: 1, weight: 1 },
    ],
  );
});

test("an endpoint is healthy unless its status says otherwise", () => {
  const health: Readonly<Record<string, boolean>> = {
    UNKNOWN: true,
    HEALTHY: true,
    DEGRADED: true,
    UNHEALTHY: false,
    DRAINING: false,
    TIMEOUT: false,
  };
  for (const [health_status, isHealthy] of Object.entries(health)) {
    const { infos } = compile([{ lb_endpoints: [at(1, { health_status })] }]);
    assert.equal(infos[0]?.isHealthy, isHealthy, health_status);
  }
});

test("weight and workload are read", () => {
  const metadata = { filter_metadata: { istio: { workload: "w;ns;svc;v2;zone-1" } } };
  const { infos } = compile([{ lb_endpoints: [at(1, { load_balancing_weight: 7, metadata })] }]);
  assert.equal(infos[0]?.weight, 7);
  assert.equal(infos[0]?.workload.workload, "w");
  assert.equal(infos[0]?.workload.canonicalRevision, "v2");
});

test("what cannot be meant is refused at its path", () => {
  const place = "load_assignment.endpoints[0].lb_endpoints[0]";
  const errorsOf = (endpoint: JsonObject): readonly string[] =>
    compile([{ lb_endpoints: [endpoint] }]).errors;
  assert.deepEqual(errorsOf({}), [`${place}: endpoint is required`]);
  assert.deepEqual(errorsOf(at(1, { load_balancing_weight: 0 })), [
    `${place}.load_balancing_weight: the least weight is 1`,
  ]);
  assert.deepEqual(errorsOf({ endpoint: address("localhost", 1) }), [
    `${place}.endpoint.address.socket_address.address: "localhost" is not an IP address`,
  ]);
  assert.deepEqual(errorsOf({ endpoint: address("::1", 70_000) }), [
    `${place}.endpoint.address.socket_address.port_value: 70000 is not a port`,
  ]);
  assert.deepEqual(errorsOf({ endpoint: {} }), [
    `${place}.endpoint.address: a socket_address with address and port_value is required`,
  ]);
  const udp = { socket_address: { protocol: "UDP", address: "127.0.0.1", port_value: 1 } };
  assert.deepEqual(errorsOf({ endpoint: { address: udp } }), [
    `${place}.endpoint.address.socket_address.protocol: only TCP is implemented`,
  ]);
  assert.deepEqual(compile([{ lb_endpoints: [at(1)] }, { lb_endpoints: [at(2), at(1)] }]).errors, [
    "load_assignment.endpoints[1].lb_endpoints[1]: 127.0.0.1:1 stands in two places",
  ]);
});
