/** The certificate corpus, part 2, judged; and what roots are held to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestLeaf, createTestRoot } from "./certificate-fixtures.ts";
import { ID, NOW_MS, TRUST_DOMAIN, testRefused } from "./corpus-fixtures.ts";
import { REFUSED_PATHS } from "./corpus-path.ts";
import { verifyPeer } from "./peer-verifier.ts";
import { TrustBundleSet, trustBundleFromDer } from "./trust-bundle.ts";

testRefused(REFUSED_PATHS);

test("roots are held to the rules of issuers, and the first good one counts", () => {
  const name = "renewed root";
  const expired = createTestRoot(NOW_MS, name, { notAfterMs: NOW_MS - 90_000 });
  const renewed = createTestRoot(NOW_MS, name, { key: expired.key });
  const chain = [createTestLeaf(NOW_MS, expired, [ID]).der];
  const verdictWith = (...roots: readonly Buffer[]) =>
    verifyPeer(chain, new TrustBundleSet([trustBundleFromDer(TRUST_DOMAIN, roots)]), NOW_MS);
  const refused = verdictWith(expired.der);
  assert.equal(refused.ok ? "" : refused.code, "issuer-expired");
  assert.equal(verdictWith(expired.der, renewed.der).ok, true);
});
