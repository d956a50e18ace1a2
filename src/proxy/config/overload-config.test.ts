import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { BootstrapSchema } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { messageRegistry } from "./message-registry.ts";
import { compileConnectionsMax } from "./overload-config.ts";

const CONFIG =
  "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig";
const NAME = "envoy.resource_monitors.global_downstream_max_connections";

function compiled(...monitors: readonly JsonObject[]) {
  const json = { overload_manager: { resource_monitors: [...monitors] } };
  const errors: FieldError[] = [];
  const bootstrap = fromJson(BootstrapSchema, json, { registry: messageRegistry });
  const max = compileConnectionsMax(bootstrap, errors);
  return { max, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function monitor(max: number): JsonObject {
  const typed_config = { "@type": CONFIG, max_active_downstream_connections: max };
  return { name: NAME, typed_config };
}

test("the bound of the overload manager, or none", () => {
  assert.deepEqual(compiled(monitor(1_000)), { max: 1_000, errors: [] });
  assert.deepEqual(compiled(), { max: undefined, errors: [] });
});

test("what the overload manager may not say is told by its path", () => {
  const heap = { ...monitor(1), name: "envoy.resource_monitors.fixed_heap" };
  const at = "overload_manager.resource_monitors";
  assert.deepEqual(compiled(heap, { name: NAME }, monitor(0), monitor(7), monitor(8)).errors, [
    `${at}[0].name: only ${NAME} is implemented`,
    `${at}[1].typed_config: must be ${CONFIG.slice(CONFIG.indexOf("/") + 1)}`,
    `${at}[2].typed_config.max_active_downstream_connections: must be above 0; leave the monitor out for the default`,
    `${at}[4].name: the monitor stands there already`,
  ]);
});
