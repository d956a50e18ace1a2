import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { Session } from "../../decision/oidc/records.ts";
import { HeaderBlock } from "../../http/header-block.ts";
import { LoginCookies } from "./login-cookies.ts";
import { SEAL_IV_BYTES, seal, sealingKey, unseal } from "./sealed-text.ts";

const KEY = sealingKey("secret", "default/staff shop");

function sessionOf(length: number): Session {
  const idToken = randomBytes(length).toString("base64url");
  return { idToken, accessToken: "", refreshToken: "r", subject: "anna", expiresAtMs: 1 };
}

/** As a browser sends back what it was told. */
function sent(headers: HeaderBlock): string {
  const pairs: string[] = [];
  headers.forEach((_name, value) => {
    pairs.push(value.split(";", 1)[0] ?? "");
  });
  return pairs.join("; ");
}

function stored(session: Session, cookies = new LoginCookies("default/staff", KEY)): string {
  const headers = new HeaderBlock();
  assert.ok(cookies.setSession(session, headers));
  return sent(headers);
}

test("sessions of every length come back, in pieces that browsers keep", () => {
  const cookies = new LoginCookies("default/staff", KEY);
  for (const length of [0, 100, 2_000, 5_000, 10_000]) {
    const session = sessionOf(length);
    const text = stored(session, cookies);
    for (const pair of text.split("; ")) assert.ok(pair.length < 4_000);
    assert.deepEqual(cookies.session([text]), session);
    assert.deepEqual(cookies.session(["other=1", text]), session, "in two fields");
  }
  assert.equal(cookies.setSession(sessionOf(100_000), new HeaderBlock()), false);
});

test("another policy, another secret and another purpose are strangers", () => {
  const text = stored(sessionOf(10));
  assert.equal(new LoginCookies("default/other", KEY).session([text]), undefined);
  const other = sealingKey("other", "default/staff shop");
  assert.equal(new LoginCookies("default/staff", other).session([text]), undefined);
  const sealed = seal(KEY, "login", "text", randomBytes(SEAL_IV_BYTES));
  assert.equal(unseal(KEY, "login", sealed), "text");
  assert.equal(unseal(KEY, "session", sealed), undefined);
});

test("whatever comes as a cookie is a session of ours or none, and never throws", () => {
  const cookies = new LoginCookies("default/staff", KEY);
  const text = stored(sessionOf(5_000), cookies);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 4 }), (at, piece) => {
      const changed = text.slice(0, at) + piece + text.slice(at + piece.length);
      const found = cookies.session([changed]);
      if (found !== undefined) assert.deepEqual(found, cookies.session([text]));
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.string(), (value) => {
      const name = text.split("=", 1)[0];
      assert.equal(cookies.session([`${name}=${value}`]), undefined);
      cookies.pending([value], value);
    }),
    { numRuns: 500 },
  );
});

test("apps get the other cookies, as they were", () => {
  const cookies = new LoginCookies("default/staff", KEY);
  const text = stored(sessionOf(10), cookies);
  const headers = new HeaderBlock();
  cookies.hideFrom(headers, [`a=1; ${text}`, "b=2"]);
  assert.equal(headers.get("cookie"), "a=1; b=2");
});
