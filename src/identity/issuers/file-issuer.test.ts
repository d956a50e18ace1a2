/** Pairs in files: what is refused and why, and that a bad one never takes the place of a good one. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { createLogger } from "../../core/logger.ts";
import { parseCertificate } from "../certificate.ts";
import {
  type CertificateParts,
  createTestIntermediate,
  createTestRoot,
  generateTestKey,
  type TestIssuer,
} from "../certificate-fixtures.ts";
import { basicConstraintsDer } from "../certificate-writer.ts";
import { createCsr, publicKeyFromCsr } from "../csr.ts";
import { formatCertificatesPem } from "../pem.ts";
import { requireSpiffeId } from "../spiffe-id.ts";
import { trustBundleFromDer } from "../trust-bundle.ts";
import { FileIssuer } from "./file-issuer.ts";
import { checkIssued } from "./issued-check.ts";

const HOUR_MS = 3_600_000;
const SPIFFE_ID = requireSpiffeId("spiffe://mesh.test/ns/shop/sa/catalog");

let folder: string;
let clock: ManualClock;
let root: TestIssuer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-issuer-"));
  clock = new ManualClock();
  root = createTestRoot(clock.nowMs());
});

afterEach(() => rmSync(folder, { recursive: true }));

const path = (name: string): string => join(folder, name);

function intermediate(parts: CertificateParts = {}, name = "intermediate"): TestIssuer {
  return createTestIntermediate(clock.nowMs(), root, name, parts);
}

function write(certificates: readonly Buffer[], key: TestIssuer["key"], roots = [root.der]): void {
  writeFileSync(path("tls.crt"), formatCertificatesPem(certificates));
  writeFileSync(path("tls.key"), key.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  writeFileSync(path("ca.crt"), formatCertificatesPem(roots));
}

function issuer(): FileIssuer {
  return new FileIssuer({
    trustDomain: "mesh.test",
    certificateFile: path("tls.crt"),
    keyFile: path("tls.key"),
    rootsFile: path("ca.crt"),
    clock,
    log: createLogger({
      clock,
      sink: { write: () => {} },
      threshold: { level: "error" },
      format: "json",
    }),
  });
}

function request(lifetimeMs = HOUR_MS) {
  const csrDer = createCsr(generateKeyPairSync("ec", { namedCurve: "P-256" }));
  const publicKey = publicKeyFromCsr(csrDer);
  return { spiffeId: SPIFFE_ID, publicKey, csrDer, lifetimeMs, dnsNames: [] };
}

async function refusal(): Promise<string> {
  const files = issuer();
  try {
    await files.open();
  } catch (error) {
    return String(error);
  } finally {
    files.close();
  }
  return "accepted";
}

test("an intermediate under a foreign root signs; the chain leads to that root", async () => {
  const signer = intermediate();
  write([signer.der], signer.key);
  const files = issuer();
  await files.open();
  const asked = request();
  const chain = await files.sign(asked);
  files.close();
  assert.equal(chain.length, 2);
  const bundle = trustBundleFromDer("mesh.test", [root.der]);
  const issued = checkIssued(chain, asked, bundle, clock.nowMs());
  assert.ok(issued.root.der.equals(root.der));
});

test("no certificate outlives the intermediate, nor the root above it", async () => {
  const signer = intermediate({ notAfterMs: clock.nowMs() + 2 * HOUR_MS });
  write([signer.der], signer.key);
  const files = issuer();
  await files.open();
  const [leaf] = await files.sign(request(24 * HOUR_MS));
  files.close();
  assert.equal(parseCertificate(leaf ?? Buffer.alloc(0)).notAfterMs, clock.nowMs() + 2 * HOUR_MS);
});

test("RSA and Ed25519 keys sign, too", async () => {
  for (const key of [
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
    generateKeyPairSync("ed25519").privateKey,
  ]) {
    const signer = intermediate({ key });
    write([signer.der], key);
    assert.equal(await refusal(), "accepted", `a key of type ${key.asymmetricKeyType}`);
  }
});

test("each bad pair is refused with its reason", async () => {
  const nowMs = clock.nowMs();
  const good = intermediate();
  write([good.der], generateTestKey());
  assert.match(await refusal(), /the key does not belong to the first certificate/);
  const expired = intermediate({ notAfterMs: nowMs - 1000 });
  write([expired.der], expired.key);
  assert.match(await refusal(), /the certificate expired at/);
  const early = intermediate({ notBeforeMs: nowMs + HOUR_MS });
  write([early.der], early.key);
  assert.match(await refusal(), /is valid from .* on/);
  const leaf = intermediate({ basicConstraints: basicConstraintsDer(false) });
  write([leaf.der], leaf.key);
  assert.match(await refusal(), /not that of a certificate authority/);
  write([good.der], good.key, [createTestRoot(nowMs, "another").der]);
  assert.match(await refusal(), /not issued under any of the 1 roots/);
  root = createTestRoot(nowMs, "short", { basicConstraints: basicConstraintsDer(true, 0) });
  const tooDeep = intermediate();
  write([tooDeep.der], tooDeep.key);
  assert.match(await refusal(), /allows 0 signing certificates below it/);
  write([], good.key);
  assert.match(await refusal(), /certificate file holds no certificate/);
  chmodSync(path("tls.key"), 0o644);
  assert.match(await refusal(), /may be read by others/);
});

test("a new pair is found without any event, and a bad one leaves the last good in force", async () => {
  const first = intermediate({}, "first");
  write([first.der], first.key);
  const files = issuer();
  await files.open();
  let changes = 0;
  files.onChange(() => {
    changes += 1;
  });
  const second = intermediate({}, "second");
  write([second.der], first.key);
  clock.advance(60_000);
  assert.match(files.finding ?? "", /the key does not belong/);
  assert.ok((await files.sign(request()))[1]?.equals(first.der));
  write([second.der], second.key);
  clock.advance(60_000);
  assert.equal(files.finding, undefined);
  assert.ok((await files.sign(request()))[1]?.equals(second.der));
  assert.equal(changes, 2);
  files.close();
});
