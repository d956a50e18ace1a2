import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { signingKey } from "../../../test/support/signed-tokens.ts";
import { parseKeySet } from "./json-web-key-set.ts";
import { NO_KEYS, publicKeySet } from "./public-key-set.ts";

const EC = signingKey("ES256", "ec").jwk;
const RSA = signingKey("RS256", "rsa").jwk;
const ED = signingKey("EdDSA", "ed").jwk;

function problemOf(jwk: object): string {
  const set = parseKeySet(JSON.stringify({ keys: [jwk] }));
  assert.ok(set.kind === "keys");
  return set.problems[0] ?? "";
}

function rsaOf(bits: number): object {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  return publicKey.export({ format: "jwk" });
}

test("keys of each type are taken, with what they are for", () => {
  const set = parseKeySet(JSON.stringify({ keys: [EC, RSA, ED] }));
  assert.ok(set.kind === "keys");
  assert.deepEqual(set.problems, []);
  assert.deepEqual(
    set.keys.map(({ keyId, keyType, curve, algorithm }) => [keyId, keyType, curve, algorithm]),
    [
      ["ec", "EC", "P-256", "ES256"],
      ["rsa", "RSA", undefined, "RS256"],
      ["ed", "OKP", "Ed25519", "EdDSA"],
    ],
  );
});

test("each reason that speaks against a key is told, and the others are used", () => {
  const flipped = `${String(EC["x"]).slice(0, -2)}AA`;
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ kty: "oct", k: "AAAA" }, /shared secret/],
    [{ ...EC, d: "AAAA" }, /private member "d"/],
    [{ ...RSA, qi: "AAAA" }, /private member "qi"/],
    [{ ...EC, use: "enc" }, /use is not sig/],
    [{ ...EC, key_ops: ["encrypt"] }, /key_ops does not have verify/],
    [{ ...EC, key_ops: "verify" }, /key_ops does not have verify/],
    [{ ...EC, kid: 1 }, /kid is not a text/],
    [{ ...EC, alg: "ES384" }, /alg ES384 is not for such a key/],
    [{ ...EC, alg: "HS256" }, /alg is no algorithm/],
    [{ ...RSA, alg: "ES256" }, /alg ES256 is not for such a key/],
    [{ ...EC, crv: "P-384" }, /not for such a key/],
    [{ ...EC, alg: undefined, crv: "P-384" }, /x and y are not 48 bytes/],
    [{ ...EC, crv: "secp256k1" }, /crv is none of/],
    [{ ...EC, crv: "toString" }, /crv is none of/],
    [{ ...EC, x: flipped }, /no point of its curve/],
    [{ ...EC, x: `${EC["x"]}=` }, /x and y are not 32 bytes/],
    [{ ...ED, crv: "Ed448" }, /crv is not Ed25519/],
    [{ ...ED, x: "AAAA" }, /x is not 32 bytes/],
    [{ ...RSA, e: "AQ" }, /e is even or too small/],
    [{ ...RSA, e: "Ag" }, /e is even or too small/],
    [{ ...RSA, e: "AQAAAAE" }, /e is too large/],
    [{ ...RSA, n: "AQ" }, /the modulus has 1 bits/],
    [{ ...RSA, n: "" }, /the modulus has 0 bits/],
    [{ ...RSA, n: "A A" }, /n is no number/],
    [{ ...rsaOf(1024) }, /the modulus has 1024 bits, 2048 are the least/],
    [{ ...RSA, kty: "DSA" }, /kty is none of/],
    [[], /is not an object/],
  ];
  for (const [jwk, message] of cases) assert.match(problemOf(jwk), message, JSON.stringify(jwk));
  const set = parseKeySet(JSON.stringify({ keys: [...cases.map(([jwk]) => jwk), EC] }));
  assert.ok(set.kind === "keys");
  assert.equal(set.keys.length, 1);
  assert.equal(set.problems.length, cases.length);
});

test("leading zeros of a modulus are passed over", () => {
  const padded = Buffer.concat([Buffer.from([0]), Buffer.from(String(RSA["n"]), "base64url")]);
  assert.equal(problemOf({ ...RSA, n: padded.toString("base64url") }), "");
});

test("what is no key set is told apart from one without keys", () => {
  const messageOf = (text: string): string => {
    const set = parseKeySet(text);
    return set.kind === "error" ? set.message : "";
  };
  assert.match(messageOf("<html>"), /no JSON object/);
  assert.match(messageOf('{"keys":[],"keys":[]}'), /stands in it twice/);
  assert.match(messageOf('{"keys":{}}'), /no list "keys"/);
  assert.match(messageOf(`{"keys":[${"0,".repeat(100)}0]}`), /101 keys, 100 are allowed/);
  assert.match(messageOf(" ".repeat(300_000)), /262144 are allowed/);
  assert.equal(messageOf('{"keys":[]}'), "");
});

test("what is passed on has nothing but what verifying takes", () => {
  const more = { ...EC, x5c: ["AAAA"], x5t: "a", oth: undefined, note: "internal" };
  const { document, keyCount } = publicKeySet(JSON.stringify({ keys: [more, { kty: "oct" }] }));
  assert.equal(keyCount, 1);
  assert.deepEqual(Object.keys(JSON.parse(document).keys[0]).sort(), [
    ...["alg", "crv", "kid", "kty", "use", "x", "y"],
  ]);
  assert.equal(publicKeySet("nonsense").document, NO_KEYS);
});

test("the set that stands for none has no usable key", () => {
  const set = parseKeySet(NO_KEYS);
  assert.ok(set.kind === "keys");
  assert.deepEqual(set.keys, []);
});
