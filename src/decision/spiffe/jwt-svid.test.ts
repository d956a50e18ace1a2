/** Every rule of JWT-SVID, with a token that keeps it and one that breaks it. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import {
  encoded,
  type SigningKey,
  signedToken,
  signingKey,
} from "../../../test/support/signed-tokens.ts";
import { importKey, type VerificationKey } from "../jwt/json-web-key.ts";
import { type JwtSvidVerdict, verifyJwtSvid } from "./jwt-svid.ts";

const NOW_MS = 1_800_000_000_000;
const NOW_S = NOW_MS / 1000;
const ID = "spiffe://mesh.test/ns/default/sa/web";
const CLAIMS = { sub: ID, aud: ["orders"], exp: NOW_S + 300, iat: NOW_S };

const key = signingKey("ES256", "a");
const foreign = signingKey("ES256", "a");

function imported({ jwk }: SigningKey): VerificationKey {
  const { use: _, ...rest } = jwk;
  const found = importKey(new Map(Object.entries(rest as Record<string, string>)));
  assert.ok(found.kind === "key");
  return found;
}

function verify(token: string, keys: readonly SigningKey[] = [key]): JwtSvidVerdict {
  const trusted = new Map([
    ["mesh.test", keys.map(imported)],
    ["other.test", [imported(foreign)]],
  ]);
  return verifyJwtSvid(token, {
    keysOf: (trustDomain) => trusted.get(trustDomain),
    audience: "orders",
    nowMs: NOW_MS,
  });
}

function reasonOf(token: string): string {
  const verdict = verify(token);
  assert.ok(verdict.kind === "failure", "it was accepted");
  return verdict.message;
}

const accepted = (token: string): void => {
  const verdict = verify(token);
  assert.equal(verdict.kind, "svid", JSON.stringify(verdict));
};
const refused = (token: string, reason: RegExp): void => assert.match(reasonOf(token), reason);

test("a good token says who its holder is", () => {
  const verdict = verify(signedToken(key, CLAIMS));
  assert.ok(verdict.kind === "svid");
  assert.equal(verdict.spiffeId, ID);
  assert.equal(verdict.trustDomain, "mesh.test");
  assert.equal(verdict.expiresAtMs, NOW_MS + 300_000);
  assert.deepEqual(verdict.claims.get("aud"), ["orders"]);
});

test("only the compact form", () => {
  const token = signedToken(key, CLAIMS);
  refused(token.split(".").slice(0, 2).join("."), /3 sections/);
  refused(`${token}.AA.AA`, /3 sections/);
  const [protectedHeader, payload, signature] = token.split(".");
  refused(
    JSON.stringify({ payload, signatures: [{ protected: protectedHeader, signature }] }),
    /./,
  );
});

test("the nine algorithms and no other", () => {
  const names = ["RS", "ES", "PS"].flatMap((family) =>
    ["256", "384", "512"].map((size) => `${family}${size}`),
  );
  for (const name of names) {
    const one = signingKey(name, "b");
    const verdict = verify(signedToken(one, CLAIMS), [one]);
    assert.equal(verdict.kind, "svid", `${name}: ${JSON.stringify(verdict)}`);
  }
  const head = (alg: string): string =>
    `${encoded(JSON.stringify({ alg }))}.${encoded(JSON.stringify(CLAIMS))}`;
  refused(`${head("none")}.`, /3 sections/);
  refused(`${head("none")}.AAAA`, /alg/);
  refused(`${head("EdDSA")}.${encoded("x".repeat(64))}`, /EdDSA/);
  const text = head("HS256");
  refused(`${text}.${createHmac("sha256", "secret").update(text).digest("base64url")}`, /alg/);
});

test("an algorithm that is not that of the key is refused", () => {
  refused(
    signedToken(
      { ...key, algorithm: "RS256", privateKey: signingKey("RS256", "a").privateKey },
      CLAIMS,
    ),
    /kid or alg/,
  );
});

test("typ is absent, JWT or JOSE", () => {
  accepted(signedToken(key, CLAIMS, { typ: undefined }));
  accepted(signedToken(key, CLAIMS, { typ: "JWT" }));
  accepted(signedToken(key, CLAIMS, { typ: "JOSE" }));
  for (const typ of ["jwt", "at+jwt", "", null, 1])
    refused(signedToken(key, CLAIMS, { typ }), /typ/);
});

test("no other header", () => {
  for (const header of [
    { jku: "https://a.test" },
    { jwk: {} },
    { x5c: [] },
    { cty: "JWT" },
    { crit: ["exp"] },
  ]) {
    refused(signedToken(key, CLAIMS, header), /header|crit/);
  }
});

test("the key is found by kid, and any key of the domain counts where there is none", () => {
  accepted(signedToken(key, CLAIMS, { kid: undefined }));
  refused(signedToken(key, CLAIMS, { kid: "b" }), /match kid/);
  refused(signedToken(key, CLAIMS, { kid: 1 }), /kid/);
});

test("the subject is the SPIFFE id of a workload, in its one spelling", () => {
  for (const sub of [
    undefined,
    "",
    "web",
    "https://mesh.test/ns/default/sa/web",
    "spiffe://mesh.test",
    "spiffe://mesh.test/",
    "SPIFFE://mesh.test/ns/default/sa/web",
    "spiffe://MESH.test/ns/default/sa/web",
    "spiffe://mesh.test/ns/../sa/web",
    "spiffe://mesh.test/ns/default/sa/web?x",
  ]) {
    refused(signedToken(key, { ...CLAIMS, sub }), /subject/);
  }
  refused(signedToken(key, { ...CLAIMS, sub: 1 }), /sub/);
});

test("an audience is required, and it is ours", () => {
  accepted(signedToken(key, { ...CLAIMS, aud: "orders" }));
  accepted(signedToken(key, { ...CLAIMS, aud: ["a", "orders"] }));
  for (const aud of [undefined, []]) refused(signedToken(key, { ...CLAIMS, aud }), /no audience/);
  for (const aud of ["Orders", ["a"], "", "orders "]) {
    refused(signedToken(key, { ...CLAIMS, aud }), /another audience/);
  }
  refused(signedToken(key, { ...CLAIMS, aud: [1] }), /aud/);
});

test("an expiry is required, and lies ahead", () => {
  accepted(signedToken(key, { ...CLAIMS, exp: NOW_S + 1 }));
  refused(signedToken(key, { ...CLAIMS, exp: undefined }), /no expiry/);
  refused(signedToken(key, { ...CLAIMS, exp: NOW_S }), /expired/);
  refused(signedToken(key, { ...CLAIMS, exp: "tomorrow" }), /exp/);
  refused(signedToken(key, { ...CLAIMS, nbf: NOW_S + 1 }), /not yet valid/);
});

test("a domain's tokens are signed by keys of that domain alone", () => {
  refused(signedToken(foreign, CLAIMS), /verification fails/);
  refused(signedToken(key, { ...CLAIMS, sub: "spiffe://other.test/a" }), /verification fails/);
  accepted(signedToken(foreign, { ...CLAIMS, sub: "spiffe://other.test/a" }));
  refused(signedToken(key, { ...CLAIMS, sub: "spiffe://unknown.test/a" }), /not trusted/);
});

test("a domain without keys is trusted for nothing", () => {
  const verdict = verify(signedToken(key, CLAIMS), []);
  assert.ok(verdict.kind === "failure");
});

test("claims that stand twice are refused", () => {
  refused(
    signedToken(key, `{"sub":"${ID}","sub":"${ID}","aud":"orders","exp":${NOW_S + 1}}`),
    /JSON/,
  );
});
