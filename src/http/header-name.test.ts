import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HEADER, HEADER_UNKNOWN, idOfName, isKnownName, LAST_FRAMING_ID } from "./header-name.ts";

describe("header names", () => {
  it("have numbers that lead back to them", () => {
    for (const [name, id] of Object.entries(HEADER)) {
      assert.equal(idOfName(name), id);
      const bytes = Buffer.from(`:${name}:`);
      assert.ok(isKnownName(id, bytes, 1, bytes.length - 1), name);
      assert.ok(isKnownName(id, Buffer.from(name.toUpperCase()), 0, name.length), name);
      assert.ok(!isKnownName(id, bytes, 1, bytes.length), `${name} is longer`);
      assert.ok(!isKnownName(id, bytes, 2, bytes.length - 1), `${name} is shorter`);
      assert.ok(!isKnownName(id, bytes, 0, bytes.length - 2), `${name} is moved`);
    }
  });

  it("fit the byte arrays that hold their numbers", () => {
    assert.ok(Math.max(...Object.values(HEADER)) < 256);
  });

  it("that are not in the table have no number", () => {
    for (const name of ["", "x", "hosts", "Host", "content-lengt", "__proto__", "constructor"]) {
      assert.equal(idOfName(name), HEADER_UNKNOWN);
    }
  });

  it("that frame a message come first", () => {
    const framing = [
      "content-length",
      "transfer-encoding",
      "connection",
      "host",
      "keep-alive",
    ] as const;
    const more = [
      "proxy-connection",
      "te",
      "trailer",
      "upgrade",
      "expect",
      "http2-settings",
    ] as const;
    for (const name of [...framing, ...more]) assert.ok(HEADER[name] <= LAST_FRAMING_ID);
    assert.ok(HEADER.date > LAST_FRAMING_ID);
  });
});
