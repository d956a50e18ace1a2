/** `tulle authz check` by a mesh that is written down: who is let in, by which rule, and what is wrong in a question. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "../../../test/support/mesh-fixture.ts";
import type { AuthzCheckRequest } from "../authz-types.ts";
import { checkAuthorization } from "./authz-check.ts";

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec:
  selector: {app: catalog}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp-admin, port: 81, targetPort: 9090}]
---
apiVersion: v1
kind: Service
metadata: {name: storefront}
spec: {selector: {app: storefront}, ports: [{port: 80}]}
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: catalog-1, labels: {app: catalog}}
spec:
  address: 127.0.0.9
  serviceAccount: catalog
  ports:
    - {name: http, port: 8080, inboundPort: 20080}
    - {name: admin, port: 9090, inboundPort: 29090, protocol: tcp}
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: catalog-2, labels: {app: catalog, version: v2}}
spec: {address: 127.0.0.10, ports: [{name: http, port: 8080, inboundPort: 20081}]}
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: readers}
spec:
  selector: {matchLabels: {app: catalog}}
  rules:
    - from: [{source: {principals: [tulle.local/ns/default/sa/storefront]}}]
      to: [{operation: {methods: [GET], paths: ["/items/{*}"], hosts: [catalog], ports: [8080]}}]
    - from: [{source: {requestPrincipals: ["https://id.example/alice"]}}]
      when: [{key: "request.auth.claims[groups]", values: [staff]}]
    - from: [{source: {ipBlocks: [10.0.0.0/8], namespaces: [default]}}]
      to: [{operation: {ports: ["9090"]}}]
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: no-v2}
spec:
  selector: {matchLabels: {version: v2}}
  action: DENY
  rules: [{to: [{operation: {paths: ["*/secret"]}}]}]
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: tried, annotations: {istio.io/dry-run: "true"}}
spec:
  action: DENY
  rules: [{to: [{operation: {notMethods: [HEAD]}}]}]
`;

const snapshot = snapshotOf(MESH, "mesh.yaml");
const check = (asked: Partial<AuthzCheckRequest>) =>
  checkAuthorization({ from: "storefront", to: "catalog", ...asked }, snapshot, []);

test("a request is judged as each sidecar would, on the path that is forwarded", () => {
  const allowed = check({ method: "get", path: "/items/../items//7?page=2" });
  assert.equal(allowed.allowed, true);
  assert.equal(allowed.principal, "spiffe://tulle.local/ns/default/sa/storefront");
  assert.equal(allowed.path, "/items/7");
  const [verdict] = allowed.verdicts;
  assert.deepEqual(verdict?.workloads, ["default/catalog-1", "default/catalog-2"]);
  assert.equal(verdict?.action, "ALLOW");
  assert.equal(verdict?.policy, "default/readers");
  assert.equal(verdict?.rule, "0");
  assert.deepEqual(verdict?.dryRuns, ["default/tried rule 0 denies it: it is for every request"]);
});

test("a denial names the first condition that did not hold", () => {
  const { allowed, verdicts } = check({ method: "PUT", path: "/items/7" });
  assert.equal(allowed, false);
  assert.equal(verdicts[0]?.policy, null);
  assert.equal(verdicts[0]?.condition, "method exact GET");
  assert.match(verdicts[0]?.reason ?? "", /nearest is default\/readers rule 0: method is PUT/);
});

test("workloads may differ", () => {
  const { allowed, verdicts } = check({ path: "/items/secret" });
  assert.equal(allowed, false);
  assert.deepEqual(
    verdicts.map(({ workloads, action, policy }) => [workloads, action, policy]),
    [
      [["default/catalog-1"], "ALLOW", "default/readers"],
      [["default/catalog-2"], "DENY", "default/no-v2"],
    ],
  );
});

test("users are known by the claims of their tokens", () => {
  const claims = { iss: "https://id.example", sub: "alice", groups: ["guest", "staff"] };
  const asked = { from: "anonymous", method: "POST", path: "/" } as const;
  assert.equal(check(asked).allowed, false);
  assert.equal(check({ ...asked, claims }).verdicts[0]?.rule, "1");
  assert.equal(check({ ...asked, claims: { ...claims, groups: "staff" } }).allowed, true);
  assert.equal(check({ ...asked, claims: { ...claims, sub: "bob" } }).allowed, false);
});

test("a connection of TCP is judged without what only requests have", () => {
  const asked = { to: "catalog-1", port: 9090 } as const;
  assert.equal(check({ ...asked, sourceIp: "10.1.2.3" }).verdicts[0]?.rule, "2");
  const denied = check(asked);
  assert.equal(denied.protocol, "tcp");
  assert.equal(denied.allowed, false);
  assert.equal(check({ to: "catalog-1", port: 8080, sourceIp: "10.1.2.3" }).allowed, false);
});

const BY_NAME = { from: "storefront", to: "catalog-1", headers: [["host", "catalog"]] } as const;
const CUSTOM = `
---
apiVersion: v1
kind: Service
metadata: {name: opa}
spec: {selector: {app: opa}, ports: [{name: grpc, port: 9191}]}
---
apiVersion: mesh.tulle.dev/v1
kind: MeshConfig
metadata: {name: default}
spec:
  extensionProviders:
    - {name: opa, envoyExtAuthzGrpc: {service: opa.default.svc, port: 9191}}
    - {name: lax, envoyExtAuthzGrpc: {service: opa.default.svc, port: 9191, failOpen: true}}
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: asked}
spec:
  selector: {matchLabels: {app: catalog}}
  action: CUSTOM
  provider: {name: opa}
  rules:
    - to: [{operation: {paths: [/items/none]}}]
    - to: [{operation: {methods: [GET]}}]
    - to: [{operation: {ports: ["9090"]}}]
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: lax}
spec:
  selector: {matchLabels: {version: v2}}
  action: CUSTOM
  provider: {name: lax}
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: maybe}
spec:
  action: CUSTOM
  dryRun: true
  provider: {name: opa}
  rules: [{to: [{operation: {paths: [/items/7]}}]}]
`;

const WITHOUT_PROVIDER = `
---
apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: nobody}
spec:
  action: CUSTOM
  provider: {name: gone}
  rules: [{to: [{operation: {paths: [/gone]}}]}]
`;

test("policies of action CUSTOM: who would be asked, by which rule, and what follows", () => {
  const closed = 'rules: [{to: [{operation: {paths: ["*/secret"]}}]}]';
  const text = MESH.replace(closed, "rules: []") + CUSTOM;
  const askIn = (mesh: string, asked: Partial<AuthzCheckRequest>) =>
    checkAuthorization({ ...BY_NAME, ...asked }, snapshotOf(mesh, "mesh.yaml"), []).verdicts[0];
  const ask = (asked: Partial<AuthzCheckRequest>) => askIn(text, asked);
  const asked = {
    ...{ provider: "opa", policy: "default/asked", rule: "1", withoutAnswer: "denied" },
    reason: "default/asked rule 1 asks opa: method is GET (exact GET)",
  };
  const first = ask({ path: "/items/7" });
  assert.deepEqual(first?.asks, [asked]);
  assert.deepEqual([first?.allowed, first?.policy], [true, "default/readers"]);
  assert.match(first?.dryRuns.join() ?? "", /default\/maybe rule 0 asks opa: path is \/items\/7/);
  // The same request is denied whatever the provider says.
  const denied = ask({ path: "/items/7", from: "anonymous" });
  assert.deepEqual([denied?.allowed, denied?.asks.length], [false, 1]);
  // A method that no rule asks about.
  assert.deepEqual(ask({ method: "PUT", path: "/items/7" })?.asks, []);
  // Without a provider nobody can be asked.
  const gone = askIn(text + WITHOUT_PROVIDER, { path: "/gone", method: "PUT" });
  assert.deepEqual([gone?.allowed, gone?.policy, gone?.asks], [false, "default/nobody", []]);
  // Connections are asked about, too.
  const tcp = ask({ port: 9090, sourceIp: "10.1.2.3" });
  assert.deepEqual([tcp?.allowed, tcp?.asks[0]?.provider], [true, "opa"]);
});

test("names, ports and protocols that do not fit are told", () => {
  const wrong = (asked: Partial<AuthzCheckRequest>, message: RegExp): void => {
    assert.throws(() => check(asked), message);
  };
  wrong({ from: "storefrnt", path: "/" }, /no workload and no Service is called "storefrnt"/);
  wrong({ to: "catalgo", path: "/" }, /no Service and no workload is called "catalgo"/);
  wrong({ port: 90, path: "/" }, /Service default\/catalog has no port 90/);
  wrong({ to: "catalog-1", port: 1, path: "/" }, /catalog-1 has no port 1/);
  wrong({ to: "catalog-1", port: 9090, path: "/" }, /carries no HTTP/);
  wrong({ path: "/%00" }, /refuses the path/);
});
