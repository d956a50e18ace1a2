import assert from "node:assert/strict";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { snapshotOf, TEST_SCOPE } from "../../test/support/mesh-fixture.ts";
import { silentLogger } from "../core/logger.ts";
import { NO_KEYS } from "../decision/jwt/public-key-set.ts";
import { registry } from "../resource/registry.ts";
import type { MeshSnapshot } from "../translate/mesh-snapshot.ts";
import type { SharedTranslation } from "../translate/translation.ts";
import { translateIsolated } from "./fault-isolation.ts";
import { SnapshotTranslator } from "./snapshot-translator.ts";

/** What makes the translation of these tests throw, on an object of whatever kind. */
const MARK = "beyond-translation";
/** They reach translation as parts of others (a Rollout as routes), or not at all (a WorkloadAttestor). */
const NO_LIST_OF_THEIR_OWN = [
  ...["Rollout", "Revocation", "TrustDomainFederation", "WorkloadAttestor", "TelemetryExporter"],
];
const DEFINITIONS = registry.kinds.filter(({ kind }) => !NO_LIST_OF_THEIR_OWN.includes(kind));

const DECIDES_ABOUT_ACCESS = [
  ...["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "SecurityPolicy"],
  ...["MeshConfig"],
];

/** One object of every kind, as its reference page has it. That of `marked` has the mark. */
function mesh(version: string, marked?: string): MeshSnapshot {
  const documents = DEFINITIONS.map(({ kind, example }) => {
    const object = parse(example);
    const labels = {
      ...object.metadata.labels,
      version,
      ...(kind === marked ? { [MARK]: "x" } : {}),
    };
    return stringify({ ...object, metadata: { ...object.metadata, labels } });
  });
  return snapshotOf(documents.join("---\n"), "all.yaml");
}

function digest(snapshot: MeshSnapshot): MeshSnapshot {
  if (JSON.stringify(snapshot).includes(MARK)) throw new Error("beyond me");
  return snapshot;
}

/** All that a snapshot holds, whatever its version. */
function inventory(snapshot: MeshSnapshot): readonly string[] {
  return Object.entries(snapshot).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.length : value !== undefined}`,
  );
}

for (const { kind } of DEFINITIONS) {
  test(`${kind}: one that cannot be translated keeps its last good version`, () => {
    const { faults, value } = translateIsolated(mesh("2", kind), mesh("1"), digest);
    assert.deepEqual(
      faults.map(({ object, inForce }) => [object.kind, inForce]),
      [[kind, "last-good"]],
    );
    assert.deepEqual(inventory(value).toSorted(), inventory(mesh("2")).toSorted());
    assert.deepEqual(JSON.stringify(value).split('"version":"1"').length, 2, "it alone is old");
  });

  test(`${kind}: one that never could be translated stops nobody else`, () => {
    const { faults, value } = translateIsolated(mesh("2", kind), undefined, digest);
    const isClosed = DECIDES_ABOUT_ACCESS.includes(kind);
    assert.deepEqual(
      faults.map(({ object, inForce }) => [object.kind, inForce]),
      [[kind, isClosed ? "closed" : "nothing"]],
    );
    const lost = inventory(mesh("2")).filter((line) => !inventory(value).includes(line));
    assert.equal(lost.length, isClosed ? 0 : 1, lost.join());
  });
}

function policy(spec: object): MeshSnapshot {
  const document = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "p", labels: { [MARK]: "x" } },
    spec: { selector: { matchLabels: { app: "catalog" } }, ...spec },
  };
  return snapshotOf(stringify(document), "policy.yaml");
}

/** Of an AuthorizationPolicy the mark is in what it says, which a closed one does not have. */
function digestRules(snapshot: MeshSnapshot): MeshSnapshot {
  if (JSON.stringify(snapshot.authorizationPolicies).includes("/beyond")) throw new Error("no");
  return snapshot;
}

const RULES = [{ to: [{ operation: { paths: ["/beyond"] } }] }];

for (const { spec, action, rules, inForce } of [
  { spec: { action: "ALLOW", rules: RULES }, action: "ALLOW", rules: undefined, inForce: "closed" },
  { spec: { action: "DENY", rules: RULES }, action: "DENY", rules: [{}], inForce: "closed" },
  { spec: { action: "AUDIT", rules: RULES }, inForce: "nothing" },
  { spec: { action: "DENY", rules: RULES, dryRun: true }, inForce: "nothing" },
] as const) {
  test(`a policy that never could be translated lets nothing in: ${JSON.stringify(spec)}`, () => {
    const { value, faults } = translateIsolated(policy(spec), undefined, digestRules);
    assert.equal(faults[0]?.inForce, inForce);
    const [closed] = value.authorizationPolicies ?? [];
    assert.equal(closed?.spec.action, action);
    assert.deepEqual(closed?.spec.rules, rules);
    if (inForce === "closed")
      assert.deepEqual(
        closed?.spec.selector,
        policy(spec).authorizationPolicies?.[0]?.spec.selector,
      );
  });
}

/** As `policy`, for any kind, with `beyond` somewhere in its spec. */
function faulty(kind: string, spec: object): MeshSnapshot {
  const metadata = { name: kind === "MeshConfig" ? "default" : "p" };
  const document = { apiVersion: "mesh.tulle.dev/v1", kind, metadata, spec };
  return snapshotOf(stringify(document), "faulty.yaml");
}

function digestSpec(snapshot: MeshSnapshot): MeshSnapshot {
  if (JSON.stringify(snapshot).includes("beyond")) throw new Error("beyond me");
  return snapshot;
}

const OIDC = {
  provider: {
    issuer: "https://beyond.example",
    authorizationEndpoint: "https://beyond.example/auth",
    tokenEndpoint: "https://beyond.example/token",
  },
  clientID: "shop",
  clientSecretFile: "/etc/secret",
};
const GATEWAY = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "shop" };

test("a SecurityPolicy that never could be translated lets nobody pass where it asks for logins", () => {
  const snapshot = faulty("SecurityPolicy", { targetRefs: [GATEWAY], oidc: OIDC });
  const { value, faults } = translateIsolated(snapshot, undefined, digestSpec);
  assert.equal(faults[0]?.inForce, "closed");
  assert.deepEqual(value.securityPolicies?.[0]?.spec, { targetRefs: [GATEWAY], isClosed: true });
  // The next push has no better one: what stands in is no version that was good.
  const again = translateIsolated(snapshot, value, digestSpec);
  assert.equal(again.faults[0]?.inForce, "closed");
});

test("mutual TLS is required where a PeerAuthentication that cannot be translated requires it somewhere", () => {
  const selector = { matchLabels: { app: "catalog" } };
  const modes = (spec: object) => {
    const snapshot = faulty("PeerAuthentication", { selector, ...spec });
    const { value, faults } = translateIsolated(snapshot, undefined, (candidate) => {
      if (candidate.peerAuthentications?.some((one) => one.spec.portLevelMtls))
        throw new Error("beyond me");
      return candidate;
    });
    return [faults[0]?.inForce, value.peerAuthentications?.[0]?.spec];
  };
  const closed = ["closed", { selector, mtls: { mode: "STRICT" } }];
  assert.deepEqual(modes({ portLevelMtls: { 80: { mode: "Strict" } } }), closed);
  assert.deepEqual(
    modes({ mtls: { mode: "STRICT" }, portLevelMtls: { 80: { mode: "DISABLE" } } }),
    closed,
  );
  assert.deepEqual(modes({ portLevelMtls: { 80: { mode: "PERMISSIVE" } } }), [
    "nothing",
    undefined,
  ]);
});

test("no token is good where a RequestAuthentication that cannot be translated looks for tokens", () => {
  const jwtRules = [{ issuer: "https://beyond.example", fromHeaders: [{ name: "x-token" }] }];
  const snapshot = faulty("RequestAuthentication", { jwtRules });
  const { value, faults } = translateIsolated(snapshot, undefined, digestSpec);
  assert.equal(faults[0]?.inForce, "closed");
  const [rule] = value.requestAuthentications?.[0]?.spec.jwtRules ?? [];
  assert.deepEqual(
    [rule?.issuer, rule?.jwks, rule?.fromHeaders],
    ["https://nobody.invalid", NO_KEYS, [{ name: "x-token", prefix: "" }]],
  );
});

test("rules that ask an authorization service answer nobody when their HTTPRoute cannot be translated", () => {
  const auth = { protocol: "GRPC", grpc: {}, backendRef: { name: "opa", port: 9191 } };
  const asking = {
    matches: [{ path: { type: "PathPrefix", value: "/cart" } }],
    filters: [{ type: "ExternalAuth", externalAuth: auth }],
    backendRefs: [{ name: "beyond", port: 80 }],
  };
  const open = {
    matches: [{ path: { type: "PathPrefix", value: "/" } }],
    backendRefs: [{ name: "catalog", port: 80 }],
  };
  const rulesOf = (rules: readonly object[]) => {
    const document = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "p" },
      spec: { parentRefs: [{ group: "", kind: "Service", name: "catalog" }], rules },
    };
    const snapshot = snapshotOf(stringify(document), "route.yaml");
    const { value, faults } = translateIsolated(snapshot, undefined, digestSpec);
    const shown = value.httpRoutes[0]?.spec.rules.map(({ matches, backendRefs }) => [
      matches[0]?.path?.value,
      backendRefs?.[0]?.name,
    ]);
    return [faults[0]?.inForce, shown];
  };
  assert.deepEqual(rulesOf([asking, open]), [
    "closed",
    [
      ["/cart", undefined],
      ["/", "catalog"],
    ],
  ]);
  const both = [asking, { ...open, backendRefs: [{ name: "beyond-too", port: 80 }] }];
  assert.deepEqual(rulesOf(both), [
    "closed",
    [
      ["/cart", undefined],
      ["/", undefined],
    ],
  ]);
  assert.deepEqual(rulesOf([{ ...open, backendRefs: [{ name: "beyond", port: 80 }] }]), [
    "nothing",
    undefined,
  ]);
});

test("a MeshConfig that cannot be translated still denies what no policy allows", () => {
  const snapshot = faulty("MeshConfig", {
    authorization: { defaultAction: "Deny" },
    rootNamespace: "root",
    accessLog: { path: "/beyond" },
    numTrustedProxies: 2,
  });
  const { value, faults } = translateIsolated(snapshot, undefined, digestSpec);
  assert.equal(faults[0]?.inForce, "closed");
  const { spec } = value.meshConfig ?? {};
  assert.deepEqual(
    [spec?.authorization.defaultAction, spec?.rootNamespace, spec?.numTrustedProxies],
    ["Deny", "root", 2],
  );
});

test("the list of who is revoked keeps its last good version", () => {
  const good = {
    denied: { spiffeIds: new Set(["a"]), serials: new Set<string>() },
    issuers: [],
    reissueWithinMs: 0,
  };
  const snapshot = { ...mesh("1"), identityPolicy: { ...good, reissueWithinMs: -1 } };
  const { value, faults } = translateIsolated(
    snapshot,
    { ...mesh("1"), identityPolicy: good },
    (candidate) => {
      if ((candidate.identityPolicy?.reissueWithinMs ?? 0) < 0) throw new Error("beyond me");
      return candidate;
    },
  );
  assert.deepEqual(
    faults.map(({ object, inForce }) => [object.kind, inForce]),
    [["Revocation", "last-good"]],
  );
  assert.equal(value.identityPolicy, good);
});

const NOTHING: SharedTranslation = {
  clusters: [],
  endpoints: [],
  zoneEndpoints: new Map(),
  secrets: [],
  routes: [],
  consumerRoutes: new Map(),
  findings: [],
};

test("what only a proxy's own part stumbles over is found, too, and once for all proxies", () => {
  const seen: MeshSnapshot[] = [];
  let attempts = 0;
  const translator = new SnapshotTranslator({
    log: silentLogger,
    translate: {
      shared: () => NOTHING,
      scoped: (snapshot) => {
        attempts += 1;
        seen.push(digest(snapshot));
        return { listeners: [], clusters: [], routes: [], findings: [] };
      },
    },
  });
  const give = (key: string) => {
    translator.forProxy(key, { ...TEST_SCOPE, nodeId: key }, 1);
    return seen.at(-1)?.peerAuthentications?.[0]?.metadata.labels["version"];
  };
  translator.update(mesh("1"));
  assert.equal(give("a"), "1");
  assert.deepEqual(translator.faults, []);
  const broken = mesh("2", "PeerAuthentication");
  translator.update(broken);
  assert.equal(give("a"), "1");
  const needed = attempts;
  assert.equal(give("b"), "1", "a proxy that is new gets what the others have");
  assert.equal(attempts, needed + 1, "nobody looks for it a second time");
  const found = translator.report().faults.map(({ object, inForce }) => [object.kind, inForce]);
  assert.deepEqual(found, [["PeerAuthentication", "last-good"]]);
  // Only instances change: nothing of the proxies' own parts is made anew, and the fault is still there.
  translator.update({ ...broken, instances: [] });
  assert.equal(give("a"), "1");
  assert.equal(translator.report().faults.length, 1);
  translator.update(mesh("3"));
  assert.equal(give("a"), "3");
  assert.equal(give("b"), "3");
  assert.deepEqual(translator.faults, []);
});
