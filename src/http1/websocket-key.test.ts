import assert from "node:assert/strict";
import { test } from "node:test";
import { websocketAccept } from "./websocket-key.ts";

test("the accept value of RFC 6455 section 1.3", () => {
  assert.equal(websocketAccept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});
