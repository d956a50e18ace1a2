/** Policies that observed calls suggest, by a mesh that is written down: shapes of paths, lines of logs, rules, and the replay. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "../../../test/support/mesh-fixture.ts";
import { registry as kinds } from "../../resource/registry.ts";
import { readLogLine } from "../../telemetry/observed/access-log-call.ts";
import { type ObservedCall, ObservedCalls } from "../../telemetry/observed/observed-calls.ts";
import { foldSiblings, isExpressible, pathShape } from "../../telemetry/observed/path-shape.ts";
import type { AuthzSuggestRequest, SuggestedPolicy } from "../authz-types.ts";
import { suggestPolicies } from "./authz-suggest.ts";
import { readCallSeries } from "./call-series.ts";

test("segments that look like ids are folded, words are not", () => {
  for (const [path, shape] of [
    ["/items/7/parts", "/items/{*}/parts"],
    ["/items/7", "/items/{*}"],
    ["/v1/items", "/v1/items"],
    ["/o/0d6f7f6e-3d8f-4f0c-9f0e-2b8f2d6d3b1a", "/o/{*}"],
    ["/blobs/deadbeef0123456789", "/blobs/{*}"],
    ["/facade", "/facade"],
    ["/u/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/u/{*}"],
    ["/posts/how-to-bake-bread-in-2026", "/posts/how-to-bake-bread-in-2026"],
    ["/", "/"],
  ] as const) {
    assert.equal(pathShape(path), shape);
  }
});

test("a place with many words is a place of names", () => {
  const many = Array.from({ length: 17 }, (_, i) => `/users/u${"abcdefghijklmnopq"[i]}/posts`);
  const folds = foldSiblings([...many, "/health", "/users"]);
  assert.equal(folds.get(many[3] ?? ""), "/users/{*}/posts");
  assert.equal(folds.get("/health"), "/health");
  assert.equal(folds.get("/users"), "/users");
  assert.equal(foldSiblings(many.slice(0, 16)).get(many[0] ?? ""), many[0]);
});

test("what a policy would read as a pattern is not written", () => {
  assert.equal(isExpressible("/a/{*}/b"), true);
  assert.equal(isExpressible("/a*"), false);
  assert.equal(isExpressible("/a/{b}"), false);
  assert.equal(isExpressible('/a"/{*}'), false);
});

const LINE = {
  start_time: "2026-11-26T08:00:00.000Z",
  method: "GET",
  path: "/items/7?page=2",
  response_code: 200,
  authority: "catalog",
  upstream_cluster: "inbound|8080||",
  downstream_local_address: "127.0.0.9:20080",
  source_principal: "spiffe://tulle.local/ns/default/sa/storefront",
  connection_termination_details: null,
};
const lineOf = (fields: object): string => `catalog-1 │ ${JSON.stringify({ ...LINE, ...fields })}`;

test("lines of called sidecars tell of calls; others are passed over", () => {
  const read = readLogLine(lineOf({}));
  assert.equal(read.kind, "call");
  if (read.kind !== "call") return;
  assert.equal(read.call.path, "/items/7");
  assert.equal(read.call.appPort, 8080);
  assert.equal(read.call.isFailed, false);
  const kindOf = (fields: object): string => readLogLine(lineOf(fields)).kind;
  assert.equal(
    kindOf({ upstream_cluster: "outbound|80||catalog.default.svc.tulle.local" }),
    "outbound",
  );
  assert.equal(kindOf({ path: "*", method: "OPTIONS" }), "other");
  assert.equal(kindOf({ start_time: null }), "other");
  for (const text of ["", "{", "null {}", "{[]", "no JSON {at all}"]) {
    assert.equal(readLogLine(text).kind, "other");
  }
  const denied = readLogLine(lineOf({ response_code: 403, upstream_cluster: null }));
  assert.equal(denied.kind === "call" && denied.call.isFailed, true);
});

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec: {selector: {app: catalog}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ledger}
spec:
  selector: {app: ledger}
  ports: [{name: http, port: 80, targetPort: 8081}, {name: tcp-books, port: 81, targetPort: 9090}]
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: catalog-1, labels: {app: catalog}}
spec:
  address: 127.0.0.9
  serviceAccount: catalog
  ports: [{name: http, port: 8080, inboundPort: 20080}]
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: ledger-1, labels: {app: ledger}}
spec:
  address: 127.0.0.10
  serviceAccount: ledger
  ports:
    - {name: http, port: 8081, inboundPort: 20081}
    - {name: books, port: 9090, inboundPort: 29090, protocol: tcp}
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: old}
spec:
  targetRefs: [{name: catalog}]
  rules: [{to: [{operation: {methods: [HEAD]}}]}]
`;

const snapshot = snapshotOf(MESH, "mesh.yaml");

function callsOf(...lines: readonly string[]): readonly ObservedCall[] {
  const calls = new ObservedCalls();
  for (const line of lines) {
    const read = readLogLine(line);
    if (read.kind === "call") calls.add(read.call);
  }
  return calls.list();
}

function suggest(calls: readonly ObservedCall[], asked: Partial<AuthzSuggestRequest> = {}) {
  return suggestPolicies({ calls, ...asked }, calls, { snapshot, callers: [], kinds });
}

function rulesOf([first]: readonly SuggestedPolicy[]): unknown {
  return (first?.policy as { spec: { rules: unknown } } | undefined)?.spec.rules;
}

const twice = (fields: object): readonly string[] => [lineOf(fields), lineOf(fields)];
const from = (name: string) => ({ source_principal: `spiffe://tulle.local/ns/shop/sa/${name}` });
const STOREFRONT = [{ source: { principals: ["tulle.local/ns/default/sa/storefront"] } }];

test("each caller gets a rule with the methods and paths that it was seen with", () => {
  const calls = callsOf(
    ...[
      lineOf({}),
      lineOf({ path: "/x/../items//8" }),
      ...twice({ path: "/items", method: "HEAD" }),
    ],
    ...twice({ ...from("batch"), method: "PUT" }),
  );
  const { policies, level } = suggest(calls);
  assert.equal(level, "path");
  assert.equal(policies.length, 1);
  assert.deepEqual(policies[0]?.besides, ["default/old"]);
  assert.deepEqual(policies[0]?.policy, {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "catalog-suggested", namespace: "default" },
    spec: {
      targetRefs: [{ kind: "Service", name: "catalog" }],
      action: "ALLOW",
      rules: [
        {
          from: STOREFRONT,
          to: [
            { operation: { methods: ["GET"], paths: ["/items/{*}"] } },
            { operation: { methods: ["HEAD"], paths: ["/items"] } },
          ],
        },
        {
          from: [{ source: { principals: ["tulle.local/ns/shop/sa/batch"] } }],
          to: [{ operation: { methods: ["PUT"], paths: ["/items/{*}"] } }],
        },
      ],
    },
  });
});

test("levels say less; ports are named where a Service has several", () => {
  const specOf = (level: "identity" | "method", fields: object) =>
    rulesOf(suggest(callsOf(...twice(fields)), { level }).policies);
  assert.deepEqual(specOf("identity", {}), [{ from: STOREFRONT }]);
  assert.deepEqual(specOf("method", {}), [
    { from: STOREFRONT, to: [{ operation: { methods: ["GET"] } }] },
  ]);
  const books = {
    downstream_local_address: "127.0.0.10:29090",
    upstream_cluster: "inbound|9090||",
    method: null,
    path: null,
  };
  assert.deepEqual(specOf("method", books), [
    { from: STOREFRONT, to: [{ operation: { ports: [9090] } }] },
  ]);
});

test("what was seen once, failed or is anonymous is told apart, with what becomes of it", () => {
  const lines = [
    ...twice({}),
    lineOf({ path: "/once" }),
    ...twice({ path: "/failed", response_code: 404 }),
    ...twice({ source_principal: null }),
    ...twice({ downstream_local_address: "127.9.9.9:1", authority: "gone" }),
  ];
  const { calls, unknownCalls, policies } = suggest(callsOf(...lines));
  assert.equal(unknownCalls, 2);
  assert.deepEqual(
    calls.map(({ path, count, leftOut, isAllowedNow, isAllowedThen }) => {
      return [path, count, leftOut, isAllowedNow, isAllowedThen];
    }),
    [
      ["/items/{*}", 2, null, false, true],
      ["/once", 1, "once", false, false],
      ["/failed", 2, "failed", false, false],
      ["/items/{*}", 2, "anonymous", false, false],
    ],
  );
  assert.match(calls[0]?.reason ?? "", /default\/catalog-suggested rule 0 allows it/);
  assert.equal(policies[0]?.seen.length, 1);
  const all = suggest(callsOf(...lines), { includeFailed: true }).calls;
  assert.deepEqual(
    all.map(({ isAllowedThen }) => isAllowedThen),
    [true, true, true, false],
  );
});

test("a method that is a star is no pattern", () => {
  const { policies, calls } = suggest(callsOf(...twice({ method: "*" })));
  assert.deepEqual(policies, []);
  assert.equal(calls[0]?.leftOut, "inexpressible");
});

test("a scan of paths widens nothing", () => {
  const scan = Array.from({ length: 40 }, (_, i) =>
    twice({
      path: `/x${String.fromCharCode(97 + (i % 26))}${i > 25 ? "y" : ""}`,
      response_code: 404,
    }),
  ).flat();
  const { policies } = suggest(callsOf(...twice({ path: "/one" }), ...scan));
  const text = JSON.stringify(policies[0]?.policy);
  assert.ok(!text.includes("{*}"), text);
});

test("counters of sidecars tell who called, and how it ended", () => {
  const labels = (code: number, principal: string): string =>
    `{reporter="destination",source_principal="${principal}",destination_service_name="catalog",destination_service_namespace="default",response_code="${code}",response_flags="-"}`;
  const text = [
    `istio_requests_total${labels(200, "spiffe://tulle.local/ns/default/sa/storefront")} 7`,
    `istio_requests_total${labels(404, "spiffe://tulle.local/ns/default/sa/storefront")} 2`,
    `istio_requests_total${labels(200, "unknown")} 3`,
    'istio_requests_total{reporter="source",source_principal="x"} 5',
  ].join("\n");
  const calls = readCallSeries(text, "127.0.0.9:20080");
  assert.deepEqual(
    calls.map(({ principal, count, failed }) => [principal, count, failed]),
    [
      ["spiffe://tulle.local/ns/default/sa/storefront", 9, 2],
      ["", 3, 0],
    ],
  );
  const { policies, level } = suggest(calls);
  assert.equal(level, "identity");
  assert.deepEqual(rulesOf(policies), [{ from: STOREFRONT }]);
});
