import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import { type AuthorityFilesOptions, openCertificateAuthority } from "./authority-files.ts";
import { createTestRoot, issueTestSvid } from "./certificate-fixtures.ts";
import { isSealedKey, sealKey, unsealKey } from "./key-seal.ts";
import { verifyPeer } from "./peer-verifier.ts";
import { formatCertificatesPem, parsePem } from "./pem.ts";
import { TrustBundleSet } from "./trust-bundle.ts";

/** scrypt at its real cost takes 0.3 s and 128 MiB. */
const COST_LOG2 = 4;

function withFiles(run: (options: AuthorityFilesOptions, folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "tulle-authority-"));
  try {
    const options = {
      trustDomain: "td",
      keyPath: join(folder, "ca.key"),
      certificatePath: join(folder, "ca.crt"),
      clock: new ManualClock(),
      sealCostLog2: COST_LOG2,
    };
    run(options, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function code(open: () => unknown, message: RegExp): string {
  try {
    open();
  } catch (error) {
    assert.match(String(error), message);
    for (const known of ["ca-key-permissions", "ca-key-sealed", "ca-state-invalid"]) {
      if (hasCode(error, known)) return known;
    }
  }
  return "";
}

test("an authority is made once and found again after a restart", () => {
  withFiles((options, folder) => {
    const first = openCertificateAuthority(options);
    const svid = issueTestSvid(first.authority, "spiffe://td/a");
    const second = openCertificateAuthority(options);
    assert.deepEqual([first.isNew, second.isNew], [true, false]);
    assert.deepEqual(second.authority.certificate.der, first.authority.certificate.der);
    const chain = parsePem(svid.certificateChainPem, "CERTIFICATE");
    const { clock } = options;
    assert.equal(verifyPeer(chain, new TrustBundleSet([second.bundle]), clock.nowMs()).ok, true);
    assert.equal(statSync(options.keyPath).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder).sort(), ["ca.crt", "ca.key"]);
  });
});

test("a key that others may read is refused, with what to do", () => {
  withFiles((options) => {
    openCertificateAuthority(options);
    for (const mode of [0o644, 0o640, 0o604, 0o620]) {
      chmodSync(options.keyPath, mode);
      const refused = code(() => openCertificateAuthority(options), /run "chmod 600 .*ca\.key"/);
      assert.equal(refused, "ca-key-permissions");
    }
    chmodSync(options.keyPath, 0o400);
    openCertificateAuthority(options);
  });
});

test("a sealed key opens with its passphrase only", () => {
  withFiles((base) => {
    const options = { ...base, passphrase: "corréct horse" };
    const first = openCertificateAuthority(options);
    const text = readFileSync(options.keyPath, "utf8");
    assert.ok(isSealedKey(text) && !text.includes("BEGIN PRIVATE KEY"));
    const second = openCertificateAuthority({ ...options, passphrase: "corre\u0301ct horse" });
    assert.deepEqual(second.authority.certificate.der, first.authority.certificate.der);
    assert.equal(
      code(
        () => openCertificateAuthority({ ...options, passphrase: "wrong" }),
        /passphrase is wrong/,
      ),
      "ca-key-sealed",
    );
    assert.equal(
      code(() => openCertificateAuthority(base), /give its passphrase/),
      "ca-key-sealed",
    );
  });
});

test("a passphrase for a key that is not sealed is a mistake, not a detail", () => {
  withFiles((options) => {
    openCertificateAuthority(options);
    assert.equal(
      code(() => openCertificateAuthority({ ...options, passphrase: "x" }), /is not sealed/),
      "ca-state-invalid",
    );
  });
});

test("any altered byte of a sealed key is noticed", () => {
  const sealed = sealKey("secret", "passphrase", COST_LOG2);
  const [bytes = Buffer.alloc(0)] = parsePem(sealed, "TULLE SEALED PRIVATE KEY");
  assert.equal(unsealKey(sealed, "passphrase"), "secret");
  for (let offset = 0; offset < bytes.length; offset++) {
    const altered = Buffer.from(bytes);
    altered[offset] = (altered[offset] ?? 0) ^ 0x40;
    const body = altered.toString("base64");
    const text = `-----BEGIN TULLE SEALED PRIVATE KEY-----\n${body}\n-----END TULLE SEALED PRIVATE KEY-----\n`;
    assert.equal(unsealKey(text, "passphrase"), undefined, `byte ${offset}`);
  }
});

test("files that do not belong together are refused, each with the way out", () => {
  withFiles((options) => {
    openCertificateAuthority(options);
    const certificate = readFileSync(options.certificatePath);
    const stranger = createTestRoot(options.clock.nowMs(), "stranger").der;
    writeFileSync(options.certificatePath, formatCertificatesPem([stranger]));
    assert.equal(
      code(() => openCertificateAuthority(options), /no certificate of .* belongs to the key/),
      "ca-state-invalid",
    );
    writeFileSync(options.certificatePath, "");
    assert.equal(
      code(() => openCertificateAuthority(options), /no certificate of .* belongs to the key/),
      "ca-state-invalid",
    );
    writeFileSync(options.certificatePath, certificate);
    assert.equal(
      code(
        () => openCertificateAuthority({ ...options, trustDomain: "other" }),
        /authority of spiffe:\/\/td, not of/,
      ),
      "ca-state-invalid",
    );
    writeFileSync(options.keyPath, "rubbish");
    assert.equal(
      code(() => openCertificateAuthority(options), /holds no private key/),
      "ca-state-invalid",
    );
    rmSync(options.keyPath);
    assert.equal(
      code(() => openCertificateAuthority(options), /restore the key from a backup/),
      "ca-state-invalid",
    );
  });
});

test("a crash between the two files is repaired, and more roots can be added", () => {
  withFiles((options) => {
    openCertificateAuthority(options);
    rmSync(options.certificatePath);
    const repaired = openCertificateAuthority(options);
    assert.equal(repaired.isNew, false);
    const old = createTestRoot(options.clock.nowMs(), "old root").der;
    writeFileSync(
      options.certificatePath,
      formatCertificatesPem([repaired.authority.certificate.der, old]),
    );
    assert.equal(openCertificateAuthority(options).bundle.roots.length, 2);
  });
});
