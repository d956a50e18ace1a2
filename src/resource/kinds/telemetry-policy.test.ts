/** TelemetryPolicies: defaults, and what is refused with its field and its fix. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMAT_OPERATORS } from "../../core/substitution-format.ts";
import { telemetryPolicyKind } from "./telemetry-policy.ts";

function validated(spec: unknown): ReturnType<typeof telemetryPolicyKind.validate> {
  const { apiVersion, kind } = telemetryPolicyKind;
  return telemetryPolicyKind.validate({ apiVersion, kind, metadata: { name: "a" }, spec });
}

function violations(spec: unknown): readonly string[] {
  const result = validated(spec);
  return result.ok ? [] : result.violations.map(({ path, message }) => `${path}: ${message}`);
}

function ofLog(log: object): readonly string[] {
  return violations({ accessLogs: [log] });
}

test("a log says where it goes, everything else has a default", () => {
  const result = validated({ accessLogs: [{}] });
  assert.ok(result.ok);
  assert.deepEqual(result.object.spec.accessLogs?.[0], {
    disabled: false,
    output: "Stdout",
    samplingPercentage: 100,
    samplePerSecond: 0,
  });
});

test("formats are checked where they are written", () => {
  assert.deepEqual(ofLog({ format: { text: "%DURATION% %REQ(:METHOD)%" } }), []);
  assert.deepEqual(ofLog({ format: { json: { a: { b: ["%DURATION%", 1] } } } }), []);
  const all = FORMAT_OPERATORS.map((name) => `%${name}%`).filter((text) => !text.includes("("));
  assert.ok(ofLog({ format: { text: all.join(" ") } }).length > 0);
  assert.match(
    ofLog({ format: { text: "%NOPE%" } })[0] ?? "",
    /^spec\.accessLogs\[0\]\.format\.text/,
  );
  assert.match(
    ofLog({ format: { json: { a: { b: "%REQ%" } } } })[0] ?? "",
    /^spec\.accessLogs\[0\]\.format\.json\.a\.b: .*%REQ% needs an argument/,
  );
  assert.match(ofLog({ format: { text: "a", json: {} } })[0] ?? "", /exclude each other/);
});

test("filters say something, and expressions are read", () => {
  const filter = (value: object): readonly string[] => ofLog({ filter: value });
  assert.deepEqual(
    filter({
      statusCodes: ["5xx", "404", "429-431"],
      not: { headers: [{ name: "a", value: "b" }] },
    }),
    [],
  );
  assert.deepEqual(filter({ expression: "response.code >= 500" }), []);
  assert.match(
    filter({ not: { responseFlags: ["DC"] } })[0] ?? "",
    /not\.responseFlags: .*negated/,
  );
  assert.match(filter({ expression: "!('UF' in response.flags)" })[0] ?? "", /negates response/);
  assert.match(filter({})[0] ?? "", /says nothing of requests/);
  assert.match(filter({ any: [{}] })[0] ?? "", /filter\.any\[0\]: .*says nothing/);
  assert.match(filter({ statusCodes: ["600"] })[0] ?? "", /filter\.statusCodes\[0\]/);
  assert.match(filter({ statusCodes: ["503-500"] })[0] ?? "", /ends before it begins/);
  assert.match(
    filter({ expression: "response.cod == 1" })[0] ?? "",
    /filter\.expression: .*position 10/,
  );
});

test("what contradicts itself is refused", () => {
  assert.match(ofLog({ output: "File" })[0] ?? "", /path: .*required with output File/);
  assert.match(ofLog({ path: "/a" })[0] ?? "", /path: .*output File only/);
  assert.match(ofLog({ output: "ControlPlane", format: {} })[0] ?? "", /format: .*of its own/);
  assert.match(ofLog({ samplePerSecond: 1 })[0] ?? "", /samplePerSecond: .*without a filter/);
  assert.match(ofLog({ capture: { requestBody: { maxBytes: 1_000_000 } } })[0] ?? "", /maxBytes/);
  assert.match(violations({ accessLogs: [{}, {}] })[0] ?? "", /repeats item \[0\]/);
  assert.deepEqual(
    violations({ accessLogs: [{ match: { mode: "CLIENT" } }, { match: { mode: "SERVER" } }] }),
    [],
  );
  assert.match(
    violations({ selector: {}, targetRefs: [{ name: "a" }] })[0] ?? "",
    /targetRefs: .*exclude each other/,
  );
});

test("of a route sampling and tags are said, and nothing that is known before it", () => {
  const route = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "items" };
  const ofRoute = (spec: object, target: object = route): readonly string[] =>
    violations({ targetRefs: [target], ...spec });
  assert.deepEqual(ofRoute({ tracing: { sampling: 5, tags: [{ name: "a", value: "b" }] } }), []);
  assert.deepEqual(ofRoute({ tracing: { sampling: 5 } }, { ...route, sectionName: "slow" }), []);
  assert.match(
    ofRoute({ tracing: { tags: [] } })[0] ?? "",
    /^spec\.tracing\.sampling: .*is required where a route is the target/,
  );
  assert.match(
    ofRoute({ tracing: { sampling: 5, keep: {} }, accessLogs: [] }).join("\n"),
    /^spec\.accessLogs: cannot be said of a route.*\nspec\.tracing\.keep: cannot/,
  );
  assert.match(
    ofRoute({}, { name: "catalog", sectionName: "slow" })[0] ?? "",
    /sectionName: names a rule of a route/,
  );
});
