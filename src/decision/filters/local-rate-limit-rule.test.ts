import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { LocalRateLimitSchema } from "../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileLocalRateLimit, type LocalRateLimitRule } from "./local-rate-limit-rule.ts";
import { maskedAddress } from "./masked-address.ts";

const BUCKET = { max_tokens: 5, tokens_per_fill: 2, fill_interval: "1s" };

function compile(fields: JsonObject, isForRoute = false) {
  const errors: FieldError[] = [];
  const message = fromJson(LocalRateLimitSchema, { stat_prefix: "p", ...fields });
  const any = anyPack(LocalRateLimitSchema, message);
  const rule = compileLocalRateLimit(any, "config", errors, isForRoute);
  return { rule: rule as LocalRateLimitRule, errors: errors.map(({ path }) => path) };
}

const generic = (value: string): JsonObject => ({
  generic_key: { descriptor_key: "rule", descriptor_value: value },
});
const user: JsonObject = {
  request_headers: { header_name: "x-user", descriptor_key: "user" },
};

test("what is missing is told by its path", () => {
  assert.deepEqual(compile({ stat_prefix: "" }).errors, ["config.stat_prefix"]);
  assert.deepEqual(compile({}, true).errors, ["config.token_bucket"]);
  assert.deepEqual(compile({ token_bucket: { ...BUCKET, fill_interval: "0.01s" } }).errors, [
    "config.token_bucket.fill_interval",
  ]);
  assert.deepEqual(compile({ token_bucket: { ...BUCKET, tokens_per_fill: 0 } }).errors, [
    "config.token_bucket.tokens_per_fill",
  ]);
  assert.deepEqual(compile({ filter_enabled: {} }).errors, ["config.filter_enabled.default_value"]);
  assert.deepEqual(
    compile({ descriptors: [{}], rate_limits: [{}] }).errors,
    [
      "config.descriptors[0].entries",
      "config.descriptors[0].token_bucket",
      "config.descriptors[0].token_bucket.fill_interval".replace(".fill_interval", ""),
      "config.rate_limits[0].actions",
    ].filter((path, index, all) => all.indexOf(path) === index),
  );
});

test("descriptors need something that leads to them, and are there once", () => {
  const descriptor = { entries: [{ key: "rule", value: "a" }], token_bucket: BUCKET };
  assert.deepEqual(compile({ descriptors: [descriptor] }).errors, ["config.rate_limits"]);
  const rate_limits = [{ actions: [generic("a")] }];
  assert.deepEqual(compile({ descriptors: [descriptor, descriptor], rate_limits }).errors, [
    "config.descriptors[1]",
  ]);
});

test("actions meet the descriptors that they can lead to, and no others", () => {
  const of = (...entries: readonly (readonly [string, string])[]): JsonObject => ({
    entries: entries.map(([key, value]) => ({ key, value })),
    token_bucket: BUCKET,
  });
  const { rule, errors } = compile({
    descriptors: [
      of(["rule", "a"], ["user", ""]),
      of(["rule", "a"], ["user", "ann"]),
      of(["rule", "b"], ["user", ""]),
      of(["rule", "a"]),
      of(["user", ""], ["rule", "a"]),
    ],
    rate_limits: [{ actions: [generic("a"), user] }, { actions: [generic("c")] }],
  });
  assert.deepEqual(errors, []);
  assert.equal(rule.lookups.length, 1);
  const [lookup] = rule.lookups;
  assert.deepEqual([...lookup!.exact.keys()], ["ann"]);
  assert.deepEqual(
    lookup!.patterns.map(({ wanted }) => wanted),
    [[undefined]],
  );
  assert.equal(lookup!.exact.get("ann")?.rule, "a");
});

test("a bucket gives a token in each part of its interval; the largest is no limit", () => {
  const { rule } = compile({ token_bucket: BUCKET });
  assert.deepEqual([rule.defaultLimit?.tokensMax, rule.defaultLimit?.intervalMs], [5, 500]);
  const largest = { token_bucket: { ...BUCKET, max_tokens: 0xffff_ffff } };
  assert.equal(compile(largest).rule.defaultLimit, undefined);
});

test("nothing is limited unless it says so, and a status below 400 is none", () => {
  const { rule } = compile({ token_bucket: BUCKET, status: { code: 200 } });
  assert.deepEqual([rule.enabled, rule.enforced, rule.status], [0, 0, 429]);
});

test("other messages are other filters'", () => {
  const errors: FieldError[] = [];
  const other = anyPack(LocalRateLimitSchema, create(LocalRateLimitSchema));
  other.typeUrl = "type.googleapis.com/other.Message";
  assert.equal(compileLocalRateLimit(other, "", errors, false), undefined);
});

test("networks of addresses", () => {
  const mask = { v4Bits: 9, v6Bits: 33 };
  assert.equal(maskedAddress("10.255.1.2", mask), "10.128.0.0/9");
  assert.equal(maskedAddress("::ffff:10.255.1.2", mask), "10.128.0.0/9");
  assert.equal(maskedAddress("2001:db8:ffff::1", mask), "2001:db8:8000::/33");
  assert.equal(maskedAddress("10.1.2.3", { v4Bits: 32, v6Bits: 128 }), "10.1.2.3/32");
  assert.equal(maskedAddress("10.1.2.3", { v4Bits: 0, v6Bits: 0 }), "0.0.0.0/0");
  assert.equal(maskedAddress("::1", { v4Bits: 0, v6Bits: 0 }), "::/0");
  assert.equal(maskedAddress("unknown", mask), undefined);
});
