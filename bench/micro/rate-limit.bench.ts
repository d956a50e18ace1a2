/** What limits cost each request: a look at the buckets, and at how many requests are under way. */
import { create, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { bench, do_not_optimize, group } from "mitata";
import { SeededPrng } from "../../src/core/prng.ts";
import {
  compileLocalRateLimit,
  type LocalRateLimitRule,
} from "../../src/decision/filters/local-rate-limit-rule.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import { LocalRateLimitSchema } from "../../src/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import { RateLimitResponseSchema } from "../../src/gen/envoy/service/ratelimit/v3/rls_pb.js";
import { ConcurrencyController } from "../../src/proxy/filters/concurrency-controller.ts";
import { createFilterMetrics } from "../../src/proxy/filters/filter-metrics.ts";
import type { FilterServices } from "../../src/proxy/filters/filter-services.ts";
import type { FilterCall } from "../../src/proxy/filters/http-filter.ts";
import { LocalRateLimitFilter } from "../../src/proxy/filters/local-rate-limit-filter.ts";
import {
  LimitRequestWriter,
  readLimitAnswer,
} from "../../src/proxy/filters/rate-limit-service-message.ts";
import { TokenBucket } from "../../src/proxy/filters/token-bucket.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";

const BUCKET = { max_tokens: 1_000_000, tokens_per_fill: 1_000_000, fill_interval: "1s" };
const ALWAYS = { default_value: { numerator: 100 } };
const USERS = 1_000;

function ruleOf(fields: JsonObject): LocalRateLimitRule {
  const json = { stat_prefix: "p", filter_enabled: ALWAYS, filter_enforced: ALWAYS, ...fields };
  const message = fromJson(LocalRateLimitSchema, json);
  const any = anyPack(LocalRateLimitSchema, create(LocalRateLimitSchema, message));
  return compileLocalRateLimit(any, "", [], false) as LocalRateLimitRule;
}

let nowMs = 0;
const services = {
  nowMs: () => {
    nowMs += 0.001;
    return nowMs;
  },
  prng: new SeededPrng(1),
  metrics: createFilterMetrics(new MetricRegistry()),
  workers: 1,
} as unknown as FilterServices;

let user = 0;
const users = Array.from({ length: USERS }, (_, index) => `user-${index}`);
const request: RequestView = {
  method: "GET",
  path: "/items/7",
  query: "",
  authority: "catalog",
  scheme: "http",
  httpVersion: "HTTP/1.1",
  header: (name) => (name === "x-user" ? users[user] : undefined),
  headerValues: () => [],
};
const call = {
  request,
  outcome: { connection: { remoteAddress: "10.0.0.1", peerPrincipal: "spiffe://a/b" } },
  ofRoute: undefined,
} as unknown as FilterCall;

const generic = (value: string): JsonObject => ({ generic_key: { descriptor_value: value } });

group("local rate limit, per request", () => {
  const one = new LocalRateLimitFilter(ruleOf({ token_bucket: BUCKET }), services, undefined);
  bench("one bucket for all", () => do_not_optimize(one.onRequest(call)));
  const rules = Array.from({ length: 10 }, (_, index) => `rule-${index}`);
  const ten = new LocalRateLimitFilter(
    ruleOf({
      descriptors: rules.map((value) => ({
        entries: [{ key: "generic_key", value }],
        token_bucket: BUCKET,
      })),
      rate_limits: rules.map((value) => ({ actions: [generic(value)] })),
    }),
    services,
    undefined,
  );
  bench("ten rules that all match", () => do_not_optimize(ten.onRequest(call)));
  const each = new LocalRateLimitFilter(
    ruleOf({
      descriptors: [{ entries: [{ key: "user", value: "" }], token_bucket: BUCKET }],
      rate_limits: [
        { actions: [{ request_headers: { header_name: "x-user", descriptor_key: "user" } }] },
      ],
    }),
    services,
    undefined,
  );
  bench(`a bucket for each of ${USERS} users`, () => {
    user = (user + 1) % USERS;
    return do_not_optimize(each.onRequest(call));
  });
});

group("rate limit service, per request", () => {
  const writer = new LimitRequestWriter();
  const rule = {
    tests: [],
    entries: [
      { key: "rule", value: "each-user" },
      { key: "header x-user", value: (view: RequestView) => view.header("x-user") },
    ],
  };
  bench("question: one rule, one value", () => {
    writer.begin("default/catalog");
    writer.add(rule, request, call.outcome.connection);
    return do_not_optimize(writer.finish());
  });
  const answer = create(RateLimitResponseSchema, {
    overallCode: 1,
    statuses: [
      {
        code: 1,
        currentLimit: { requestsPerUnit: 100, unit: 1, name: "each-user" },
        limitRemaining: 40,
        durationUntilReset: { seconds: 1n },
      },
    ],
  });
  const bytes = toBinary(RateLimitResponseSchema, answer);
  bench("answer: one limit", () => do_not_optimize(readLimitAnswer(bytes)));
});

group("parts", () => {
  const bucket = new TokenBucket({ tokensMax: 1_000_000, intervalMs: 1e-6 }, 0);
  bench("token bucket: has and take", () => {
    nowMs += 0.001;
    if (bucket.has(nowMs)) bucket.take(nowMs);
  });
  const gradient = {
    quantile: 0.5,
    concurrencyMax: 1_000,
    concurrencyMin: 3,
    updateIntervalMs: 100,
    calibrationIntervalMs: 60_000,
    jitter: 0.15,
    calibrationSamples: 50,
    tolerance: 0.25,
  };
  const controller = new ConcurrencyController(gradient, new SeededPrng(1));
  bench("concurrency: admit, measure, release", () => {
    nowMs += 0.001;
    if (!controller.tryAdmit(1, nowMs)) return;
    const wasCalm = controller.isCalm;
    controller.release();
    controller.onLatency(1, wasCalm, nowMs);
  });
});
