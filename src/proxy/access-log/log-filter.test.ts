/** Access log filters: which requests each lets through, and what cannot be one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { SAMPLE_ENTRY } from "../../../test/support/access-log-sample.ts";
import { xdsRegistry } from "../../../test/support/xds-json.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { RequestView } from "../../decision/request-view.ts";
import { AccessLogFilterSchema } from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { FLAG } from "../../telemetry/response-flag.ts";
import { compileLogFilter, type LogSubject } from "./log-filter.ts";

const REQUEST: RequestView = {
  method: "GET",
  path: "/items",
  query: "",
  authority: "shop",
  scheme: "http",
  httpVersion: "HTTP/1.1",
  header: (name) => (name === "x-log" ? "yes" : undefined),
  headerValues: (name) => (name === "x-log" ? ["yes"] : []),
};
const SUBJECT: LogSubject = { ...SAMPLE_ENTRY, request: REQUEST };

function passes(json: JsonObject, subject: Partial<LogSubject> = {}, random = 0.5): boolean {
  const errors: FieldError[] = [];
  const filter = compileLogFilter(
    fromJson(AccessLogFilterSchema, json, { registry: xdsRegistry() }),
    "f",
    errors,
  );
  assert.deepEqual(errors, []);
  return filter?.({ ...SUBJECT, ...subject }, () => random) ?? assert.fail();
}

function problems(json: JsonObject): readonly string[] {
  const errors: FieldError[] = [];
  compileLogFilter(fromJson(AccessLogFilterSchema, json), "f", errors);
  return errors.map(({ path, message }) => `${path}: ${message}`);
}

function compare(kind: string, op: string, value: number): JsonObject {
  const comparison = { op, value: { default_value: value, runtime_key: "a" } };
  return { [kind]: { comparison } };
}

test("status and duration are compared", () => {
  assert.ok(passes(compare("status_code_filter", "EQ", 200)));
  assert.ok(passes(compare("status_code_filter", "GE", 200)));
  assert.ok(!passes(compare("status_code_filter", "GE", 201)));
  assert.ok(passes(compare("status_code_filter", "LE", 200)));
  assert.ok(passes(compare("duration_filter", "GE", 13), { durationMs: 12.6 }));
  assert.ok(!passes(compare("duration_filter", "GE", 13), { durationMs: 12.4 }));
});

test("flags, gRPC statuses and header fields", () => {
  assert.ok(!passes({ response_flag_filter: {} }));
  assert.ok(passes({ response_flag_filter: {} }, { flag: FLAG.UF }));
  assert.ok(!passes({ response_flag_filter: { flags: ["UH"] } }, { flag: FLAG.UF }));
  const grpc = { grpc_status_filter: { statuses: ["OK"], exclude: true } };
  assert.ok(passes(grpc, { grpcStatus: 14 }));
  assert.ok(!passes(grpc, { grpcStatus: 0 }));
  const header = { header_filter: { header: { name: "x-log", string_match: { exact: "yes" } } } };
  assert.ok(passes(header));
  assert.ok(!passes(header, { request: undefined }));
});

test("and, or, shares, and so many a second", () => {
  const [yes, no] = [
    compare("status_code_filter", "EQ", 200),
    compare("status_code_filter", "EQ", 1),
  ];
  assert.ok(passes({ or_filter: { filters: [no, yes] } }));
  assert.ok(!passes({ and_filter: { filters: [no, yes] } }));
  const share = { runtime_filter: { runtime_key: "a", percent_sampled: { numerator: 10 } } };
  assert.ok(passes(share, {}, 0.09));
  assert.ok(!passes(share, {}, 0.1));
  const errors: FieldError[] = [];
  const two = compileLogFilter(
    fromJson(AccessLogFilterSchema, {
      runtime_filter: { runtime_key: "tulle.access_log.per_second.2" },
    }),
    "f",
    errors,
  );
  const at = (startTimeMs: number) => two?.({ ...SUBJECT, durationMs: 0, startTimeMs }, () => 0);
  assert.deepEqual([1000, 1500, 1999, 2000, 2001, 2002].map(at), [
    true,
    true,
    false,
    true,
    true,
    false,
  ]);
});

test("what is no filter is refused at its path", () => {
  assert.deepEqual(problems({ or_filter: { filters: [compare("duration_filter", "GE", 1)] } }), [
    "f.or_filter.filters: two at least are required",
  ]);
  assert.deepEqual(problems({ status_code_filter: {} }), [
    "f.status_code_filter.comparison.value: is required",
  ]);
  assert.deepEqual(problems({ response_flag_filter: { flags: ["XX"] } }), [
    'f.response_flag_filter.flags[0]: "XX" is no response flag',
  ]);
  assert.match(problems({ not_health_check_filter: {} })[0] ?? "", /not implemented/);
  const errors: FieldError[] = [];
  assert.equal(compileLogFilter(undefined, "f", errors), undefined);
  compileLogFilter(create(AccessLogFilterSchema), "f", errors);
  assert.equal(errors.length, 1);
});
