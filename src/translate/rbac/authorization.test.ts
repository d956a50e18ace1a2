/**
 * What holds for authorization whatever the policies: made-up sets of them, judged before and after a change. And what
 * is TCP's own.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  APP_PORT,
  CALLERS,
  filtersOfPolicies,
  RandomPolicies,
  type RandomRequest,
} from "../../../test/support/random-policies.ts";
import { connectionOf, requestOf } from "../../../test/support/rbac-fixture.ts";
import { SeededPrng } from "../../core/prng.ts";
import { compileRbacFilter } from "../../decision/filters/rbac-rule.ts";
import { compileNetworkRbac } from "../../decision/rbac/network-rbac-rule.ts";
import { judgeConnection, judgeRequest } from "../../decision/rbac/verdict.ts";
import type { AuthorizationPolicy } from "../../resource/kinds/authorization-policy.ts";

const SETS = 400;
const REQUESTS_PER_SET = 12;
const PORT = { app: APP_PORT, listener: 20_080 };

type Judge = (asked: RandomRequest) => boolean;

function judgeOf(policies: readonly AuthorizationPolicy[]): Judge {
  const { http } = filtersOfPolicies(policies, PORT);
  const rules = http.flatMap(({ ofListener }) => compileRbacFilter(ofListener, "", []) ?? []);
  return ({ method, path, host, headers, caller }) => {
    const [plain = "", query = ""] = path.split("?");
    const request = requestOf({
      ...{ method, path: plain, query, authority: host, headers: Object.entries(headers) },
    });
    const peerPrincipal = CALLERS[caller] ?? "";
    return judgeRequest(rules, request, connectionOf({ peerPrincipal, localPort: PORT.listener }))
      .isAllowed;
  };
}

/** Who may connect to a port that carries no HTTP, by the index of callers. */
function connectorsOf(policies: readonly AuthorizationPolicy[]): readonly boolean[] {
  const { connections } = filtersOfPolicies(policies, PORT);
  const rules = connections.flatMap(({ configType }) =>
    configType.case === "typedConfig" ? (compileNetworkRbac(configType.value, "", []) ?? []) : [],
  );
  return CALLERS.map(
    (peerPrincipal) =>
      judgeConnection(rules, connectionOf({ peerPrincipal, localPort: PORT.listener })).isAllowed,
  );
}

/** Each made-up set with requests. */
function forEachSet(
  seed: number,
  check: (
    policies: readonly AuthorizationPolicy[],
    requests: readonly RandomRequest[],
    random: RandomPolicies,
  ) => void,
): void {
  const random = new RandomPolicies(new SeededPrng(seed));
  for (let i = 0; i < SETS; i++) {
    const policies = random.set();
    check(
      policies,
      Array.from({ length: REQUESTS_PER_SET }, () => random.request()),
      random,
    );
  }
}

const isOf =
  (action: string) =>
  ({ spec }: AuthorizationPolicy): boolean =>
    spec.action === action;

const renamed = (policy: AuthorizationPolicy, name: string): AuthorizationPolicy => ({
  ...policy,
  metadata: { ...policy.metadata, name },
});

test("adding a DENY policy never lets more in", () => {
  forEachSet(1, (policies, requests, random) => {
    const [denial] = random.set().filter(isOf("DENY"));
    if (denial === undefined) return;
    const [before, after] = [judgeOf(policies), judgeOf([...policies, renamed(denial, "added")])];
    for (const request of requests) assert.ok(before(request) || !after(request));
  });
});

test("removing an ALLOW policy of several never lets more in", () => {
  forEachSet(2, (policies, requests) => {
    const allowing = policies.filter((one) => isOf("ALLOW")(one) && !one.spec.dryRun);
    if (allowing.length < 2) return;
    const [before, after] = [
      judgeOf(policies),
      judgeOf(policies.filter((one) => one !== allowing[0])),
    ];
    for (const request of requests) assert.ok(before(request) || !after(request));
  });
});

test("the order of policies does not matter, nor do their names", () => {
  forEachSet(3, (policies, requests) => {
    const before = judgeOf(policies);
    const turned = judgeOf(policies.toReversed());
    const last = policies.length - 1;
    const other = judgeOf(policies.map((policy, index) => renamed(policy, `z${last - index}`)));
    for (const request of requests) {
      assert.equal(turned(request), before(request));
      assert.equal(other(request), before(request));
    }
  });
});

test("policies that audit, or are tried, change nothing", () => {
  forEachSet(4, (policies, requests) => {
    const before = judgeOf(policies);
    const acting = policies.filter((one) => !isOf("AUDIT")(one) && !one.spec.dryRun);
    const after = judgeOf(acting);
    for (const request of requests) assert.equal(after(request), before(request));
  });
});

function policyOf(spec: object): AuthorizationPolicy {
  const metadata = { name: "p", namespace: "shop", labels: {}, annotations: {} };
  const full = { action: "ALLOW", dryRun: false, ...spec };
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata,
    spec: full,
  } as unknown as AuthorizationPolicy;
}

const NOBODY = CALLERS.map(() => false);
const EVERYBODY = CALLERS.map(() => true);
const web = { source: { principals: ["mesh.test/ns/shop/sa/web"] } };
const get = { operation: { methods: ["GET"] } };

test("on TCP a rule of ALLOW that looks at requests never matches", () => {
  for (const rule of [
    { to: [get] },
    { from: [web], to: [get] },
    { from: [web, { source: { requestPrincipals: ["*"] } }] },
    { from: [web], when: [{ key: "request.headers[x-a]", notValues: ["1"] }] },
    { from: [web], to: [{ operation: { notPaths: ["/a"], ports: ["8080"] } }] },
  ]) {
    assert.deepEqual(connectorsOf([policyOf({ rules: [rule] })]), NOBODY, JSON.stringify(rule));
  }
  const mixed = policyOf({ rules: [{ to: [get] }, { from: [web] }] });
  assert.deepEqual(
    connectorsOf([mixed]),
    CALLERS.map((id) => id.endsWith("shop/sa/web")),
  );
});

test("on TCP a rule of DENY goes by what is left of it", () => {
  const deny = (rule: object): readonly boolean[] =>
    connectorsOf([policyOf({ action: "DENY", rules: [rule] })]);
  assert.deepEqual(deny({ to: [get] }), NOBODY);
  assert.deepEqual(
    deny({ from: [web], to: [get] }),
    CALLERS.map((id) => !id.endsWith("shop/sa/web")),
  );
  assert.deepEqual(deny({ to: [{ operation: { methods: ["GET"], ports: ["9090"] } }] }), EVERYBODY);
});

test("a policy without rules: ALLOW lets nothing in, DENY denies nothing", () => {
  assert.deepEqual(connectorsOf([policyOf({})]), NOBODY);
  assert.deepEqual(connectorsOf([policyOf({ rules: [{}] })]), EVERYBODY);
  assert.deepEqual(connectorsOf([policyOf({ action: "DENY" })]), EVERYBODY);
  assert.deepEqual(connectorsOf([policyOf({ action: "DENY", rules: [{}] })]), NOBODY);
});

test("a host is meant in any case, with every port (T23)", () => {
  const judge = judgeOf([
    policyOf({
      action: "DENY",
      rules: [{ to: [{ operation: { hosts: ["secret.example", "*.in.example"] } }] }],
    }),
  ]);
  const isDenied = (host: string): boolean =>
    !judge({ method: "GET", path: "/", headers: {}, caller: 0, host });
  for (const host of ["secret.example", "SECRET.example:80", "secret.example.", "a.IN.example:1"]) {
    assert.ok(isDenied(host), host);
  }
  for (const host of ["asecret.example", "secretxexample", "secret.example.com", "in.example"]) {
    assert.ok(!isDenied(host), host);
  }
});

test("no character of a name is a wildcard (T29)", () => {
  const judge = judgeOf([
    policyOf({ rules: [{ from: [{ source: { namespaces: ["*.op", "p.y"] } }] }] }),
  ]);
  for (const [caller, id] of CALLERS.entries()) {
    assert.equal(judge({ method: "GET", path: "/", headers: {}, caller, host: "a" }), false, id);
  }
});
