import assert from "node:assert/strict";
import { test } from "node:test";
import { meshAccess, meshAudit, meshQuotas } from "./mesh-access.ts";

const problems = (
  schema: { safeParse(value: unknown): { error?: { issues: { path: PropertyKey[] }[] } } },
  value: unknown,
) => (schema.safeParse(value).error?.issues ?? []).map(({ path }) => path.join("."));

test("identities are SPIFFE ids, each once", () => {
  const identity = (spiffeId: unknown, role: unknown = "Viewer") => ({
    identities: [{ spiffeId, role }],
  });
  assert.deepEqual(problems(meshAccess, identity("spiffe://tulle.local/ns/ops/sa/deployer")), []);
  for (const bad of ["spiffe://tulle.local", "https://a/b", "spiffe://a/b?c", "", null, "*"]) {
    assert.deepEqual(problems(meshAccess, identity(bad)), ["identities.0.spiffeId"], String(bad));
  }
  assert.deepEqual(problems(meshAccess, identity("spiffe://a/b", "viewer")), ["identities.0.role"]);
  const one = { spiffeId: "spiffe://a/b", role: "Viewer" };
  assert.deepEqual(problems(meshAccess, { identities: [one, one] }), ["identities.1.spiffeId"]);
});

test("an identity provider has an issuer, audiences and roles", () => {
  const oidc = {
    issuer: "https://login.example.com",
    audiences: ["tulle"],
    roles: [{ value: "ops", role: "Admin" }],
  };
  assert.deepEqual(problems(meshAccess, { oidc }), []);
  assert.deepEqual(problems(meshAccess, { oidc: { ...oidc, issuer: "login" } }), ["oidc.issuer"]);
  assert.deepEqual(problems(meshAccess, { oidc: { ...oidc, issuer: "file:///a" } }), [
    "oidc.issuer",
  ]);
  assert.deepEqual(problems(meshAccess, { oidc: { ...oidc, audiences: [] } }), ["oidc.audiences"]);
  assert.deepEqual(problems(meshAccess, { oidc: { ...oidc, roles: [] } }), ["oidc.roles"]);
  assert.deepEqual(problems(meshAccess, { oidc: { ...oidc, scopes: ["a b"] } }), ["oidc.scopes.0"]);
  assert.deepEqual(problems(meshAccess, { anonymous: "Admin" }), ["anonymous"]);
});

test("quotas and thresholds have bounds", () => {
  assert.deepEqual(problems(meshQuotas, { objectsPerNamespace: 0 }), ["objectsPerNamespace"]);
  assert.deepEqual(problems(meshQuotas, { documentBytes: 1 }), ["documentBytes"]);
  assert.deepEqual(problems(meshAudit, { denialBurst: { count: -1 } }), ["denialBurst.count"]);
  assert.deepEqual(problems(meshAudit, { denialsInterval: "1ms" }), ["denialsInterval"]);
  assert.deepEqual(problems(meshAudit, { serviceScan: { count: 0, window: "1h" } }), []);
});
