/** What of a certificate goes into a header field, and that no name in it can say more than a name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { createTestLeaf, createTestRoot } from "../identity/certificate-fixtures.ts";
import { alternativeNamesDer } from "../identity/certificate-writer.ts";
import { restorePeerChain } from "../net/peer-chain.ts";
import { PeerCertificate } from "./peer-certificate.ts";

const ROOT = createTestRoot(Date.now());

function certificateOf(
  uris: readonly string[],
  dnsNames: readonly string[],
  der?: Buffer,
): PeerCertificate {
  const alternativeNames = alternativeNamesDer({ uris, dnsNames }, true);
  const leaf = createTestLeaf(Date.now(), ROOT, uris, { alternativeNames });
  const socket = { getX509Certificate: () => ({ raw: leaf.der }) } as unknown as TLSSocket;
  restorePeerChain(socket, [der ?? leaf.der, ROOT.der]);
  return new PeerCertificate(socket);
}

const ISSUED = { subject: "", issuer: "CN=root", serial: "4badc0de" };

test("names are as the certificate has them", () => {
  const certificate = certificateOf(["spiffe://a/b"], ["a.test", "*.b.test"]);
  assert.deepEqual(certificate.names, {
    uris: ["spiffe://a/b"],
    dnsNames: ["a.test", "*.b.test"],
    ...ISSUED,
  });
  assert.deepEqual(certificate.ownUris, ["spiffe://a/b"]);
  assert.match(certificate.digest, /^[0-9a-f]{64}$/);
  assert.match(
    certificate.chainText,
    /^(?:-----BEGIN%20CERTIFICATE-----%0A[\w%]+-----END%20CERTIFICATE-----%0A){2}$/,
  );
});

test("a name that would begin another detail is not told", () => {
  const uris = [
    "spiffe://a/b;URI=spiffe://admin",
    "spiffe://a/b,By=x",
    'x"',
    "a b",
    "a\0b",
    "a\r\nb",
  ];
  const { names, ownUris } = certificateOf(uris, ["a.test;URI=spiffe://admin", "b.test"]);
  assert.deepEqual(names, { uris: [], dnsNames: ["b.test"], ...ISSUED });
  assert.deepEqual(ownUris, []);
});

test("of bytes that cannot be read there is a digest, and no name", () => {
  const certificate = certificateOf(["spiffe://a/b"], [], Buffer.from("junk"));
  assert.deepEqual(certificate.names, {
    ...{ uris: [], dnsNames: [], subject: "", issuer: "", serial: "" },
  });
  assert.match(certificate.digest, /^[0-9a-f]{64}$/);
});
