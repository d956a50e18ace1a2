/** The certificate corpus, part 1, judged; and what a verdict says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestIntermediate, createTestLeaf } from "./certificate-fixtures.ts";
import {
  bundles,
  ID,
  leaf,
  MINUTE_MS,
  NOW_MS,
  OTHER_ID,
  root,
  TRUST_DOMAIN,
  testAccepted,
  testRefused,
} from "./corpus-fixtures.ts";
import { ACCEPTED, REFUSED_LEAVES } from "./corpus-leaf.ts";
import { expectPeer, verifyPeer } from "./peer-verifier.ts";

testAccepted(ACCEPTED);
testRefused(REFUSED_LEAVES);

test("a verdict ends with the first certificate of its path", () => {
  const brief = createTestIntermediate(NOW_MS, root, "brief", { notAfterMs: NOW_MS + MINUTE_MS });
  const chain = [createTestLeaf(NOW_MS, brief, [ID]).der, brief.der];
  const verdict = verifyPeer(chain, bundles, NOW_MS);
  assert.ok(verdict.ok);
  const { spiffeId, trustDomain, notAfterMs, serialHex } = verdict;
  const expected = { spiffeId: ID, trustDomain: TRUST_DOMAIN, notAfterMs: NOW_MS + MINUTE_MS };
  assert.deepEqual({ spiffeId, trustDomain, notAfterMs }, expected);
  assert.equal(serialHex, "4badc0de");
  assert.ok(verdict.root.der.equals(root.der));
});

test("an identity that is not expected is refused by name", () => {
  const verdict = verifyPeer([leaf()], bundles, NOW_MS);
  assert.equal(expectPeer(verdict, [OTHER_ID, ID]).ok, true);
  for (const expected of [[OTHER_ID], [], [`${ID}/`], [ID.toUpperCase()], [ID.slice(0, -1)]]) {
    const refused = expectPeer(verdict, expected);
    assert.equal(refused.ok ? "" : refused.code, "unexpected-identity");
    assert.match(refused.ok ? "" : refused.reason, /^peer is spiffe:\/\/mesh\.test\/.*, expected /);
  }
});
