import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { createControlPlaneMetrics } from "./metrics.ts";

test("the reference page lists exactly the metrics", () => {
  const registry = new MetricRegistry();
  createControlPlaneMetrics(registry, "test");
  const page = new URL("../../docs/reference/admin-api.md", import.meta.url);
  const rows = [
    ...readFileSync(page, "utf8").matchAll(/^\| `([a-z0-9_]+)` \| (?:gauge|counter|hist)/gm),
  ];
  assert.deepEqual(
    rows.map(([, name]) => name).sort(),
    registry.families().map(({ name }) => name),
  );
});
