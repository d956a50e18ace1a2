import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { createTestLeaf, createTestRoot } from "./certificate-fixtures.ts";
import {
  formatTrustBundlePem,
  parseTrustBundlePem,
  TrustBundleSet,
  trustBundleFromDer,
} from "./trust-bundle.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const a = createTestRoot(NOW_MS, "a");
const b = createTestRoot(NOW_MS, "b");

test("a bundle with several roots goes to PEM and back; repeated roots count once", () => {
  const bundle = trustBundleFromDer("td", [a.der, b.der, a.der]);
  assert.equal(bundle.roots.length, 2);
  const again = parseTrustBundlePem("td", formatTrustBundlePem(bundle));
  assert.deepEqual(
    again.roots.map((root) => root.der),
    [a.der, b.der],
  );
});

test("text without certificates makes a bundle that trusts nothing", () => {
  assert.deepEqual(parseTrustBundlePem("td", "").roots, []);
  assert.deepEqual(parseTrustBundlePem("td", "# roots come later\n").roots, []);
});

test("what cannot be a root is refused whole", () => {
  const leaf = createTestLeaf(NOW_MS, a, ["spiffe://td/a"]);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const weak = createTestRoot(NOW_MS, "weak", { key: privateKey });
  assert.throws(
    () => trustBundleFromDer("td", [a.der, leaf.der]),
    /root 2 of td is not the certificate/,
  );
  assert.throws(() => trustBundleFromDer("td", [Buffer.of(1)]), /root 1 of td cannot be read/);
  assert.throws(() => trustBundleFromDer("td", [weak.der]), /RSA key of 1024 bits/);
  assert.throws(() => trustBundleFromDer("TD", []), /trust domain/);
});

test("a set keeps bundles apart and replaces them whole", () => {
  const set = new TrustBundleSet([
    trustBundleFromDer("one", [a.der]),
    trustBundleFromDer("two", [b.der]),
  ]);
  const next = set.with(trustBundleFromDer("one", [b.der]));
  assert.deepEqual(set.trustDomains, ["one", "two"]);
  assert.deepEqual(set.get("one")?.roots[0]?.der, a.der);
  assert.deepEqual(
    next.get("one")?.roots.map((root) => root.der),
    [b.der],
  );
  assert.equal(next.get("three"), undefined);
});
