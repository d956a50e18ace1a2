import assert from "node:assert/strict";
import { test } from "node:test";
import { registry } from "../../resource/registry.ts";
import { API_ROUTES } from "../admin-api/api-routes.ts";
import {
  isAtLeast,
  OPERATOR_KINDS,
  READING_ROUTES,
  ROUTE_ACCESS,
  readerOf,
  writerOf,
} from "./roles.ts";

test("each role may do what those before it may", () => {
  assert.equal(isAtLeast("admin", "viewer"), true);
  assert.equal(isAtLeast("operator", "operator"), true);
  assert.equal(isAtLeast("viewer", "operator"), false);
});

test("every route of the API says which role it takes: add yours to ROUTE_ACCESS", () => {
  const missing = API_ROUTES.map(({ method, path }) => `${method} ${path}`).filter(
    (route) => !Object.hasOwn(ROUTE_ACCESS, route),
  );
  assert.deepEqual(missing, []);
});

test("a viewer changes nothing", () => {
  for (const [route, access] of Object.entries(ROUTE_ACCESS)) {
    if (access === "viewer" || access === "public") {
      assert.ok(route.startsWith("GET ") || READING_ROUTES.has(route), route);
    }
  }
  assert.deepEqual([...READING_ROUTES].sort(), [
    "POST /api/v1/authz/check",
    "POST /api/v1/authz/suggest",
    "POST /api/v1/explain",
  ]);
});

test("objects about security take an admin, and so does a kind that nobody has thought of", () => {
  const kinds: readonly string[] = registry.kinds.map(({ kind }) => kind);
  for (const kind of OPERATOR_KINDS) assert.ok(kinds.includes(kind), kind);
  for (const kind of [
    "AuthorizationPolicy",
    "MeshConfig",
    "PeerAuthentication",
    "RequestAuthentication",
    "Revocation",
    "SomethingNew",
  ]) {
    assert.equal(writerOf(kind), "admin", kind);
  }
  assert.equal(writerOf("HTTPRoute"), "operator");
  assert.equal(readerOf("Secret"), "admin");
  assert.equal(readerOf("HTTPRoute"), "viewer");
});
