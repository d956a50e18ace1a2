import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeAddress, decodeSession, encodeAddress, encodeSession } from "./session-token.ts";

const NOW_S = 1_700_000_000;

test("what was written is read again, until it expires", () => {
  const address = fc.constantFrom("127.0.0.1:80", "[2001:db8::1]:8443", "10.0.0.1:65535");
  fc.assert(
    fc.property(address, fc.integer({ min: NOW_S, max: 2 ** 40 }), (text, expiresS) => {
      assert.equal(decodeSession(encodeSession(text, 0), NOW_S), text);
      assert.equal(decodeSession(encodeSession(text, expiresS), NOW_S), text);
      assert.equal(decodeSession(encodeSession(text, NOW_S - 1), NOW_S), undefined);
      assert.equal(decodeAddress(encodeAddress(text)), text);
    }),
  );
});

test("the bytes are Envoy's: a message with the address, then when it expires", () => {
  const bytes = Buffer.from(encodeSession("1.2.3.4:5", 300), "base64");
  assert.deepEqual([...bytes], [0x0a, 9, ...Buffer.from("1.2.3.4:5"), 0x10, 0xac, 0x02]);
});

test("an Envoy that counts from its machine's start says nothing about our time", () => {
  assert.equal(decodeSession(encodeSession("1.2.3.4:5", 4_000), NOW_S), "1.2.3.4:5");
});

test("older cookies hold the address alone", () => {
  const token = Buffer.from("127.0.0.1:8080").toString("base64");
  assert.equal(decodeSession(token, NOW_S), "127.0.0.1:8080");
});

test("what nobody wrote is no session, and breaks nothing", () => {
  assert.equal(decodeSession("", NOW_S), undefined);
  assert.equal(decodeSession("not base64!", NOW_S), undefined);
  assert.equal(decodeSession("A".repeat(1_000), NOW_S), undefined);
  assert.equal(decodeSession(Buffer.from([0x10, 1]).toString("base64"), NOW_S), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const found = decodeSession(Buffer.from(bytes).toString("base64"), NOW_S);
      assert.ok(found === undefined || typeof found === "string");
    }),
  );
});
