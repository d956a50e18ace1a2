/** The tables. */
import assert from "node:assert/strict";
import test from "node:test";
import { toMarkdown } from "./report.ts";
import { memorySample, sample } from "./sample-fixtures.ts";

test("a proxy that failed requests is marked", () => {
  const failed = sample({ proxy: "envoy", failures: "Non-2xx or 3xx responses: 7" });
  const text = toMarkdown({ load: [failed], memory: [], faults: [] });
  assert.match(text, /envoy \(requests failed\)/);
  assert.doesNotMatch(text, /against the others|## Limits/);
});

test("bodies are told in megabytes of a second of CPU", () => {
  const load = [sample({ scenario: "bodies", connections: 8, cpuUsPerRequest: 500 })];
  const text = toMarkdown({ load, memory: [], faults: [] });
  assert.match(text, /## bodies: .*\n\n\| proxy .*MB\/s of CPU.*\n.*\n\| tulle \| 8 .* 2000 /);
});

test("memory has a table of its own, and each limit says whether it holds", () => {
  const load = [sample({ cpuUsPerRequest: 13 }), sample({ proxy: "haproxy", cpuUsPerRequest: 10 })];
  const text = toMarkdown({ load, memory: [memorySample()], faults: [] });
  assert.match(text, /\| tulle \| 1000 +\| 70\.0 \[70\.0–70\.0\] +\| 21\.0 .*\| 15\.0 /);
  assert.match(text, /plain at 32: CPU per request ÷ haproxy +\| at most 1\.2 \| 1\.30 .*\| NO /);
  assert.match(text, /memory: MB when idle +\| at most 75 +\| 70\.00 .*\| yes /);
});

test("variants have a column, a row of ratios each and a limit", () => {
  const load = [
    sample({ scenario: "policies", variant: "off", cpuUsPerRequest: 20 }),
    sample({ scenario: "policies", variant: "on", cpuUsPerRequest: 22 }),
    sample({ scenario: "policies", proxy: "envoy", variant: "on", cpuUsPerRequest: 44 }),
  ];
  const text = toMarkdown({ load, memory: [], faults: [] });
  assert.match(text, /\| proxy \| variant \| connections .*\n.*\n\| tulle \| off +\| 32 /);
  assert.match(text, /\| 32, on +\| 0\.50 /);
  assert.match(text, /\| tulle \| 32 +\| on ÷ off \| 1\.10 /);
  assert.match(text, /on ÷ off +\| at most 1\.15 \| 1\.10 .*\| yes /);
});
