/** What Revocations come to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocuments } from "../../resource/documents.ts";
import type { Revocation } from "../../resource/kinds/revocation.ts";
import { registry } from "../../resource/registry.ts";
import type { IssuedEntry } from "./issued-certificates.ts";
import { denyListOf, holderDenial } from "./revocation-list.ts";

const ID = "spiffe://mesh.test/ns/shop/sa/catalog";

function parse(spec: string) {
  const text = `{apiVersion: mesh.tulle.dev/v1, kind: Revocation, metadata: {name: r}, spec: ${spec}}`;
  return parseDocuments(text, "test.yaml", registry);
}

function revocation(spec: string): Revocation {
  const { objects, violations } = parse(spec);
  assert.deepEqual(violations, []);
  return objects[0] as Revocation;
}

function entry(serialHex: string, instance: string, spiffeId = ID): IssuedEntry {
  return { serialHex, instance, spiffeId, rootId: "r", notBeforeMs: 0, notAfterMs: 1 };
}

test("identities, serial numbers in any spelling, and instances by their certificates", () => {
  const issued = [
    entry("01", "a"),
    entry("02", "b"),
    entry("03", "a"),
    entry("04", "a", "spiffe://mesh.test/ns/other/sa/catalog"),
  ];
  const denied = denyListOf(
    [
      revocation(`{spiffeId: "${ID}"}`),
      revocation('{serial: "F0:0D"}'),
      revocation("{instance: {namespace: shop, name: a}}"),
    ],
    issued,
  );
  assert.deepEqual([...denied.spiffeIds], [ID]);
  assert.deepEqual([...denied.serials], ["00f00d", "01", "03"]);
});

test("a revoked identity and a revoked instance get no certificate, and others do", () => {
  const byId = [revocation(`{spiffeId: "${ID}"}`)];
  assert.match(holderDenial(byId, entry("", "a")) ?? "", /catalog is revoked \(Revocation r\)$/);
  assert.equal(holderDenial(byId, entry("", "a", `${ID}2`)), undefined);
  const byInstance = [revocation("{instance: {namespace: shop, name: a}}")];
  assert.match(holderDenial(byInstance, entry("", "a")) ?? "", /^the instance shop\/a is revoked/);
  assert.equal(holderDenial(byInstance, entry("", "b")), undefined);
  assert.equal(holderDenial([revocation('{serial: "01"}')], entry("01", "a")), undefined);
});

test("a Revocation names exactly one, in a form that can be compared", () => {
  const wrong: readonly (readonly [spec: string, path: string, message: RegExp])[] = [
    ["{}", "spec", /needs one of spiffeId, serial, instance$/],
    [`{spiffeId: "${ID}", serial: "01"}`, "spec", /has spiffeId and serial/],
    ['{spiffeId: "https://mesh.test/x"}', "spec.spiffeId", /SPIFFE id of a workload/],
    ['{spiffeId: "spiffe://mesh.test"}', "spec.spiffeId", /SPIFFE id of a workload/],
    ['{spiffeId: "spiffe://MESH.test/x"}', "spec.spiffeId", /lower case/],
    ['{serial: "xyz"}', "spec.serial", /hexadecimal/],
    ["{instance: {}}", "spec.instance.name", /./],
    ['{serial: "01", reasons: x}', "spec.reasons", /./],
  ];
  for (const [spec, path, message] of wrong) {
    const { violations } = parse(spec);
    assert.equal(violations[0]?.path, path, spec);
    assert.match(violations[0]?.message ?? "", message, spec);
  }
});
