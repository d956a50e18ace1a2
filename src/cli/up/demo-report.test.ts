import assert from "node:assert/strict";
import { test } from "node:test";
import type { TextWriter } from "../context.ts";
import { createStyle } from "../output/style.ts";
import { demoProblems, demoSummary } from "./demo-report.ts";
import type { TrafficSummary } from "./mesh-traffic.ts";

const out: TextWriter = {
  write: () => {},
  isTTY: false,
  columns: undefined,
  style: createStyle(false),
};

const fine: TrafficSummary = {
  requests: 12_345,
  mutualTls: 12_345,
  failures: 0,
  failureKinds: [],
  versions: new Map([
    [
      "catalog",
      new Map([
        ["v2", 201],
        ["v1", 799],
      ]),
    ],
  ]),
};

test("sums up a run that went well", () => {
  const outcome = { traffic: fine, seconds: 30.2, incidents: [] };
  assert.deepEqual(demoProblems(outcome), []);
  assert.equal(
    demoSummary(outcome, out),
    `
  requests between services  12,345 in 30 s (409 per second)
  failed                     0
  on mutual TLS              100 % (12,345 of 12,345)
  split of catalog           v1 79.9 %, v2 20.1 % (of 1,000)
  all is well
`,
  );
});

test("one request in a million that is not on mutual TLS is not 100 %", () => {
  const traffic = { ...fine, requests: 1_000_000, mutualTls: 999_999 };
  const outcome = { traffic, seconds: 1, incidents: [] };
  assert.match(demoSummary(outcome, out), /on mutual TLS {14}99\.9 %/);
  assert.deepEqual(demoProblems(outcome), ["1 requests were not on mutual TLS"]);
});

test("nothing measured, failed requests and incidents are problems", () => {
  const nothing = { requests: 0, mutualTls: 0, failures: 0, failureKinds: [], versions: new Map() };
  assert.deepEqual(demoProblems({ traffic: nothing, seconds: 1, incidents: ["x died"] }), [
    "x died",
    "no request between services was measured",
  ]);
  const failing = { ...fine, failures: 2, failureKinds: ["a → b: 503 UH, 2 times"] };
  assert.deepEqual(demoProblems({ traffic: failing, seconds: 1, incidents: [] }), [
    "2 requests failed",
    "a → b: 503 UH, 2 times",
  ]);
});
