/** The certificate corpus, part 3: revocation lists in a trust bundle, as Envoy's SPIFFE validator honours them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NOW_MS, root, TRUST_DOMAIN } from "./corpus-fixtures.ts";
import { BROKEN_LISTS, REVOCATION_CASES } from "./corpus-revocation.ts";
import { verifyPeer } from "./peer-verifier.ts";
import { formatPem } from "./pem.ts";
import { formatTrustBundlePem, parseTrustBundlePem, TrustBundleSet } from "./trust-bundle.ts";

for (const { what, code, chain, lists } of REVOCATION_CASES) {
  test(`${code === "" ? "accepted" : "refused"}: ${what}`, () => {
    const pem = lists.map((der) => formatPem("X509 CRL", der)).join("");
    const roots = formatPem("CERTIFICATE", root.der);
    const bundle = parseTrustBundlePem(TRUST_DOMAIN, `${roots}${pem}`);
    const verdict = verifyPeer(chain, new TrustBundleSet([bundle]), NOW_MS);
    assert.equal(verdict.ok ? "" : verdict.code, code, verdict.ok ? "" : verdict.reason);
    assert.equal(
      parseTrustBundlePem(TRUST_DOMAIN, formatTrustBundlePem(bundle)).revocationLists?.length ?? 0,
      lists.length,
    );
  });
}

for (const [what, reason, der] of BROKEN_LISTS) {
  test(`not usable: a list with ${what}`, () => {
    const pem = `${formatPem("CERTIFICATE", root.der)}${formatPem("X509 CRL", der())}`;
    assert.throws(() => parseTrustBundlePem(TRUST_DOMAIN, pem), reason);
  });
}
