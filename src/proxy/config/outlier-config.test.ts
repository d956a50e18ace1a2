/** OutlierDetection: Envoy's defaults, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { OutlierDetectionSchema } from "../../gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import { compileOutlierDetection, type OutlierSettings } from "./outlier-config.ts";

function compile(json: JsonObject): {
  readonly settings: OutlierSettings;
  readonly errors: readonly string[];
} {
  const errors: FieldError[] = [];
  const message = fromJson(OutlierDetectionSchema, json);
  const settings = compileOutlierDetection(message, "outlier_detection", errors);
  assert.ok(settings);
  return { settings, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

test("an empty message has Envoy's defaults", () => {
  const { settings, errors } = compile({});
  assert.deepEqual(errors, []);
  assert.deepEqual(settings, {
    consecutive5xx: 5,
    gatewayFailures: 5,
    consecutiveLocalFailures: 5,
    splitsLocalErrors: false,
    intervalMs: 10_000,
    baseEjectionMs: 30_000,
    ejectionMsMax: 300_000,
    ejectionJitterMs: 0,
    ejectedPercentMax: 10,
    ejectsOneAlways: false,
    successRate: { hostsMin: 5, requestsMin: 100 },
    successRateFactor: 1.9,
    failurePercentage: { hostsMin: 5, requestsMin: 50 },
    failurePercentageMin: 85,
    enforcing: {
      consecutive_5xx: 100,
      consecutive_gateway_failure: 0,
      consecutive_local_origin_failure: 100,
      success_rate: 100,
      local_origin_success_rate: 100,
      failure_percentage: 0,
      local_origin_failure_percentage: 0,
    },
    restoresOnHealthCheck: true,
  });
});

test("an ejection may last as long as the base time, which may be above Envoy's longest", () => {
  assert.equal(compile({ base_ejection_time: "400s" }).settings.ejectionMsMax, 400_000);
});

test("what Envoy refuses is refused, with its path", () => {
  const json = {
    interval: "0s",
    base_ejection_time: "10s",
    max_ejection_time: "5s",
    max_ejection_percent: 101,
    enforcing_success_rate: 200,
  };
  assert.deepEqual(compile(json).errors, [
    "outlier_detection.enforcing_success_rate: 200 is above 100",
    "outlier_detection.max_ejection_percent: 101 is above 100",
    "outlier_detection.max_ejection_time: must not be below base_ejection_time, which is 10000 ms",
    "outlier_detection.interval: must be above 0",
  ]);
});
