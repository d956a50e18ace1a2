import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import { httpRouteKind } from "../../resource/kinds/http-route.ts";
import { type Service, serviceKind } from "../../resource/kinds/service.ts";
import { registry } from "../../resource/registry.ts";
import { CliError } from "../errors.ts";
import { planSplit, type SplitRequest } from "./plan-split.ts";
import type { SplitRoute } from "./split-route.ts";

function service(
  name: string,
  selector: Readonly<Record<string, string>>,
  ports: unknown = [{ port: 80 }],
): Service {
  const result = serviceKind.validate({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector, ports },
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.object;
}

function route(name: string, rules: unknown, parent: object = {}): HttpRoute {
  const result = httpRouteKind.validate({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name },
    spec: { parentRefs: [{ group: "", kind: "Service", name: "catalog", ...parent }], rules },
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.object;
}

const CATALOG = service("catalog", { app: "catalog" });

function request(changes: Partial<SplitRequest> = {}): SplitRequest {
  return {
    service: CATALOG,
    services: [CATALOG],
    routes: [],
    runningVersions: ["v1", "v2"],
    weights: [
      { name: "v1", weight: 90 },
      { name: "v2", weight: 10 },
    ],
    port: undefined,
    route: undefined,
    protocolOf: () => "http",
    ...changes,
  };
}

function refusal(changes: Partial<SplitRequest>): string {
  try {
    planSplit(request(changes));
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return `${error.message} | ${error.detail.hint ?? ""}`;
  }
  return assert.fail("it was planned");
}

function assertValid(object: SplitRoute | Service): void {
  const result = registry.ofKind(object.kind).validate(JSON.parse(JSON.stringify(object)));
  assert.ok(result.ok, JSON.stringify(result));
}

test("without a route, one is made, with a Service for each version", () => {
  const plan = planSplit(request());
  assert.equal(plan.isNewRoute, true);
  assert.deepEqual(
    plan.newServices.map(({ metadata, spec }) => [metadata.name, spec.selector, spec.ports]),
    [
      ["catalog-v1", { app: "catalog", version: "v1" }, CATALOG.spec.ports],
      ["catalog-v2", { app: "catalog", version: "v2" }, CATALOG.spec.ports],
    ],
  );
  assert.deepEqual(
    plan.route.spec.rules.map((rule) => rule.backendRefs),
    [
      [
        { group: "", kind: "Service", name: "catalog-v1", port: 80, weight: 90 },
        { group: "", kind: "Service", name: "catalog-v2", port: 80, weight: 10 },
      ],
    ],
  );
  for (const object of [plan.route, ...plan.newServices]) assertValid(object);
});

test("the port's protocol tells the kind of a new route", () => {
  const kinds = { http: "HTTPRoute", undeclared: "HTTPRoute", grpc: "GRPCRoute", tcp: "TCPRoute" };
  for (const [protocol, kind] of Object.entries(kinds)) {
    const plan = planSplit(request({ protocolOf: () => protocol }));
    assert.equal(plan.route.kind, kind, protocol);
    assert.equal(plan.route.spec.rules[0]?.backendRefs?.length, 2);
    assertValid(plan.route);
    // Written again, only the weights change.
    const weights = [{ name: "v2", weight: 1 }];
    const again = planSplit(
      request({
        protocolOf: () => protocol,
        services: [CATALOG, ...plan.newServices],
        routes: [plan.route],
        weights,
      }),
    );
    assert.equal(again.isNewRoute, false);
    assert.equal(again.route.spec.rules.length, 1);
    assert.deepEqual(again.dropped, ["catalog-v1"]);
    assertValid(again.route);
  }
});

test("Services that stand for a version are used, whatever their name", () => {
  const canary = service("catalog-canary", { version: "v2", app: "catalog" });
  const plan = planSplit(request({ services: [CATALOG, canary] }));
  assert.deepEqual(
    plan.newServices.map(({ metadata }) => metadata.name),
    ["catalog-v1"],
  );
  assert.deepEqual(
    plan.backends.map((backend) => backend.service),
    ["catalog-v1", "catalog-canary"],
  );
  const byName = planSplit(
    request({ services: [CATALOG, canary], weights: [{ name: "catalog-canary", weight: 1 }] }),
  );
  assert.deepEqual(byName.backends, [
    { version: "v2", service: "catalog-canary", port: 80, weight: 1 },
  ]);
});

test("only the backends of the rule for every request change", () => {
  const filters = [
    { type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "x", value: "1" }] } },
  ];
  const existing = route("mine", [
    {
      matches: [{ headers: [{ name: "x-beta", value: "yes" }] }],
      backendRefs: [{ name: "catalog-v2", port: 80 }],
    },
    {
      name: "rest",
      timeouts: { request: "10s" },
      filters,
      backendRefs: [
        { name: "catalog-v1", port: 80, weight: 100, filters },
        { name: "catalog-old", port: 80, weight: 0 },
      ],
    },
  ]);
  const plan = planSplit(request({ routes: [existing] }));
  assert.equal(plan.isNewRoute, false);
  assert.deepEqual(plan.route.spec.rules[0], existing.spec.rules[0]);
  const [changed, before] = [plan.route.spec.rules[1], existing.spec.rules[1]];
  assert.deepEqual({ ...changed, backendRefs: [] }, { ...before, backendRefs: [] });
  assert.deepEqual(changed?.backendRefs?.[0], { ...before?.backendRefs?.[0], weight: 90 });
  assert.deepEqual(plan.dropped, ["catalog-old"]);
  assertValid(plan.route);
});

test("a route without a rule for every request gets one at its end", () => {
  const existing = route("mine", [
    {
      matches: [{ path: { type: "PathPrefix", value: "/api" } }],
      backendRefs: [{ name: "catalog-v1", port: 80 }],
    },
  ]);
  const plan = planSplit(request({ routes: [existing] }));
  assert.equal(plan.route.spec.rules.length, 2);
  assert.deepEqual(plan.route.spec.rules[0], existing.spec.rules[0]);
  assertValid(plan.route);
  const full = route(
    "full",
    Array.from({ length: 16 }, (_, index) => ({
      matches: [{ path: { type: "Exact", value: `/${index}` } }],
      backendRefs: [{ name: "catalog-v1", port: 80 }],
    })),
  );
  assert.match(refusal({ routes: [full] }), /has 16 rules already/);
});

test("of several routes the oldest with a rule for every request is changed, or the one that is named", () => {
  const rule = { backendRefs: [{ name: "catalog-v1", port: 80 }] };
  const api = route("api", [{ ...rule, matches: [{ path: { value: "/api" } }] }]);
  const main = route("main", [rule]);
  const late = route("late", [rule]);
  const routes = [api, main, late];
  assert.equal(planSplit(request({ routes })).route.metadata.name, "main");
  assert.equal(planSplit(request({ routes, route: "late" })).route.metadata.name, "late");
  assert.match(
    refusal({ routes, route: "mian" }),
    /did you mean "main"\?.*its routes are api, main, late/,
  );
});

test("a service with several ports needs --port, and its route is for that port", () => {
  const many = service("catalog", { app: "catalog" }, [
    { name: "http", port: 80 },
    { name: "admin", port: 81 },
  ]);
  assert.match(
    refusal({ service: many, services: [many] }),
    /several ports: 80, 81 \| choose one with --port/,
  );
  assert.match(
    refusal({ service: many, services: [many], port: 82 }),
    /no port 82 \| its ports are 80, 81/,
  );
  const plan = planSplit(request({ service: many, services: [many], port: 81 }));
  assert.equal(plan.route.metadata.name, "catalog-81");
  assert.equal(plan.route.spec.parentRefs?.[0]?.port, 81);
  const onOther = route("other", [{}], { port: 80 });
  assert.equal(
    planSplit(request({ service: many, services: [many], port: 81, routes: [onOther] })).isNewRoute,
    true,
  );
});

test("an unknown version is refused with the nearest that exists", () => {
  const weights = [{ name: "v11", weight: 1 }];
  assert.match(
    refusal({ weights }),
    /service catalog has no version "v11" \(did you mean "v1"\?\) \| its versions are v1, v2/,
  );
  assert.match(
    refusal({ weights, runningVersions: [] }),
    /none of its instances carries the label version/,
  );
});

test("what stands in the way is refused with the fix", () => {
  const one = service("catalog-v1", { app: "catalog", version: "v1" });
  assert.match(
    refusal({ service: one }),
    /is one version \(version=v1\), so there is nothing to split/,
  );
  const other = service("catalog-v1", { app: "other" });
  assert.match(
    refusal({ services: [CATALOG, other] }),
    /Service catalog-v1 exists, but its selector is not that of catalog/,
  );
  const taken = route("catalog", [{}], { name: "other" });
  assert.match(
    refusal({ routes: [taken] }),
    /HTTPRoute catalog exists, but is not attached to service catalog/,
  );
  assert.match(
    refusal({
      weights: [
        { name: "v1", weight: 1 },
        { name: "catalog-v1", weight: 2 },
      ],
      services: [CATALOG, one],
    }),
    /two of the names mean Service catalog-v1/,
  );
  const portless = service("catalog-v1", { app: "catalog", version: "v1" }, [
    { name: "a", port: 1 },
    { name: "b", port: 2 },
  ]);
  assert.match(refusal({ services: [CATALOG, portless] }), /Service catalog-v1 has no port 80/);
});

test("a version's label becomes a valid name", () => {
  const plan = planSplit(
    request({ runningVersions: ["1.2.0_RC"], weights: [{ name: "1.2.0_RC", weight: 1 }] }),
  );
  assert.deepEqual(
    plan.newServices.map(({ metadata }) => metadata.name),
    ["catalog-1-2-0-rc"],
  );
  assertValid(plan.route);
  const [made] = plan.newServices;
  assert.ok(made);
  assertValid(made);
});
