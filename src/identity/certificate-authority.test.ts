import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import { parseCertificate } from "./certificate.ts";
import {
  CertificateAuthority,
  createRootCertificate,
  generateAuthorityKey,
} from "./certificate-authority.ts";
import { createTestAuthority } from "./certificate-fixtures.ts";
import { createCsr, publicKeyFromCsr } from "./csr.ts";
import { OID } from "./oid.ts";
import { verifyPeer } from "./peer-verifier.ts";
import { requireSpiffeId } from "./spiffe-id.ts";
import { TrustBundleSet } from "./trust-bundle.ts";

const DAY_MS = 86_400_000;
const spiffeId = requireSpiffeId("spiffe://td/ns/shop/sa/catalog");
const publicKey = publicKeyFromCsr(createCsr(generateKeyPairSync("ec", { namedCurve: "P-256" })));

test("a leaf is an SVID by our rules and by those of OpenSSL", () => {
  const clock = new ManualClock();
  const { authority, bundle } = createTestAuthority("td", clock);
  const issued = authority.issue({
    publicKey,
    spiffeId,
    lifetimeMs: DAY_MS,
    dnsNames: ["control-plane.tulle-system.svc"],
  });
  const [der] = issued.chainDer;
  assert.ok(der !== undefined && issued.chainDer.length === 1);
  assert.equal(verifyPeer([der], new TrustBundleSet([bundle]), clock.nowMs()).ok, true);
  assert.equal(issued.notBeforeMs, clock.nowMs() - 30_000);
  assert.equal(issued.notAfterMs, clock.nowMs() + DAY_MS);

  const leaf = new X509Certificate(der);
  const root = new X509Certificate(authority.certificate.der);
  assert.equal(leaf.verify(root.publicKey), true);
  assert.equal(leaf.checkIssued(root), true, "names and key identifiers match");
  assert.equal(leaf.subject, undefined);
  assert.equal(leaf.serialNumber.toLowerCase(), issued.serialHex);
  assert.equal(leaf.ca, false);
  assert.deepEqual(leaf.keyUsage, [OID.serverAuth, OID.clientAuth]);
  assert.equal(leaf.subjectAltName, `URI:${spiffeId}, DNS:control-plane.tulle-system.svc`);
  const { extensions } = parseCertificate(der);
  assert.equal(extensions.alternativeNames?.isCritical, true);
  assert.deepEqual(extensions.keyUsage, {
    isCritical: true,
    hasDigitalSignature: true,
    hasKeyCertSign: false,
    hasCrlSign: false,
  });
});

test("a root is a signing certificate for ten years, with the id of the trust domain", () => {
  const clock = new ManualClock();
  const { authority } = createTestAuthority("td", clock);
  const root = new X509Certificate(authority.certificate.der);
  assert.equal(root.verify(root.publicKey), true);
  assert.equal(root.checkIssued(root), true);
  assert.equal(root.validToDate.getTime(), clock.nowMs() + 3650 * DAY_MS);
  assert.equal(root.ca, true);
  assert.equal(root.subjectAltName, "URI:spiffe://td");
  assert.deepEqual(authority.certificate.extensions.keyUsage, {
    isCritical: true,
    hasDigitalSignature: false,
    hasKeyCertSign: true,
    hasCrlSign: true,
  });
});

test("no leaf outlives the authority, and an authority out of its time signs nothing", () => {
  const clock = new ManualClock();
  const { authority } = createTestAuthority("td", clock, DAY_MS);
  const request = { publicKey, spiffeId, lifetimeMs: DAY_MS };
  const rootEndMs = authority.certificate.notAfterMs;
  clock.advance(DAY_MS / 2);
  assert.equal(authority.issue(request).notAfterMs, rootEndMs);
  clock.advance(DAY_MS / 2);
  const isNotValid = (error: unknown): boolean => hasCode(error, "ca-not-valid");
  assert.throws(() => authority.issue(request), isNotValid);

  const key = generateAuthorityKey();
  const certificate = createRootCertificate({ trustDomain: "td", key, clock });
  const earlier = new ManualClock();
  const early = new CertificateAuthority({ trustDomain: "td", key, certificate, clock: earlier });
  assert.throws(() => early.issue(request), isNotValid);
});

test("serial numbers are positive, of full length and never the same", () => {
  const { authority } = createTestAuthority("td", new ManualClock());
  const serials = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const issued = authority.issue({ publicKey, spiffeId, lifetimeMs: DAY_MS });
    const [der = Buffer.alloc(0)] = issued.chainDer;
    assert.match(parseCertificate(der).serialHex, /^[4-7][0-9a-f]{31}$/);
    serials.add(issued.serialHex);
  }
  assert.equal(serials.size, 50);
});
