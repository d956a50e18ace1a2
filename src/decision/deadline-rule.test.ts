/** Deadlines of gRPC clients against what a route allows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { compiledRoute, routeErrors } from "../../test/support/routing-fixture.ts";
import { type DeadlineRule, grpcAnswerMs, grpcStreamMs } from "./deadline-rule.ts";

const routeOf = (route: JsonObject) => ({
  match: { prefix: "/" },
  route: { cluster: "c", ...route },
});

function ruleOf(route: JsonObject): DeadlineRule & { readonly timeoutMs: number } {
  const { action } = compiledRoute(routeOf(route));
  assert.ok(action.kind === "forward");
  return { ...action.deadline, timeoutMs: action.timeoutMs };
}

test("a route with a limit for its streams has none for answers, as in Envoy", () => {
  const rule = ruleOf({ timeout: "3s", max_stream_duration: { max_stream_duration: "2s" } });
  assert.equal(rule.timeoutMs, 0);
  assert.equal(rule.streamMs, 2_000);
  assert.equal(rule.isOfStream, true);
  const silent = ruleOf({ timeout: "3s", max_stream_duration: {} });
  assert.equal(silent.timeoutMs, 0);
  assert.equal(silent.streamMs, undefined);
  assert.equal(ruleOf({ timeout: "3s" }).isOfStream, false);
});

test("a limit for answers is what the client asks, within what the route allows", () => {
  const rule = (maxMs: number, offsetMs = 0) => ({ sets: "answer" as const, maxMs, offsetMs });
  assert.equal(grpcAnswerMs(rule(0), 5_000), 5_000);
  assert.equal(grpcAnswerMs(rule(0), undefined), 0, "no deadline, no limit");
  assert.equal(grpcAnswerMs(rule(3_000), 5_000), 3_000);
  assert.equal(grpcAnswerMs(rule(3_000), undefined), 3_000);
  assert.equal(grpcAnswerMs(rule(0, 1_000), 5_000), 4_000);
  assert.equal(grpcAnswerMs(rule(0, 1_000), 900), 900, "0 would mean no limit");
});

test("a limit for streams may be over at once", () => {
  const rule = (maxMs: number, offsetMs = 0) => ({ sets: "stream" as const, maxMs, offsetMs });
  assert.equal(grpcStreamMs(rule(0), 5_000), 5_000);
  assert.equal(grpcStreamMs(rule(3_000), 5_000), 3_000);
  assert.equal(grpcStreamMs(rule(3_000, 1_000), 5_000), 2_000);
  assert.equal(grpcStreamMs(rule(0, 1_000), 900), 0);
});

test("what would mean nothing is refused at its path", () => {
  const offset = "1s";
  assert.deepEqual(routeErrors(routeOf({ grpc_timeout_offset: offset })), [
    "route.grpc_timeout_offset: means nothing without max_grpc_timeout",
  ]);
  assert.deepEqual(
    routeErrors(routeOf({ max_stream_duration: { grpc_timeout_header_offset: offset } })),
    [
      "route.max_stream_duration.grpc_timeout_header_offset: means nothing without grpc_timeout_header_max",
    ],
  );
  const both = { max_stream_duration: {}, max_grpc_timeout: "1s" };
  assert.deepEqual(routeErrors(routeOf(both)), [
    "route.max_grpc_timeout: means nothing beside max_stream_duration, which has fields of its own",
  ]);
});
