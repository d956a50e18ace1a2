import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../../resource/documents.ts";
import type { Rollout } from "../../resource/kinds/rollout.ts";
import { registry as kinds } from "../../resource/registry.ts";
import { ObjectCache } from "../object-cache.ts";
import { initialState } from "./advance.ts";
import type { DividedRule } from "./divide-rule.ts";
import { planRollout } from "./rollout-plan.ts";
import { effectiveRoutes } from "./route-overlay.ts";

const service = (name: string, version = "", ports = "[{name: http, port: 80}]") => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: catalog${version === "" ? "" : `, version: ${version}`}}, ports: ${ports}}
---
`;
const SERVICES = service("catalog") + service("catalog-v1", "v1") + service("catalog-v2", "v2");

const rollout = (strategy: string) => `apiVersion: mesh.tulle.dev/v1
kind: Rollout
metadata: {name: catalog}
spec:
  targetRef: {name: catalog}
  stableService: catalog-v1
  canaryService: catalog-v2
  strategy: ${strategy}
---
`;
const CANARY = rollout("{canary: {steps: [{setWeight: 10, pause: {}}]}}");

const route = (rules: string, kind = "HTTPRoute") => `apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: {name: mine}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog}]
  rules: ${rules}
---
`;

/** The mesh of a file, its Rollouts at these shares. */
function routesOf(text: string, canary: number, isPreviewed = false) {
  const { objects, violations } = parseDocuments(text, "test", kinds);
  assert.deepEqual(violations, []);
  const cache = new ObjectCache();
  cache.replaceAll(
    objects.map((object) =>
      object.kind === "Rollout" ? withStatus(object, canary, isPreviewed) : object,
    ),
  );
  return effectiveRoutes(cache);
}

function withStatus(object: Rollout, canary: number, isPreviewed: boolean): Rollout {
  const state = initialState(planRollout(object.spec, "default"), 0);
  const weights = { stable: 100 - canary, canary };
  return { ...object, status: { rollout: { ...state, weights, isPreviewed } } };
}

interface ShownRule {
  readonly backendRefs?:
    | readonly {
        readonly name: string;
        readonly port?: number | undefined;
        readonly weight: number;
      }[]
    | undefined;
}

function shown(rules: readonly ShownRule[] = []): readonly string[] {
  return rules.map(({ backendRefs = [] }) =>
    backendRefs.map(({ name, port, weight }) => `${name}:${port}=${weight}`).join(" "),
  );
}

test("a target without a route gets one, for each port in its protocol", () => {
  const ports = "[{name: http, port: 80}, {name: tcp-raw, port: 81}, {name: grpc, port: 82}]";
  const text =
    service("catalog", "", ports) +
    service("catalog-v1", "v1", ports) +
    service("catalog-v2", "v2", ports);
  const { httpRoutes, tcpRoutes } = routesOf(text + CANARY, 10);
  assert.deepEqual(
    httpRoutes.map(({ metadata, spec }) => [metadata.name, ...shown(spec.rules)]),
    [
      ["rollout-catalog-80", "catalog-v1:80=90 catalog-v2:80=10"],
      ["rollout-catalog-82", "catalog-v1:82=90 catalog-v2:82=10"],
    ],
  );
  assert.deepEqual(
    tcpRoutes.map(({ metadata, spec }) => [metadata.name, ...shown(spec.rules)]),
    [["rollout-catalog-81", "catalog-v1:81=90 catalog-v2:81=10"]],
  );
});

test("rules of the author's route are divided where they name the target or the stable version", () => {
  const rules = `
    - {backendRefs: [{name: catalog, port: 80}]}
    - {matches: [{path: {value: /a}}], backendRefs: [{name: catalog-v1, port: 80, weight: 5}, {name: other, port: 80, weight: 15}]}
    - {matches: [{path: {value: /b}}], backendRefs: [{name: catalog-v1, port: 80, weight: 80}, {name: catalog-v2, port: 80, weight: 20}]}
    - {matches: [{path: {value: /c}}], backendRefs: [{name: catalog-v2, port: 80}]}
    - {matches: [{path: {value: /d}}], backendRefs: [{name: catalog-v1, port: 80, weight: 0}]}`;
  for (const kind of ["HTTPRoute"]) {
    const { httpRoutes } = routesOf(SERVICES + CANARY + route(rules, kind), 10);
    assert.deepEqual(shown(httpRoutes[0]?.spec.rules), [
      "catalog-v1:80=90 catalog-v2:80=10",
      "catalog-v1:80=450 other:80=1500 catalog-v2:80=50",
      "catalog-v1:80=90 catalog-v2:80=10",
      "catalog-v2:80=1",
      "catalog-v1:80=0",
    ]);
    assert.equal(httpRoutes.length, 1);
  }
});

test("nobody's object is touched: another target's, another namespace's, a Rollout without its Services", () => {
  const rules = "[{backendRefs: [{name: catalog-v1, port: 80}]}]";
  const foreign = route(rules).replace("name: catalog}", "name: cart}");
  const text = service("cart") + SERVICES + CANARY + foreign;
  const { httpRoutes } = routesOf(text, 10);
  assert.deepEqual(shown(httpRoutes.find(({ metadata }) => metadata.name === "mine")?.spec.rules), [
    "catalog-v1:80=1",
  ]);
  const alone = routesOf(service("catalog") + CANARY, 0);
  assert.deepEqual(alone.httpRoutes, []);
  // A canary that is not there yet changes nothing but that the stable version is meant.
  const early = routesOf(service("catalog") + service("catalog-v1", "v1") + CANARY, 0);
  assert.deepEqual(
    early.httpRoutes.map(({ spec }) => shown(spec.rules)),
    [["catalog-v1:80=100"]],
  );
});

test("a version's port is found by number, by name, or as the only one", () => {
  const text =
    service("catalog", "", "[{name: http, port: 80}, {name: admin, port: 90}]") +
    service("catalog-v1", "v1", "[{name: http, port: 8080}, {name: admin, port: 9090}]") +
    service("catalog-v2", "v2", "[{port: 7000}]");
  const { httpRoutes } = routesOf(text + CANARY, 10);
  assert.deepEqual(
    httpRoutes.map(({ spec }) => shown(spec.rules)),
    [["catalog-v1:8080=90 catalog-v2:7000=10"], ["catalog-v1:9090=90 catalog-v2:7000=10"]],
  );
});

test("chosen users go to the canary by rules of their own, behind the author's", () => {
  const strategy = rollout(
    '{abTest: {matches: [{header: {name: x-beta, value: "yes"}}, {cookie: {name: group, value: "b.1"}}]}}',
  );
  const rules = `
    - {name: a, matches: [{path: {value: /a}, headers: [{name: x, value: y}]}], backendRefs: [{name: catalog, port: 80}]}
    - {backendRefs: [{name: catalog-v2, port: 80}]}`;
  const { httpRoutes } = routesOf(SERVICES + strategy + route(rules), 0, true);
  const made = httpRoutes[0]?.spec.rules ?? [];
  assert.deepEqual(shown(made), [
    "catalog-v1:80=100 catalog-v2:80=0",
    "catalog-v2:80=1",
    "catalog-v2:80=1",
  ]);
  assert.deepEqual(
    made[2]?.matches.map(({ path, headers }) => [
      path.value,
      headers?.map(({ name, value }) => `${name}:${value}`),
    ]),
    [
      ["/a", ["x:y", "x-beta:yes"]],
      ["/a", ["x:y", "cookie:(?:.*; ?)?group=b\\.1(?:;.*)?"]],
    ],
  );
  const cookie = new RegExp(`^${made[2]?.matches[1]?.headers?.[1]?.value}$`);
  const fits = ["group=b.1", "a=1; group=b.1", "group=b.1; z=2", "a=1; group=b.1; z=2"];
  const misses = ["group=b.12", "agroup=b.1", "group=bx1", "x=group=b.1", "group=a"];
  assert.deepEqual(
    [...fits, ...misses].filter((value) => cookie.test(value)),
    fits,
  );
  assert.equal(
    routesOf(SERVICES + strategy + route(rules), 0, false).httpRoutes[0]?.spec.rules.length,
    2,
  );
});

test("of two Rollouts for one target the first holds", () => {
  const second = CANARY.replace("metadata: {name: catalog}", "metadata: {name: zzz}");
  const { httpRoutes } = routesOf(SERVICES + second + CANARY, 10);
  assert.deepEqual(
    httpRoutes.map(({ metadata }) => metadata.name),
    ["rollout-catalog"],
  );
});

test("a share of the users is told by what tells them apart, while there are two versions", () => {
  const strategy = rollout("{abTest: {userHash: {cookie: user, percent: 30}}}");
  const keyOf = (canary: number) =>
    routesOf(SERVICES + strategy, canary).httpRoutes.map(({ spec }) => [
      ...shown(spec.rules),
      (spec.rules[0] as DividedRule | undefined)?.userKey,
    ]);
  const key = { header: undefined, cookie: "user" };
  assert.deepEqual(keyOf(30), [["catalog-v1:80=70 catalog-v2:80=30", key]]);
  assert.deepEqual(keyOf(100), [["catalog-v1:80=0 catalog-v2:80=100", undefined]]);
});
