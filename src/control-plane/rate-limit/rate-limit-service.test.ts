import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  RateLimitRequestSchema,
  type RateLimitResponse,
} from "../../gen/envoy/service/ratelimit/v3/rls_pb.js";
import {
  type RateLimitPolicy,
  rateLimitPolicyKind,
} from "../../resource/kinds/rate-limit-policy.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { KEY_LENGTH_MAX, limitOf } from "./limit-plan.ts";
import { MemoryCounter } from "./memory-counter.ts";
import { decide } from "./rate-limit-service.ts";

const DOMAIN = "default/limits";
const few = (requests: number): object => ({ requests, burst: requests, unit: "Minute" });

function serviceFor(spec: object) {
  const policy = {
    spec: rateLimitPolicyKind.spec.parse({ targetRefs: [{ name: "catalog" }], ...spec }),
  } as RateLimitPolicy;
  const registry = new MetricRegistry();
  const decisions = registry.counter("decisions_total", "Of the test.");
  const counter = new MemoryCounter(() => 0);
  const policyOf = (domain: string): RateLimitPolicy | undefined =>
    domain === DOMAIN ? policy : undefined;
  return {
    policy,
    ask: (descriptors: readonly Readonly<Record<string, string>>[], domain = DOMAIN) => {
      const request = create(RateLimitRequestSchema, {
        domain,
        descriptors: descriptors.map((entries) => ({
          entries: Object.entries(entries).map(([key, value]) => ({ key, value })),
        })),
      });
      return decide(request, { policyOf, counter, decisions });
    },
    count: (rule: string, result: string): number =>
      decisions.with({ policy: DOMAIN, rule, result }).value,
  };
}

const codes = ({ overallCode, statuses }: RateLimitResponse): readonly number[] => [
  overallCode,
  ...statuses.map(({ code }) => code),
];

test("each value has the limit for itself, and the answer says how it stands", async () => {
  const { ask, count } = serviceFor({ global: { rules: [{ name: "each", limit: few(2) }] } });
  const ann = [{ rule: "each", user: "ann" }];
  const first = await ask(ann);
  assert.deepEqual(codes(first), [1, 1]);
  const [status] = first.statuses;
  assert.equal(status?.currentLimit?.requestsPerUnit, 2);
  assert.equal(status?.currentLimit?.name, "each");
  assert.equal(status?.limitRemaining, 1);
  await ask(ann);
  const refused = await ask(ann);
  assert.deepEqual(codes(refused), [2, 2]);
  assert.deepEqual(
    refused.responseHeadersToAdd.map(({ key, value }) => [key, value]),
    [["retry-after", "30"]],
  );
  assert.deepEqual(codes(await ask([{ rule: "each", user: "bob" }])), [1, 1]);
  assert.deepEqual([count("each", "allowed"), count("each", "limited")], [3, 1]);
});

test("what no rule is for is not limited", async () => {
  const { ask } = serviceFor({ global: { rules: [{ name: "all", limit: few(1) }] } });
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(codes(await ask([{ rule: "gone" }, { other: "x" }])), [1, 1, 1]);
    assert.deepEqual(codes(await ask([{ rule: "all" }], "default/unknown")), [1, 1]);
  }
  assert.deepEqual(codes(await ask([{ other: "x" }, { rule: "all" }])), [1, 1, 1]);
  assert.deepEqual(codes(await ask([{ other: "x" }, { rule: "all" }])), [2, 1, 2]);
});

test("what is observed is counted and not refused", async () => {
  const rules = [{ name: "all", limit: few(1) }];
  const { ask, count } = serviceFor({ mode: "Observe", global: { rules } });
  await ask([{ rule: "all" }]);
  assert.deepEqual(codes(await ask([{ rule: "all" }])), [1, 1]);
  assert.deepEqual([count("all", "allowed"), count("all", "observed")], [1, 1]);
});

test("who is not to be told gets no Retry-After", async () => {
  const rules = [{ name: "all", limit: few(1) }];
  const { ask } = serviceFor({ tellsClients: false, global: { rules } });
  await ask([{ rule: "all" }]);
  assert.deepEqual((await ask([{ rule: "all" }])).responseHeadersToAdd, []);
});

test("keys are short and tell values apart", () => {
  const { policy } = serviceFor({ global: { rules: [{ name: "all", limit: few(1) }] } });
  const keyFor = (value: string): string => {
    const entries = [
      { key: "rule", value: "all" },
      { key: "path", value },
    ];
    const { descriptors } = create(RateLimitRequestSchema, { descriptors: [{ entries }] });
    return descriptors.map((one) => limitOf(policy, DOMAIN, one)?.key ?? "").join();
  };
  const long = "x".repeat(10_000);
  assert.ok(keyFor(long).length <= KEY_LENGTH_MAX + DOMAIN.length + 3);
  assert.notEqual(keyFor(`${long}a`), keyFor(`${long}b`));
  assert.notEqual(keyFor("a"), keyFor("b"));
  assert.match(keyFor("a"), /^\{default\/limits\}:/);
});
