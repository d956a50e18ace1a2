import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { RateLimitSchema as ActionsSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import {
  RateLimitPerRouteSchema,
  RateLimitSchema,
} from "../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import type { FieldError } from "../field-error.ts";
import {
  compileRateLimitService,
  compileRateLimitServiceOfRoute,
  compileRouteLimits,
} from "./rate-limit-service-rule.ts";

const SERVICE = {
  grpc_service: { envoy_grpc: { cluster_name: "limits" } },
  transport_api_version: "V3",
};

function compile(fields: JsonObject) {
  const errors: FieldError[] = [];
  const message = fromJson(RateLimitSchema, fields);
  const rule = compileRateLimitService(anyPack(RateLimitSchema, message), "at", errors);
  return { rule, errors: errors.map(({ path, message: text }) => `${path}: ${text}`) };
}

test("what is not said is as in Envoy", () => {
  const { rule, errors } = compile({ domain: "a", rate_limit_service: SERVICE });
  assert.deepEqual(errors, []);
  assert.deepEqual(rule, {
    kind: "rate-limit-service",
    domain: "a",
    stage: 0,
    requestType: "both",
    timeoutMs: 20,
    deniesOnFailure: false,
    isExhausted: false,
    cluster: "limits",
    tellsLimit: false,
    marksRefusals: true,
    status: 429,
    failureStatus: 500,
    responseMutations: [],
  });
});

test("everything wrong is told by its path", () => {
  const { errors } = compile({
    stage: 11,
    request_type: "some",
    timeout: "-1s",
    rate_limit_service: { grpc_service: {} },
    response_headers_to_add: [{ header: { key: "" } }],
  });
  const paths = errors.map((text) => text.split(":")[0]);
  for (const field of [
    "domain",
    "stage",
    "request_type",
    "timeout",
    "rate_limit_service.transport_api_version",
    "rate_limit_service.grpc_service.envoy_grpc.cluster_name",
    "response_headers_to_add[0].header.key",
  ]) {
    assert.ok(paths.includes(`at.${field}`), `${field} in ${errors.join("\n")}`);
  }
});

test("routes say which lists count, and a host's errors are told once", () => {
  const message = create(RateLimitPerRouteSchema, { vhRateLimits: 1, domain: "b" });
  assert.deepEqual(compileRateLimitServiceOfRoute(anyPack(RateLimitPerRouteSchema, message)), {
    kind: "rate-limit-service-route",
    domain: "b",
    hostLimits: "include",
  });
  const wrong = [create(ActionsSchema, { stage: 11 })];
  const errors: FieldError[] = [];
  for (const route of ["host.routes[0]", "host.routes[1]"]) {
    compileRouteLimits(wrong, wrong, { route, host: "host" }, errors);
  }
  assert.deepEqual(
    errors.map(({ path }) => path),
    [
      "host.routes[0].route.rate_limits[0].actions",
      "host.routes[0].route.rate_limits[0].stage",
      "host.rate_limits[0].actions",
      "host.rate_limits[0].stage",
      "host.routes[1].route.rate_limits[0].actions",
      "host.routes[1].route.rate_limits[0].stage",
    ],
  );
  assert.equal(compileRouteLimits([], [], { route: "", host: "" }, errors), undefined);
});
