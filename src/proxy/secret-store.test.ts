/** Secrets by name: versions, listeners, what is refused, and what a reference leads to. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { idFor, keyPair, pemOf, rootOf } from "../../test/support/proxy-identities.ts";
import type { SecretReference, TextSource } from "./config/tls-settings.ts";
import { readCertificate, readValidation, resolveSecret, SecretStore } from "./secret-store.ts";

const root = rootOf();
const own = keyPair(root, [idFor("a")]);
const other = keyPair(root, [idFor("b")]);

const inline = (text: string): TextSource => ({ kind: "inline", text });

test("each change has a new version, and everybody who asked is told", () => {
  const store = new SecretStore();
  const versions: number[] = [];
  store.onChange(() => versions.push(store.version));
  store.setCertificate("own", { chainPem: own.cert, keyPem: own.key });
  store.setValidation("roots", { caPem: pemOf(root), bundles: undefined });
  store.setCertificate("own", { chainPem: other.cert, keyPem: other.key });
  assert.deepEqual(versions, [1, 2, 3]);
  assert.equal(store.certificate("own")?.chainPem, other.cert);
  assert.equal(store.validation("roots")?.caPem, pemOf(root));
  assert.equal(store.certificate("roots"), undefined);
  assert.deepEqual(store.names, ["own", "roots"]);
});

test("a certificate that cannot be used leaves the one before in place", () => {
  const store = new SecretStore();
  store.setCertificate("own", { chainPem: own.cert, keyPem: own.key });
  for (const [chainPem, keyPem] of [
    ["no certificate", own.key],
    [own.cert, "no key"],
    [own.cert, other.key],
  ] as const) {
    assert.throws(() => store.setCertificate("own", { chainPem, keyPem }));
  }
  assert.equal(store.version, 1);
  assert.equal(store.certificate("own")?.chainPem, own.cert);
});

test("contained secrets are read from their text or their file", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-secret-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "chain.pem");
  writeFileSync(path, own.cert);
  const certificate = readCertificate({ chain: { kind: "file", path }, key: inline(own.key) });
  assert.deepEqual(certificate, { chainPem: own.cert, keyPem: own.key });
  const missing: TextSource = { kind: "file", path: join(folder, "missing.pem") };
  assert.throws(() => readCertificate({ chain: missing, key: inline("") }), /ENOENT/);
});

test("trust is a CA for the TLS library, or SPIFFE bundles, which then decide alone", () => {
  const ca = readValidation({ trustedCa: inline(pemOf(root)), trustDomains: [] });
  assert.equal(ca.caPem, pemOf(root));
  assert.equal(ca.bundles, undefined);
  const bundle = { name: "mesh.test", bundle: inline(pemOf(root)) };
  const spiffe = readValidation({ trustedCa: inline(pemOf(root)), trustDomains: [bundle] });
  assert.equal(spiffe.caPem, "");
  assert.ok(spiffe.bundles !== undefined);
  const broken = { name: "mesh.test", bundle: inline("no bundle") };
  assert.throws(
    () => readValidation({ trustedCa: undefined, trustDomains: [broken] }),
    /the trust bundle of mesh\.test has no certificate/,
  );
  assert.throws(
    () => readValidation({ trustedCa: inline("no CA"), trustDomains: [] }),
    /trusted_ca has no certificate/,
  );
});

test("a reference leads to the named secret, to nothing yet, or to what it contains", () => {
  const named: SecretReference<string> = { kind: "named", name: "a" };
  const resolve = (reference: SecretReference<string>, known: string | undefined) =>
    resolveSecret(
      reference,
      () => known,
      (source) => `read ${source}`,
    );
  assert.equal(resolve(named, "secret"), "secret");
  assert.equal(resolve(named, undefined), undefined);
  assert.equal(resolve({ kind: "contained", value: "text" }, undefined), "read text");
});
