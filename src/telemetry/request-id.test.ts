/** Ids of requests and traces: valid, and never the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newRequestId, newTraceparent } from "./request-id.ts";

test("a request id is a version 4 UUID, and each is new", () => {
  const ids = Array.from({ length: 1_000 }, newRequestId);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.equal(new Set(ids).size, ids.length);
});

test("a traceparent is valid (W3C Trace Context section 3.2) and says whether it is sampled", () => {
  const traceIds = new Set<string>();
  const parentIds = new Set<string>();
  for (let i = 0; i < 1_000; i++) {
    const text = newTraceparent(i % 2 === 0);
    const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/.exec(text);
    const [, traceId = "", parentId = "", flags] = match ?? assert.fail(text);
    assert.notEqual(traceId, "0".repeat(32));
    assert.notEqual(parentId, "0".repeat(16));
    assert.equal(flags, i % 2 === 0 ? "01" : "00");
    traceIds.add(traceId);
    parentIds.add(parentId);
  }
  assert.equal(traceIds.size, 1_000);
  assert.equal(parentIds.size, 1_000);
});
