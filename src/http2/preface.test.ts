import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CLIENT_PREFACE, matchPreface, PREFACE_MISMATCH } from "./preface.ts";

describe("matchPreface (RFC 9113 section 3.4)", () => {
  it("matches the 24 bytes of the RFC, split anywhere", () => {
    const hex = "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a";
    assert.equal(CLIENT_PREFACE.toString("hex"), hex);
    for (let cut = 0; cut <= CLIENT_PREFACE.length; cut++) {
      const matched = matchPreface(CLIENT_PREFACE, 0, cut, 0);
      assert.equal(matched, cut);
      assert.equal(matchPreface(CLIENT_PREFACE, cut, CLIENT_PREFACE.length, matched), 24);
    }
  });

  it("looks at nothing behind the preface", () => {
    const bytes = Buffer.concat([Buffer.from("x"), CLIENT_PREFACE, Buffer.from("y")]);
    assert.equal(matchPreface(bytes, 1, bytes.length, 0), 24);
  });

  it("does not match HTTP/1.1 or TLS", () => {
    for (const text of ["GET / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "PROPFIND", "\x16\x03\x01"]) {
      const bytes = Buffer.from(text, "latin1");
      assert.equal(matchPreface(bytes, 0, bytes.length, 0), PREFACE_MISMATCH);
    }
  });
});
