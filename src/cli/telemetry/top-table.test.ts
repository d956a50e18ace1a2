import assert from "node:assert/strict";
import { test } from "node:test";
import type { TapEvent } from "../../control-plane/telemetry-types.ts";
import { TopTable } from "./top-table.ts";

const NAMESPACE = "default";

function event(fields: Partial<TapEvent>): TapEvent {
  return {
    time: "2026-11-26T10:00:00.000Z",
    reporter: "source",
    source: { namespace: NAMESPACE, name: "storefront" },
    destination: { namespace: NAMESPACE, name: "catalog" },
    instance: "storefront-1",
    method: "GET",
    path: "/items",
    authority: null,
    protocol: "HTTP/1.1",
    responseCode: 200,
    grpcStatus: null,
    flags: "-",
    details: null,
    durationMs: 5,
    bytesReceived: 0,
    bytesSent: 0,
    attempts: 1,
    route: null,
    upstreamHost: null,
    requestId: null,
    traceId: null,
    spanId: null,
    captured: {},
    requestHeaders: [],
    responseHeaders: [],
    ...fields,
  };
}

test("requests are summed by caller, service, method and path without its query", () => {
  const table = new TopTable();
  table.add(event({ path: "/items?page=1", durationMs: 5 }));
  table.add(event({ path: "/items?page=2", durationMs: 1, responseCode: 503 }));
  table.add(event({ path: "/items", durationMs: 3, responseCode: 0 }));
  table.add(event({ path: "/other" }));
  const [first, second] = table.rows();
  assert.deepEqual(first, {
    source: "storefront",
    destination: "catalog",
    method: "GET",
    path: "/items",
    count: 3,
    failures: 2,
    bestMs: 1,
    worstMs: 5,
    lastMs: 3,
  });
  assert.equal(second?.path, "/other");
});

test("a request that both sides tell of counts once, one from outside the mesh too", () => {
  const table = new TopTable();
  table.add(event({}));
  table.add(event({ reporter: "destination" }));
  const outside = { namespace: "unknown", name: "unknown" };
  table.add(event({ reporter: "destination", source: outside }));
  assert.deepEqual(
    table.rows().map(({ source, count }) => [source, count]),
    [
      ["storefront", 1],
      ["unknown", 1],
    ],
  );
});

test("paths that callers choose do not make it grow without end", () => {
  const table = new TopTable();
  for (let i = 0; i < 5000; i++) table.add(event({ path: `/${i}` }));
  const rows = table.rows();
  assert.ok(rows.length <= 1001);
  assert.deepEqual(rows[0], {
    source: "…",
    destination: "…",
    method: "…",
    path: "others",
    count: 4000,
    failures: 0,
    bestMs: 5,
    worstMs: 5,
    lastMs: 5,
  });
});
