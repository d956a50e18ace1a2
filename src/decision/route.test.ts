/** What a route does: forwarding, mirrors, direct responses, and what of them is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { compiledRoute, routeErrors } from "../../test/support/routing-fixture.ts";
import { ROUTE_TIMEOUT_MS } from "../core/limits.ts";
import { NO_RETRY } from "./retry-rule.ts";
import type { DirectResponse, ForwardAction } from "./route.ts";

function forward(action: JsonObject): ForwardAction {
  const route = compiledRoute({ match: { prefix: "/" }, route: { cluster: "c", ...action } });
  assert.ok(route.action.kind === "forward");
  return route.action;
}

function direct(action: JsonObject): DirectResponse {
  const route = compiledRoute({ match: { prefix: "/" }, direct_response: action });
  assert.ok(route.action.kind === "direct");
  return route.action;
}

function forwardErrors(action: JsonObject): readonly string[] {
  return routeErrors({ match: { prefix: "/" }, route: { cluster: "c", ...action } });
}

function directErrors(action: JsonObject): readonly string[] {
  return routeErrors({ match: { prefix: "/" }, direct_response: action });
}

test("a forward that says nothing has Envoy's defaults", () => {
  const action = forward({});
  assert.equal(action.split.choices[0]?.cluster, "c");
  assert.equal(action.timeoutMs, ROUTE_TIMEOUT_MS);
  assert.equal(action.idleTimeoutMs, undefined);
  assert.equal(action.retry, NO_RETRY);
  assert.deepEqual(action.mirrors, []);
  assert.equal(action.clusterNotFoundStatus, 503);
  assert.equal(action.hostRewrite, undefined);
  assert.equal(action.rewritePath, undefined);
});

test("timeouts are milliseconds, and 0 is no limit", () => {
  const action = forward({ timeout: "0.250s", idle_timeout: "0s" });
  assert.equal(action.timeoutMs, 250);
  assert.equal(action.idleTimeoutMs, 0);
  assert.equal(forward({ timeout: "0s" }).timeoutMs, 0);
  assert.deepEqual(forwardErrors({ timeout: "-1s", idle_timeout: "-0.5s" }), [
    "route.timeout: must not be negative",
    "route.idle_timeout: must not be negative",
  ]);
});

test("the status for a missing cluster", () => {
  const statusOf = (code: string): number =>
    forward({ cluster_not_found_response_code: code }).clusterNotFoundStatus;
  assert.equal(statusOf("SERVICE_UNAVAILABLE"), 503);
  assert.equal(statusOf("NOT_FOUND"), 404);
  assert.equal(statusOf("INTERNAL_SERVER_ERROR"), 500);
});

test("a host rewrite is an authority; an empty one rewrites nothing", () => {
  assert.equal(forward({ host_rewrite_literal: "other:8080" }).hostRewrite, "other:8080");
  assert.equal(forward({ host_rewrite_literal: "" }).hostRewrite, undefined);
  for (const host of ["a b", "a\r\nx: y", "a/b", "u@a"]) {
    assert.deepEqual(forwardErrors({ host_rewrite_literal: host }), [
      `route.host_rewrite_literal: "${host}" is not a host with or without port`,
    ]);
  }
});

test("a cluster is required", () => {
  const errorsOf = (route: JsonObject): readonly string[] =>
    routeErrors({ match: { prefix: "/" }, route });
  assert.deepEqual(errorsOf({}), ["route: one of cluster, weighted_clusters is required"]);
  assert.deepEqual(errorsOf({ cluster: "" }), ["route.cluster: a cluster name is required"]);
});

test("mirrors copy all requests or a fraction", () => {
  const fractionOf = (fraction: JsonObject): number | undefined =>
    forward({
      request_mirror_policies: [{ cluster: "m", runtime_fraction: { default_value: fraction } }],
    }).mirrors[0]?.fraction;
  assert.deepEqual(forward({ request_mirror_policies: [{ cluster: "m" }] }).mirrors, [
    { cluster: "m", fraction: 1, appendsShadowSuffix: true, isSampled: undefined },
  ]);
  assert.equal(fractionOf({ numerator: 25 }), 0.25);
  assert.equal(fractionOf({ numerator: 25, denominator: "TEN_THOUSAND" }), 0.0025);
  assert.equal(fractionOf({ numerator: 25, denominator: "MILLION" }), 0.000025);
  assert.equal(fractionOf({}), 0);
  const [plain] = forward({
    request_mirror_policies: [{ cluster: "m", disable_shadow_host_suffix_append: true }],
  }).mirrors;
  assert.equal(plain?.appendsShadowSuffix, false);
  assert.deepEqual(forwardErrors({ request_mirror_policies: [{ runtime_fraction: {} }] }), [
    "route.request_mirror_policies[0].cluster: a cluster name is required",
    "route.request_mirror_policies[0].runtime_fraction.default_value: is required",
  ]);
});

test("upgrades override the listener's, and are refused at their place", () => {
  const { upgrades } = forward({
    upgrade_configs: [{ upgrade_type: "websocket" }, { upgrade_type: "CONNECT", enabled: false }],
  });
  assert.deepEqual(
    [...upgrades],
    [
      ["websocket", true],
      ["connect", false],
    ],
  );
  assert.deepEqual(forwardErrors({ upgrade_configs: [{}] }), [
    'route.upgrade_configs[0].upgrade_type: a protocol is required, such as "websocket"',
  ]);
});

test("a direct response has a status and perhaps a body", () => {
  assert.deepEqual(direct({ status: 204 }), { kind: "direct", status: 204, body: "" });
  assert.equal(direct({ status: 200, body: { inline_string: "hé" } }).body, "hé");
  const bytes = Buffer.from("hé").toString("base64");
  assert.equal(direct({ status: 200, body: { inline_bytes: bytes } }).body, "hé");
});

test("a direct response that cannot be sent is refused", () => {
  for (const status of [0, 100, 199, 600]) {
    assert.deepEqual(directErrors({ status }), [
      `direct_response.status: ${status} is not a status from 200 to 599`,
    ]);
  }
  assert.deepEqual(directErrors({ status: 200, body: {} }), [
    "direct_response.body: one of inline_string, inline_bytes is required",
  ]);
  assert.deepEqual(directErrors({ status: 200, body: { filename: "/etc/hosts" } }), [
    "direct_response.body: one of inline_string, inline_bytes is required",
  ]);
  assert.deepEqual(directErrors({ status: 200, body: { inline_string: "é".repeat(2049) } }), [
    "direct_response.body: has 4098 bytes, 4096 are allowed",
  ]);
});

test("a route keeps its name, for logs", () => {
  const route = compiledRoute({
    name: "catalog",
    match: { prefix: "/" },
    direct_response: { status: 200 },
  });
  assert.equal(route.name, "catalog");
});
