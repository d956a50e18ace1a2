/** Slow start is found wherever a cluster says it, and its mistakes have their path. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { messageRegistry } from "./message-registry.ts";
import { compileSlowStart } from "./slow-start-config.ts";

const LB = "type.googleapis.com/envoy.extensions.load_balancing_policies";
const WINDOW = { slow_start_window: "10s" };
const SETTINGS = { windowMs: 10_000, aggression: 1, factorMin: 0.1 };

function compile(json: JsonObject) {
  const errors: FieldError[] = [];
  const message = fromJson(ClusterSchema, json, { registry: messageRegistry });
  const settings = compileSlowStart(message, errors);
  return { settings, errors: errors.map(({ path, message: text }) => `${path}: ${text}`) };
}

function policies(typed_config: JsonObject): JsonObject {
  return { policies: [{ typed_extension_config: { name: "policy", typed_config } }] };
}

function policy(type: string, value: JsonObject): JsonObject {
  return policies({ "@type": `${LB}.${type}`, ...value });
}

test("a cluster that says nothing has none", () => {
  assert.deepEqual(compile({}), { settings: undefined, errors: [] });
  assert.equal(
    compile({ load_balancing_policy: policy("random.v3.Random", {}) }).settings,
    undefined,
  );
});

test("it stands in the older field, in a policy, in a policy within another, or in the JSON of our own", () => {
  const robin = policy("round_robin.v3.RoundRobin", { slow_start_config: WINDOW });
  const peak = policies({
    "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
    type_url: `${LB}.peak_ewma.v3alpha.PeakEwma`,
    value: { slow_start_config: WINDOW },
  });
  const places: JsonObject[] = [
    { round_robin_lb_config: { slow_start_config: WINDOW } },
    { least_request_lb_config: { slow_start_config: WINDOW } },
    { load_balancing_policy: robin },
    { load_balancing_policy: peak },
    {
      load_balancing_policy: policy("subset.v3.Subset", {
        subset_lb_policy: policy("wrr_locality.v3.WrrLocality", { endpoint_picking_policy: robin }),
      }),
    },
  ];
  for (const place of places) {
    assert.deepEqual(compile(place), { settings: SETTINGS, errors: [] }, JSON.stringify(place));
  }
});

test("mistakes have their path", () => {
  const slow_start_config = {
    aggression: { default_value: 0, runtime_key: "a" },
    min_weight_percent: { value: 101 },
  };
  const at = "round_robin_lb_config.slow_start_config";
  assert.deepEqual(compile({ round_robin_lb_config: { slow_start_config } }).errors, [
    `${at}.slow_start_window: must be above 0`,
    `${at}.aggression.default_value: must be above 0`,
    `${at}.min_weight_percent.value: 101 is not from 0 to 100`,
  ]);
  const peak = policies({
    "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
    type_url: `${LB}.peak_ewma.v3alpha.PeakEwma`,
    value: { slow_start_config: { window: "1s" } },
  });
  const [error] = compile({ load_balancing_policy: peak }).errors;
  assert.match(error ?? "", /typed_config\.value\.slow_start_config: .*"window"/);
});
