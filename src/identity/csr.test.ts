import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { hasCode } from "../core/errors.ts";
import {
  alternativeNamesDer,
  basicConstraintsDer,
  ECDSA_WITH_SHA256,
  keyUsageDer,
  nameDer,
  type SigningAlgorithm,
  signDer,
} from "./certificate-writer.ts";
import { asksForNothingBut, createCsr, publicKeyFromCsr } from "./csr.ts";
import {
  derContext,
  derElement,
  derInteger,
  derOid,
  derSequence,
  derSetOfOne,
} from "./der-writer.ts";
import { OID } from "./oid.ts";
import { formatPem } from "./pem.ts";
import { requireSpiffeId } from "./spiffe-id.ts";

const CATALOG = requireSpiffeId("spiffe://td/ns/shop/sa/catalog");

const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

function csrWith(options: {
  readonly key?: KeyObject;
  readonly signer?: KeyObject;
  readonly extensions?: readonly Buffer[];
  readonly algorithm?: SigningAlgorithm;
}): Buffer {
  const key = options.key ?? keys.privateKey;
  const attribute = derSequence(
    derOid(OID.extensionRequest),
    derSetOfOne(derSequence(...(options.extensions ?? []))),
  );
  const info = derSequence(
    derInteger(0),
    nameDer([[OID.commonName, "somebody"]]),
    createPublicKey(key).export({ format: "der", type: "spki" }),
    derContext(0, ...(options.extensions === undefined ? [] : [attribute])),
  );
  return signDer(info, options.signer ?? key, options.algorithm ?? ECDSA_WITH_SHA256);
}

function refusal(der: Buffer): string {
  try {
    publicKeyFromCsr(der);
  } catch (error) {
    assert.ok(hasCode(error, "csr-refused"), String(error));
    return error.message;
  }
  return "";
}

test("the public key of a request is read", () => {
  const der = createCsr(keys, CATALOG);
  const publicKeyDer = keys.publicKey.export({ format: "der", type: "spki" });
  assert.deepEqual(publicKeyFromCsr(der).der, publicKeyDer);
  assert.ok(der.length < 400);
});

const openssl = spawnSync("openssl", ["version"]);

test("OpenSSL accepts a request", { skip: openssl.status !== 0 && "no openssl command" }, () => {
  const input = formatPem("CERTIFICATE REQUEST", createCsr(keys, CATALOG));
  const result = spawnSync("openssl", ["req", "-verify", "-noout", "-text"], { input });
  const output = `${result.stdout}${result.stderr}`;
  assert.equal(result.status, 0, output);
  assert.match(output, /verify OK/i);
  assert.match(output, /Version: 1 \(0x0\)\s+Subject:\s+Subject Public Key Info:/);
  assert.match(
    output,
    /X509v3 Subject Alternative Name: critical\s+URI:spiffe:\/\/td\/ns\/shop\/sa\/catalog\n/,
  );
  assert.match(output, /Signature Algorithm: ecdsa-with-SHA256/);
});

test("whatever a request asks for is ignored", () => {
  const asks = [alternativeNamesDer({ uris: ["spiffe://td/admin"], dnsNames: ["evil"] }, true)];
  assert.equal(publicKeyFromCsr(csrWith({ extensions: asks })).algorithm.kind, "ec");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const identifier = derSequence(derOid("1.2.840.113549.1.1.11"), derElement(5));
  const request = csrWith({ key: rsa, algorithm: { identifier, hash: "sha256" } });
  assert.equal(publicKeyFromCsr(request).algorithm.kind, "rsa");
});

test("what goes to those who sign what they read names the identity and nothing else", () => {
  const names = (uris: readonly string[], dnsNames: readonly string[] = []): Buffer =>
    csrWith({ extensions: [alternativeNamesDer({ uris, dnsNames }, true)] });
  assert.ok(asksForNothingBut(createCsr(keys, CATALOG), CATALOG));
  for (const [what, der] of [
    ["no name", createCsr(keys)],
    ["a subject", names([CATALOG])],
    ["another identity", createCsr(keys, requireSpiffeId("spiffe://td/ns/shop/sa/admin"))],
    ["a DNS name", names([CATALOG], ["admin"])],
    ["two identities", names([CATALOG, "spiffe://td/ns/shop/sa/admin"])],
  ] as const) {
    assert.ok(!asksForNothingBut(der, CATALOG), what);
  }
});

test("bad requests are refused with the reason", () => {
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const curve = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const good = createCsr(keys);
  const altered = Buffer.from(good);
  altered[40] = (altered[40] ?? 0) ^ 1;
  const offCurve = Buffer.from(good);
  offCurve[70] = (offCurve[70] ?? 0) ^ 1;
  for (const [der, reason] of [
    [Buffer.alloc(16 * 1024 + 1), /larger than 16384 bytes/],
    [Buffer.from("hello"), /malformed DER/],
    [Buffer.concat([good, Buffer.of(0)]), /left over/],
    [altered, /refused/],
    [offCurve, /signature was not made|cannot be used/],
    [csrWith({ signer: stranger }), /signature was not made with the key/],
    [csrWith({ key: weak, algorithm: ECDSA_WITH_SHA256 }), /RSA key of 1024 bits/],
    [csrWith({ key: curve }), /secp256k1/],
    [csrWith({ extensions: [basicConstraintsDer(true)] }), /asks for a signing certificate/],
    [csrWith({ extensions: [keyUsageDer([5])] }), /asks for a signing certificate/],
    [
      csrWith({
        extensions: [alternativeNamesDer({ uris: ["spiffe://a/b", "spiffe://a/c"] }, true)],
      }),
      /more than one URI SAN/,
    ],
  ] as const) {
    assert.match(refusal(der), reason);
  }
});
