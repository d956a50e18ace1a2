import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { KeepaliveSettingsSchema } from "../../gen/envoy/config/core/v3/protocol_pb.js";
import { compileKeepalive } from "./keepalive-config.ts";

function compiled(json: JsonObject) {
  const errors: FieldError[] = [];
  const config = compileKeepalive(fromJson(KeepaliveSettingsSchema, json), "keepalive", errors);
  return { config, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

test("a keepalive with Envoy's defaults", () => {
  const { config, errors } = compiled({ interval: "10s", timeout: "2.5s" });
  assert.deepEqual(errors, []);
  assert.deepEqual(config, {
    intervalMs: 10_000,
    intervalJitter: 0.15,
    timeoutMs: 2_500,
    idleIntervalMs: 0,
  });
  assert.equal(compileKeepalive(undefined, "keepalive", []), undefined);
});

test("what a keepalive may not say is told by its path, all at once", () => {
  assert.deepEqual(
    compiled({
      interval: "0.05s",
      connection_idle_interval: "-1s",
      interval_jitter: { value: 101 },
    }).errors,
    [
      "keepalive.timeout: is required, and at least 1 ms",
      "keepalive.interval_jitter.value: 101 is not from 0 to 100",
      "keepalive.interval: 50 ms is below 100 ms: peers take so many PING frames for an attack",
      "keepalive.connection_idle_interval: must not be negative",
    ],
  );
});
