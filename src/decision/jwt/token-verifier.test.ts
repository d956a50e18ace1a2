/** Tokens by themselves, with `jose` for a second opinion. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createLocalJWKSet, jwtVerify } from "jose";
import {
  keySetOf,
  type SigningKey,
  signedToken,
  signingKey,
} from "../../../test/support/signed-tokens.ts";
import { JWT_FAILURE } from "./failure.ts";
import { parseKeySet } from "./json-web-key-set.ts";
import { TokenCache } from "./token-cache.ts";
import { type TokenRules, TokenVerifier } from "./token-verifier.ts";

const NOW_S = 1_800_000_000;
const NOW_MS = NOW_S * 1_000;
const ISSUER = "https://issuer.example";
const KEYS = ["RS256", "PS384", "ES256", "ES512", "EdDSA"].map((name) => signingKey(name, name));
const CLAIMS = { iss: ISSUER, sub: "anna", aud: "shop", exp: NOW_S + 600 };

function verifierOf(keys: readonly SigningKey[], rules: Partial<TokenRules> = {}): TokenVerifier {
  const set = parseKeySet(keySetOf(...keys));
  assert.ok(set.kind === "keys");
  return new TokenVerifier({
    ...{ issuer: ISSUER, audiences: ["shop"], subjects: undefined, requiresExpiry: false },
    ...{ lifetimeMsMax: 0, skewMs: 60_000, keys: set.keys, cacheSizeMax: 100 },
    output: {
      ...{ payloadKey: "payload", headerKey: "", spacedClaims: ["scope"] },
      ...{ payloadField: undefined, claimFields: [] },
    },
    ...rules,
  });
}

test("jose agrees on tokens of every algorithm, and on what is made of them byte by byte", async () => {
  const verifier = verifierOf(KEYS);
  const jwks = createLocalJWKSet(JSON.parse(keySetOf(...KEYS)));
  const options = {
    issuer: ISSUER,
    audience: "shop",
    clockTolerance: 59,
    currentDate: new Date(NOW_MS),
  };
  const tokens = KEYS.map((key) => signedToken(key, CLAIMS));
  const alphabet = "ABCXYZabcxyz0189-_.= ";
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...tokens),
      fc.nat(2_000),
      fc.constantFrom(...alphabet),
      fc.constantFrom("replace", "insert", "remove", "cut", "none"),
      async (token, at, character, change) => {
        const place = at % token.length;
        const changed = changedToken(token, place, character, change);
        const ours = verifier.verify(changed, NOW_MS, undefined).kind === "token";
        const theirs = await jwtVerify(changed, jwks, options).then(
          () => true,
          () => false,
        );
        // Where one of the two is stricter it is ours: it takes one spelling of each token.
        if (ours) assert.ok(theirs, changed);
        if (theirs && !ours) assert.notEqual(changed, token);
        assert.equal(ours, changed === token);
      },
    ),
    { numRuns: 400 },
  );
});

function changedToken(token: string, at: number, character: string, change: string): string {
  switch (change) {
    case "replace":
      return token.slice(0, at) + character + token.slice(at + 1);
    case "insert":
      return token.slice(0, at) + character + token.slice(at);
    case "remove":
      return token.slice(0, at) + token.slice(at + 1);
    case "cut":
      return token.slice(0, at);
    default:
      return token;
  }
}

test("who a user is, as authorization sees it", () => {
  const [key] = KEYS;
  const verifier = verifierOf(KEYS);
  const found = verifier.verify(signedToken(key!, { ...CLAIMS, scope: "a b" }), NOW_MS, undefined);
  assert.ok(found.kind === "token");
  assert.equal(found.token.principal, `${ISSUER}/anna`);
  assert.deepEqual(found.token.audiences, ["shop"]);
  assert.equal(found.token.expiresAtMs, (NOW_S + 600) * 1_000);
  const nobody = verifier.verify(
    signedToken(key!, { ...CLAIMS, sub: undefined }),
    NOW_MS,
    undefined,
  );
  assert.ok(nobody.kind === "token");
  assert.equal(nobody.token.principal, "");
});

test("expiry can be required, and bounded", () => {
  const [key] = KEYS;
  const forever = signedToken(key!, { ...CLAIMS, exp: undefined });
  const judge = (rules: Partial<TokenRules>, token: string) =>
    verifierOf(KEYS, rules).verify(token, NOW_MS, undefined);
  assert.equal(judge({}, forever).kind, "token");
  assert.equal(judge({ requiresExpiry: true }, forever), JWT_FAILURE.noExpiry);
  assert.equal(judge({ lifetimeMsMax: 599_000 }, signedToken(key!, CLAIMS)), JWT_FAILURE.lifetime);
  assert.equal(judge({ lifetimeMsMax: 600_000 }, signedToken(key!, CLAIMS)).kind, "token");
  assert.equal(judge({ subjects: (text) => text === "otto" }, forever), JWT_FAILURE.subject);
});

test("a token without kid is tried with few keys", () => {
  const many = Array.from({ length: 12 }, (_, index) => signingKey("ES256", `k${index}`));
  const verifier = verifierOf(many);
  const token = (index: number) => signedToken(many[index]!, CLAIMS, { kid: undefined });
  assert.equal(verifier.verify(token(0), NOW_MS, undefined).kind, "token");
  assert.equal(verifier.verify(token(7), NOW_MS, undefined).kind, "token");
  assert.equal(verifier.verify(token(8), NOW_MS, undefined), JWT_FAILURE.signature);
  assert.equal(verifier.verify(signedToken(many[8]!, CLAIMS), NOW_MS, undefined).kind, "token");
});

test("known tokens are few, short, and judged by time and audience each time", () => {
  const [key] = KEYS;
  const verifier = verifierOf(KEYS, { cacheSizeMax: 2 });
  const token = signedToken(key!, CLAIMS);
  assert.equal(verifier.known(token, NOW_MS, undefined), undefined);
  verifier.verify(token, NOW_MS, undefined);
  assert.equal(verifier.known(token, NOW_MS, undefined)?.kind, "token");
  assert.equal(verifier.known(token, NOW_MS, ["desk"]), JWT_FAILURE.audience);
  assert.equal(verifier.known(token, NOW_MS + 661_000, undefined), JWT_FAILURE.expired);
  assert.equal(verifier.knownCount, 0);
  verifier.verify(signedToken(key!, { ...CLAIMS, fill: "x".repeat(4_096) }), NOW_MS, undefined);
  assert.equal(verifier.knownCount, 0);
  for (let i = 0; i < 5; i++)
    verifier.verify(signedToken(key!, { ...CLAIMS, i }), NOW_MS, undefined);
  assert.equal(verifier.knownCount, 2);
  verifier.verify(`${token}x`, NOW_MS, undefined);
  assert.equal(verifier.knownCount, 2);
});

test("of known tokens, those stay that are asked for", () => {
  const cache = new TokenCache<number>(3);
  for (const token of ["a", "b", "c"]) cache.set(token, 1);
  cache.get("a");
  cache.set("d", 1);
  assert.equal(cache.get("b"), undefined);
  assert.equal(cache.get("a"), 1);
  assert.equal(cache.size, 3);
});
