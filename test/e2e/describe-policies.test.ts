/**
 * `tulle describe service` names what every kind of policy makes of the Service, and whether somebody wrote it: a control
 * plane, sidecars and policies by the command line.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { CatalogMesh } from "./catalog-mesh.ts";

const APP = `
require("node:http").createServer((_, response) => response.end()).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const TARGETS = { targetRefs: [{ kind: "Service", name: "catalog" }] };

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({ name: "describe-policies", app: APP });
});

after(() => mesh?.remove());

function apply(kind: string, spec: object, name = "catalog"): Promise<void> {
  return mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind,
    metadata: { name },
    spec: { ...TARGETS, ...spec },
  });
}

/** `cache.sharing` to `Shared | CachePolicy default/catalog`. */
async function settings(): Promise<ReadonlyMap<string, string>> {
  const text = await mesh.tulle("describe", "service", "catalog", "-o", "json");
  const { policy } = JSON.parse(text) as {
    readonly policy: readonly { field: string; value: string; origin: string }[];
  };
  return new Map(policy.map(({ field, value, origin }) => [field, `${value} | ${origin}`]));
}

function keySet(): string {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return JSON.stringify({ keys: [publicKey.export({ format: "jwk" })] });
}

async function expect(wanted: Readonly<Record<string, string>>): Promise<void> {
  const found = await settings();
  const shown = Object.keys(wanted).map((field) => [field, found.get(field)]);
  assert.deepEqual(Object.fromEntries(shown), wanted);
}

test("of a cache: what its policy says, and what holds without a word", async () => {
  assert.ok(![...(await settings()).keys()].some((field) => field.startsWith("cache.")));
  await apply("CachePolicy", { sharing: "Shared", memory: { totalMebibytes: 8 } });
  await expect({
    "cache.sharing": "Shared | CachePolicy default/catalog",
    "cache.memory.totalMebibytes": "8 | CachePolicy default/catalog",
    "cache.memory.objectKibibytes": "1024 | built-in default",
    "cache.staleIfError": "0s | built-in default",
    "cache.match": "every GET and HEAD | built-in default",
    "cache.defaultTtl": "not kept unless the answer says | built-in default",
  });
  const text = await mesh.tulle("describe", "service", "catalog");
  assert.match(text, /cache\.sharing +Shared +CachePolicy default\/catalog/);
});

test("of faults: which, for which share of the requests, and when they end", async () => {
  await apply("FaultPolicy", {
    delay: { duration: "1ms", percentage: 50 },
    abort: { httpStatus: 503 },
    match: { path: { type: "PathPrefix", value: "/broken" } },
  });
  await expect({
    "fault.delay.duration": "1ms | FaultPolicy default/catalog",
    "fault.delay.percentage": "50 | FaultPolicy default/catalog",
    "fault.abort.httpStatus": "503 | FaultPolicy default/catalog",
    "fault.abort.percentage": "100 | built-in default",
    "fault.match.path.value": "/broken | FaultPolicy default/catalog",
    "fault.maxActive": "no limit | built-in default",
  });
  const ends = (await settings()).get("fault.endsAt");
  assert.match(ends ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z \| built-in default$/);
  // The oldest holds, unless its time is over.
  await apply("FaultPolicy", { reset: {}, expiresAt: "2001-01-01T00:00:00Z" });
  await apply("FaultPolicy", { reset: { percentage: 1 }, ttl: "1h" }, "younger");
  await expect({ "fault.reset.percentage": "1 | FaultPolicy default/younger" });
});

test("of limits and load shedding: each rule, and what all have in common", async () => {
  await apply("RateLimitPolicy", {
    local: { rules: [{ name: "everyone", limit: { requests: 1000 } }] },
    tellsClients: false,
    loadShedding: { maxConcurrency: 50, classes: [{ priority: "Critical", match: {} }] },
  });
  await expect({
    "rateLimits.everyone":
      "1000 in 1s, 500 at once, at each instance | RateLimitPolicy default/catalog",
    "rateLimit.where": "Server | built-in default",
    "rateLimit.mode": "Enforce | built-in default",
    "rateLimit.tellsClients": "false | RateLimitPolicy default/catalog",
    "rateLimit.response.status": "429 | built-in default",
    "rateLimit.maxClients": "10000 | built-in default",
    "loadShedding.maxConcurrency": "50 | RateLimitPolicy default/catalog",
    "loadShedding.minConcurrency": "3 | built-in default",
    "loadShedding.latencyTolerance": "25 | built-in default",
    "loadShedding.classes": "Critical | RateLimitPolicy default/catalog",
  });
});

test("of security: users' tokens, mutual TLS and who may call", async () => {
  await apply("RequestAuthentication", {
    jwtRules: [{ issuer: "https://login.example", jwks: keySet(), audiences: ["shop"] }],
  });
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "PeerAuthentication",
    metadata: { name: "default" },
    spec: { mtls: { mode: "STRICT" } },
  });
  await apply("AuthorizationPolicy", { action: "ALLOW", rules: [{}] });
  await expect({
    "authentication.issuer":
      "https://login.example, keys inline | RequestAuthentication default/catalog",
    "authentication.audiences": "shop | RequestAuthentication default/catalog",
    "authentication.forwardOriginalToken": "false | built-in default",
    "mtls.80": "STRICT | PeerAuthentication default/default",
    "authorization.ALLOW": "1 rule | AuthorizationPolicy default/catalog",
    "authorization.defaultAction": "Allow | built-in default",
  });
});
