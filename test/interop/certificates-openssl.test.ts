/**
 * The certificate corpus held against OpenSSL: `openssl verify` judges each chain with the roots of its trust domain,
 * for both purposes that an SVID has. Where the two differ, a rule is named here that says why.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundles, NOW_MS } from "../../src/identity/corpus-fixtures.ts";
import { ACCEPTED, REFUSED_LEAVES } from "../../src/identity/corpus-leaf.ts";
import { REFUSED_PATHS } from "../../src/identity/corpus-path.ts";
import { REVOCATION_CASES } from "../../src/identity/corpus-revocation.ts";
import type { PeerRejectionCode } from "../../src/identity/peer-rejection.ts";
import { verifyPeer } from "../../src/identity/peer-verifier.ts";
import { formatCertificatesPem, formatPem } from "../../src/identity/pem.ts";
import { formatTrustBundlePem } from "../../src/identity/trust-bundle.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const skip = hasOpenssl ? false : "there is no openssl program";

/** Of the issue. */
const CASES_MIN = 60;
const PARALLEL = 4;
/** Those with roots; our own first. */
const DOMAINS = ["mesh.test", "friend.test"] as const;

/** By the code of our refusal: the rule that OpenSSL does not have, or does not apply by itself. */
const STRICTER: Partial<Record<PeerRejectionCode, string>> = {
  "uri-san-count": "X509-SVID section 2: exactly one URI",
  "not-spiffe": "SPIFFE-ID section 2: what a URI must look like",
  "untrusted-domain": "X509-SVID section 5: only the bundle of the domain in the id counts",
  "ca-as-leaf": "X509-SVID section 5.2: no signing certificate as a leaf",
  "bad-key-usage": "X509-SVID sections 4.3 and 5.2: critical, and without a right to sign",
  "issuer-not-ca": "X509-SVID section 4.3: key usage is obligatory in signing certificates",
  "san-not-critical": "RFC 5280 section 4.2.1.6: critical when the subject is empty",
  "name-constraints": "ours: refused, not half understood",
  "unknown-critical-extension": "RFC 5280 section 4.2; policies are not read here",
  "weak-key": "ours: P-256, P-384, Ed25519 and RSA from 2048 bits, to the bit",
  "chain-too-long": "ours: how many certificates a peer may send",
};
/** By the case, where the code does not tell. */
const STRICTER_CASES: Readonly<Record<string, string>> = {
  "UTF-8 in the URI": "RFC 5280 section 4.2.1.6: IA5String, seven bits",
  "a byte above 7F in a DNS name": "the same",
  "more than 256 names": "ours: a bound on what is read",
};
/** What OpenSSL refuses and we accept, with who is right. */
const LOOSER_CASES: Readonly<Record<string, string>> = {
  "in the second at which it ends": "RFC 5280 section 4.1.2.5: valid through notAfter, inclusive",
  "through an intermediate of the same name as one that did not sign":
    "RFC 4158 section 2.4: the other path is tried too",
  "through an intermediate with anyExtendedKeyUsage":
    "RFC 5280 section 4.2.1.12: it stands for every purpose",
};

interface Case {
  readonly what: string;
  readonly chain: readonly Buffer[];
}

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-corpus-"));
  for (const domain of DOMAINS) {
    const bundle = bundles.get(domain);
    assert.ok(bundle);
    writeFileSync(join(folder, `${domain}.pem`), formatTrustBundlePem(bundle));
  }
});

after(() => rmSync(folder, { recursive: true }));

/** The roots of the trust domain that the leaf says it is of; those of our own when it does not say. */
function rootsPathOf(leaf: Buffer): string {
  const text = leaf.toString("latin1");
  const domain = DOMAINS.find((one) => text.includes(`spiffe://${one}/`)) ?? DOMAINS[0];
  return join(folder, `${domain}.pem`);
}

/** Whether OpenSSL accepts the chain as a server's and as a client's. */
async function opensslAccepts({ chain }: Case, index: number): Promise<string> {
  const [leaf, ...rest] = chain;
  if (leaf === undefined) return "no certificate";
  const leafPath = join(folder, `${index}-leaf.pem`);
  const restPath = join(folder, `${index}-rest.pem`);
  writeFileSync(leafPath, formatCertificatesPem([leaf]));
  writeFileSync(restPath, formatCertificatesPem(rest));
  for (const purpose of ["sslserver", "sslclient"]) {
    const output = await run([
      "verify",
      ...["-auth_level", "2", "-verify_depth", "5"],
      ...["-attime", String(NOW_MS / 1000), "-purpose", purpose],
      ...["-no-CApath", "-no-CAstore", "-CAfile", rootsPathOf(leaf)],
      ...(rest.length === 0 ? [] : ["-untrusted", restPath]),
      leafPath,
    ]);
    if (output !== "") return output;
  }
  return "";
}

/** Empty when it says that all is well. */
function run(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile("openssl", args, (error, stdout, stderr) => {
      if (error === null) resolve("");
      else
        resolve(
          /error \d+ at .*|unable to load.*|Unable to load.*/.exec(`${stdout}${stderr}`)?.[0] ??
            "refused",
        );
    });
  });
}

async function judgeAll(cases: readonly Case[]): Promise<readonly string[]> {
  const verdicts: string[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < cases.length; index = next++) {
      const one = cases[index];
      if (one !== undefined) verdicts[index] = await opensslAccepts(one, index);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return verdicts;
}

test("what we accept OpenSSL accepts too, or a rule says why not", { skip }, async () => {
  const cases = ACCEPTED.map(([what, chain]) => ({ what, chain: chain() }));
  const verdicts = await judgeAll(cases);
  const differences = cases.flatMap(({ what }, index) =>
    verdicts[index] === "" || LOOSER_CASES[what] !== undefined
      ? []
      : [`${what}: ${verdicts[index]}`],
  );
  assert.deepEqual(differences, []);
});

test("where we refuse and OpenSSL does not, a rule says why", { skip }, async () => {
  const refused = [...REFUSED_LEAVES, ...REFUSED_PATHS];
  assert.ok(refused.length + ACCEPTED.length >= CASES_MIN);
  const cases = refused.map(([what, code, , chain]) => ({ what, code, chain: chain() }));
  const verdicts = await judgeAll(cases);
  const unexplained: string[] = [];
  let stricter = 0;
  for (const [index, { what, code, chain }] of cases.entries()) {
    assert.equal(verifyPeer(chain, bundles, NOW_MS).ok, false, what);
    if (verdicts[index] !== "") continue;
    stricter += 1;
    if (STRICTER_CASES[what] === undefined && STRICTER[code] === undefined) {
      unexplained.push(`${what} (${code})`);
    }
  }
  console.log(
    `${cases.length + ACCEPTED.length} chains: ${ACCEPTED.length} accepted by us, ${cases.length - stricter} refused by both, ${stricter} only by us`,
  );
  assert.deepEqual(unexplained, []);
});

test("revocation lists: we and OpenSSL judge alike", { skip }, async () => {
  for (const [index, { what, code, chain, lists }] of REVOCATION_CASES.entries()) {
    const [leaf, ...rest] = chain;
    assert.ok(leaf);
    const path = (part: string): string => join(folder, `crl-${index}-${part}.pem`);
    writeFileSync(path("leaf"), formatCertificatesPem([leaf]));
    writeFileSync(path("rest"), formatCertificatesPem(rest));
    writeFileSync(path("lists"), lists.map((der) => formatPem("X509 CRL", der)).join(""));
    const output = await run([
      "verify",
      ...["-attime", String(NOW_MS / 1000), "-no-CApath", "-no-CAstore"],
      ...["-CAfile", join(folder, `${DOMAINS[0]}.pem`)],
      ...(lists.length === 0 ? [] : ["-crl_check_all", "-CRLfile", path("lists")]),
      ...(rest.length === 0 ? [] : ["-untrusted", path("rest")]),
      path("leaf"),
    ]);
    assert.equal(output === "", code === "", `${what}: ${code || "accepted"}, OpenSSL: ${output}`);
  }
});
