import assert from "node:assert/strict";
import { test } from "node:test";
import { type GuardedRequest, isLoopbackAuthority, refusalOf } from "./request-guard.ts";

const GET: GuardedRequest = {
  method: "GET",
  host: "127.0.0.1:7700",
  origin: undefined,
  secFetchSite: undefined,
  contentType: undefined,
  hasBody: false,
};
const POST: GuardedRequest = {
  ...GET,
  method: "POST",
  contentType: "application/json",
  hasBody: true,
};

test("only loopback names pass as Host", () => {
  for (const good of ["127.0.0.1", "127.3.2.1:1", "localhost:7700", "[::1]:80", "a.localhost"]) {
    assert.equal(isLoopbackAuthority(good), true, good);
  }
  const bad = [
    "evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "127.0.0.256",
    "localhost.evil",
    "[::2]",
    "0.0.0.0",
    "",
  ];
  for (const host of bad) assert.equal(isLoopbackAuthority(host), false, host);
});

test("a rebound DNS name is refused, for reads too", () => {
  assert.equal(refusalOf(GET, "tcp"), undefined);
  assert.match(refusalOf({ ...GET, host: "evil.example:7700" }, "tcp") ?? "", /evil\.example/);
  assert.match(refusalOf({ ...GET, host: undefined }, "tcp") ?? "", /Host/);
});

test("writes of other sites' pages are refused, those of curl and of our own pages pass", () => {
  assert.equal(refusalOf(POST, "tcp"), undefined);
  assert.equal(refusalOf({ ...POST, origin: "http://127.0.0.1:7700" }, "tcp"), undefined);
  for (const origin of ["http://evil.example", "null", "http://127.0.0.1:9999"]) {
    assert.notEqual(refusalOf({ ...POST, origin }, "tcp"), undefined, origin);
  }
  assert.notEqual(refusalOf({ ...POST, secFetchSite: "cross-site" }, "tcp"), undefined);
  assert.notEqual(refusalOf({ ...POST, secFetchSite: "same-site" }, "tcp"), undefined);
  assert.equal(refusalOf({ ...POST, secFetchSite: "same-origin" }, "tcp"), undefined);
});

test("a body that an HTML form can send is refused", () => {
  for (const contentType of [undefined, "text/plain", "application/x-www-form-urlencoded"]) {
    assert.notEqual(refusalOf({ ...POST, contentType }, "tcp"), undefined, String(contentType));
  }
  const withCharset = { ...POST, contentType: "application/json; charset=utf-8" };
  assert.equal(refusalOf(withCharset, "tcp"), undefined);
});

test("the owner-only socket asks for none of this", () => {
  assert.equal(refusalOf({ ...POST, host: "x", contentType: undefined }, "unix"), undefined);
});
