import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { createAdminApp } from "./admin-app.ts";
import { API_ROUTES } from "./api-routes.ts";
import { openApiDocument } from "./openapi.ts";

/** Routes are registered without touching what they will read. */
const NO_DEPS = { metrics: new MetricRegistry() } as unknown as AdminApiDeps;

test("the table of routes is exactly what is served", () => {
  const served = createAdminApp(NO_DEPS)
    .routes.filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  const listed = API_ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual([...new Set(served)].sort(), listed.toSorted());
});

test("the OpenAPI document describes each route with its parameters and body", () => {
  const document = openApiDocument("1.2.3") as {
    readonly openapi: string;
    readonly paths: Record<string, Record<string, { parameters: { name: string }[] }>>;
    readonly components: { readonly schemas: Record<string, unknown> };
  };
  assert.equal(document.openapi, "3.1.0");
  for (const { method, path, parameters, request } of API_ROUTES) {
    const operation = document.paths[path]?.[method.toLowerCase()];
    assert.deepEqual(
      operation?.parameters.map(({ name }) => name),
      parameters.map(({ name }) => name),
    );
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = parameters.filter((one) => one.in === "path").map(({ name }) => name);
    assert.deepEqual(declared, inPath, path);
    if (request !== undefined) assert.ok(document.components.schemas[request] !== undefined);
  }
});

test("the reference page lists exactly the routes", () => {
  const page = new URL("../../../docs/reference/admin-api.md", import.meta.url);
  const rows = [...readFileSync(page, "utf8").matchAll(/^\| `((?:GET|POST|DELETE) [^`]+)`/gm)];
  assert.deepEqual(
    rows.map(([, route]) => route),
    API_ROUTES.map(({ method, path }) => `${method} ${path}`),
  );
});
