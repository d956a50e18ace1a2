/** Ids of requests: valid, and never the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newRequestId } from "./request-id.ts";

test("a request id is a version 4 UUID, and each is new", () => {
  const ids = Array.from({ length: 5_000 }, newRequestId);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.equal(new Set(ids).size, ids.length);
});
