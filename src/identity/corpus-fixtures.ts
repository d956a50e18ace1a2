/** The world that the certificate corpus is made in, and how its tables are run as tests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CertificateParts,
  createTestIntermediate,
  createTestLeaf,
  createTestRoot,
} from "./certificate-fixtures.ts";
import { extensionDer } from "./certificate-writer.ts";
import { derElement, derSequence } from "./der-writer.ts";
import { OID } from "./oid.ts";
import type { PeerRejectionCode } from "./peer-rejection.ts";
import { verifyPeer } from "./peer-verifier.ts";
import { TrustBundleSet, trustBundleFromDer } from "./trust-bundle.ts";

export const NOW_MS = Date.UTC(2026, 5, 1);
export const MINUTE_MS = 60_000;
export const TRUST_DOMAIN = "mesh.test";
export const ID = `spiffe://${TRUST_DOMAIN}/ns/shop/sa/catalog`;
export const OTHER_ID = `spiffe://${TRUST_DOMAIN}/ns/shop/sa/orders`;

export const root = createTestRoot(NOW_MS, "root A");
export const foreignRoot = createTestRoot(NOW_MS, "foreign root");
export const intermediate = createTestIntermediate(NOW_MS, root);

/** Two roots of the mesh, one of a domain that it trusts too, and a domain without any. */
export const bundles = new TrustBundleSet([
  trustBundleFromDer(TRUST_DOMAIN, [createTestRoot(NOW_MS, "root B").der, root.der]),
  trustBundleFromDer("friend.test", [foreignRoot.der]),
  trustBundleFromDer("empty.test", []),
]);

/** A leaf for ID under the root, with parts replaced. */
export function leaf(parts: CertificateParts = {}, uris: readonly string[] = [ID]): Buffer {
  return createTestLeaf(NOW_MS, root, uris, parts).der;
}

/** A leaf with these alternative names. */
export function leafWithNames(...names: readonly Buffer[]): Buffer {
  const san = extensionDer(OID.subjectAlternativeName, true, derSequence(...names));
  return leaf({ alternativeNames: san });
}

export function uriName(uri: string | Buffer): Buffer {
  return derElement(0x86, typeof uri === "string" ? Buffer.from(uri, "latin1") : uri);
}

export type Accepted = readonly [what: string, chain: () => readonly Buffer[]];

export type Refused = readonly [
  what: string,
  code: PeerRejectionCode,
  reason: RegExp,
  chain: () => readonly Buffer[],
];

export function testAccepted(table: readonly Accepted[]): void {
  for (const [what, chain] of table) {
    test(`accepted: ${what}`, () => {
      const verdict = verifyPeer(chain(), bundles, NOW_MS);
      assert.equal(verdict.ok ? "" : verdict.reason, "");
    });
  }
}

export function testRefused(table: readonly Refused[]): void {
  for (const [what, code, reason, chain] of table) {
    test(`refused: ${what}`, () => {
      const verdict = verifyPeer(chain(), bundles, NOW_MS);
      assert.ok(!verdict.ok, "refused");
      assert.equal(verdict.code, code, verdict.reason);
      assert.match(verdict.reason, reason);
      assert.match(verdict.reason, /^[\x20-\x7e…]+$/, "fits into a log line");
    });
  }
}
