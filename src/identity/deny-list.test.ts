/** Serial numbers in the spellings that people have, and who is denied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bundles, ID, leaf, NOW_MS, OTHER_ID } from "./corpus-fixtures.ts";
import { canonicalSerial, canonicalWorkloadId, denialOf, NOTHING_DENIED } from "./deny-list.ts";
import { formatIdentityPolicy, parseIdentityPolicy } from "./identity-policy.ts";
import { verifyPeer } from "./peer-verifier.ts";

test("one serial number has one spelling", () => {
  for (const text of ["4badc0de", "4B:AD:C0:DE", "0x4badc0de", "00 4b ad c0 de", "0004badc0de"]) {
    assert.equal(canonicalSerial(text), "4badc0de", text);
  }
  assert.equal(canonicalSerial("f00d"), "00f00d", "as DER writes a positive number");
  assert.equal(canonicalSerial("0"), "00");
  for (const text of ["", "xyz", "-1", "0x", "1".repeat(43)]) {
    assert.equal(canonicalSerial(text), undefined, text);
  }
});

test("only the id of a workload can be named", () => {
  assert.equal(canonicalWorkloadId(ID), ID);
  assert.equal(canonicalWorkloadId(ID.replace("mesh", "MESH")), ID);
  for (const text of ["spiffe://mesh.test", "https://a/b", `${ID}/`, ""]) {
    assert.equal(canonicalWorkloadId(text), undefined, text);
  }
});

test("a good certificate is refused when it or its identity is on the list", () => {
  const chain = [leaf()];
  const verdict = (list = NOTHING_DENIED) => verifyPeer(chain, bundles, NOW_MS, list);
  const serials = new Set(["4badc0de"]);
  assert.equal(verdict().ok, true);
  assert.equal(verdict({ spiffeIds: new Set([OTHER_ID]), serials: new Set(["01"]) }).ok, true);
  for (const list of [
    { spiffeIds: new Set([ID]), serials: new Set<string>() },
    { spiffeIds: new Set<string>(), serials },
  ]) {
    const refused = verdict(list);
    assert.equal(refused.ok ? "" : refused.code, "revoked");
    assert.match(refused.ok ? "" : refused.reason, /is revoked$/);
  }
  assert.equal(denialOf(NOTHING_DENIED, { spiffeId: ID, serialHex: "01" }), undefined);
});

test("a policy survives the way to sidecars, and is refused whole when it is broken", () => {
  const policy = {
    denied: { spiffeIds: new Set([OTHER_ID, ID]), serials: new Set(["01"]) },
    issuers: ["b", "a"],
    reissueWithinMs: 2000,
  };
  const text = formatIdentityPolicy(policy);
  assert.deepEqual(parseIdentityPolicy(text), {
    denied: { spiffeIds: new Set([ID, OTHER_ID]), serials: new Set(["01"]) },
    issuers: ["a", "b"],
    reissueWithinMs: 2000,
  });
  assert.equal(formatIdentityPolicy(parseIdentityPolicy(text)), text);
  const broken: readonly (readonly [text: string, message: RegExp])[] = [
    ["", /no JSON/],
    ["[]", /no object/],
    ["null", /no object/],
    [text.replace("2000", '"2000"'), /reissueWithinMs/],
    [text.replace('["01"]', '"01"'), /revokedSerials must be a list/],
    [text.replace('["01"]', "[1]"), /revokedSerials must be a list/],
    [text.replace('"issuers"', '"x"'), /issuers must be a list/],
  ];
  for (const [bad, message] of broken) assert.throws(() => parseIdentityPolicy(bad), message);
});
