/** Chains of clients that were accepted: found by the leaf, bounded, forgotten together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptChains } from "./kept-chains.ts";

const leaf = (name: string): Buffer => Buffer.from(name);
const issuer = Buffer.alloc(100);

test("a chain is found by its first certificate", () => {
  const chains = new KeptChains({ countMax: 2, bytesMax: 1000 });
  const chain = [leaf("a"), issuer];
  assert.equal(chains.keep(chain), true);
  assert.equal(chains.keep([leaf("a"), issuer]), true);
  assert.equal(chains.chainOf(leaf("a")), chain);
  assert.equal(chains.chainOf(leaf("b")), undefined);
  assert.equal(chains.count, 1);
});

test("a chain of one certificate, or of none, is not kept: nothing would be missing", () => {
  const chains = new KeptChains({ countMax: 0, bytesMax: 0 });
  assert.equal(chains.keep([]), true);
  assert.equal(chains.keep([leaf("a")]), true);
  assert.equal(chains.count, 0);
});

test("without room all are forgotten, those before the last overflow a turn later", () => {
  const chains = new KeptChains({ countMax: 2, bytesMax: 1000 });
  chains.keep([leaf("a"), issuer]);
  chains.keep([leaf("b"), issuer]);
  assert.equal(chains.keep([leaf("c"), issuer]), false);
  assert.equal(chains.count, 1);
  assert.notEqual(chains.chainOf(leaf("a")), undefined);
  // Its new session relies on it again.
  assert.equal(chains.keep([leaf("a"), issuer]), true);
  assert.equal(chains.keep([leaf("d"), issuer]), false);
  assert.equal(chains.chainOf(leaf("b")), undefined);
  assert.notEqual(chains.chainOf(leaf("a")), undefined);
});

test("bytes are bounded too, also those of one chain", () => {
  const chains = new KeptChains({ countMax: 10, bytesMax: 250 });
  assert.equal(chains.keep([leaf("a"), issuer]), true);
  assert.equal(chains.keep([leaf("b"), issuer]), true);
  assert.equal(chains.keep([leaf("c"), issuer]), false);
  assert.equal(chains.keep([leaf("d"), Buffer.alloc(251)]), false);
  assert.equal(chains.count, 0);
  assert.equal(chains.chainOf(leaf("d")), undefined);
});
