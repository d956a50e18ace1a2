/** The rules that every issuer is held to, by an issuer that breaks them. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { createLogger } from "../../core/logger.ts";
import { SeededPrng } from "../../core/prng.ts";
import { type Certificate, parseCertificate } from "../certificate.ts";
import {
  createTestAuthority,
  createTestLeaf,
  createTestRoot,
  type TestIssuer,
} from "../certificate-fixtures.ts";
import { createCsr, publicKeyFromCsr } from "../csr.ts";
import { formatCertificatesPem } from "../pem.ts";
import { rootIdOf } from "../root-id.ts";
import { requireSpiffeId } from "../spiffe-id.ts";
import { type CertificateIssuer, issuerFailed, type SignRequest } from "./certificate-issuer.ts";
import { ExternalAuthority } from "./external-authority.ts";

const CATALOG = "spiffe://mesh.test/ns/shop/sa/catalog";
const HOUR_MS = 3_600_000;

/** Answers as the test says. */
class StandInIssuer implements CertificateIssuer {
  readonly kind = "stand-in";
  readonly place = "here";
  readonly notAfterMs = undefined;
  finding: string | undefined;
  roots: readonly Certificate[] = [];
  asked = 0;
  isReachable = true;
  answer: (request: SignRequest) => Promise<readonly Buffer[]> = () => Promise.resolve([]);

  async open(): Promise<void> {
    if (!this.isReachable) throw issuerFailed("it cannot be reached", true);
  }

  sign(request: SignRequest): Promise<readonly Buffer[]> {
    this.asked += 1;
    return this.answer(request);
  }

  onChange(): void {}

  close(): void {}
}

let folder: string;
let clock: ManualClock;
let root: TestIssuer;
let issuer: StandInIssuer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-external-"));
  clock = new ManualClock();
  root = createTestRoot(clock.nowMs());
  issuer = new StandInIssuer();
  issuer.roots = [parseCertificate(root.der)];
});

afterEach(() => rmSync(folder, { recursive: true }));

function open(): Promise<ExternalAuthority> {
  return ExternalAuthority.open({
    trustDomain: "mesh.test",
    issuer,
    rootsPath: join(folder, "issuer-roots.pem"),
    ownRootsPath: join(folder, "ca.crt"),
    ownKeyPaths: [join(folder, "ca.key")],
    clock,
    prng: new SeededPrng(1),
    log: createLogger({
      clock,
      sink: { write: () => {} },
      threshold: { level: "error" },
      format: "json",
    }),
  });
}

const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
const csrDer = createCsr(keys);
const REQUEST = {
  publicKey: publicKeyFromCsr(csrDer),
  csrDer,
  spiffeId: requireSpiffeId(CATALOG),
  lifetimeMs: HOUR_MS,
};

function leaf(uris: readonly string[], key = keys.privateKey): readonly Buffer[] {
  return [createTestLeaf(clock.nowMs(), root, uris, { key }).der];
}

test("what comes back is the identity and the key that were asked for, or nobody gets it", async () => {
  const authority = await open();
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  for (const [chain, reason] of [
    [
      leaf(["spiffe://mesh.test/ns/shop/sa/admin"]),
      /expected spiffe:\/\/mesh\.test\/ns\/shop\/sa\/catalog/,
    ],
    [leaf([CATALOG, "spiffe://mesh.test/ns/shop/sa/admin"]), /2 URI SANs/],
    [leaf([CATALOG], other), /it is for another key/],
    [[], /no certificate/],
    [[Buffer.from("garbage")], /cannot be read/],
  ] as const) {
    issuer.answer = () => Promise.resolve(chain);
    await assert.rejects(authority.issue(REQUEST), reason);
  }
  assert.equal(authority.external.consecutiveFailures, 5);
  assert.equal(authority.external.outage, undefined, "one bad answer says nothing of the next");
  issuer.answer = () => Promise.resolve(leaf([CATALOG]));
  const issued = await authority.issue(REQUEST);
  assert.equal(issued.chainDer.length, 1);
  assert.equal(authority.external.lastError, undefined);
});

test("an issuer that fails is left alone for a while, and asked again after it", async () => {
  const authority = await open();
  issuer.answer = () => Promise.reject(new Error("connect ECONNREFUSED"));
  await assert.rejects(authority.issue(REQUEST), /ECONNREFUSED/);
  await assert.rejects(authority.issue(REQUEST), /asked again in/);
  assert.equal(issuer.asked, 1);
  assert.match(authority.external.outage ?? "", /ECONNREFUSED/);
  clock.advance(30_000);
  issuer.answer = () => Promise.resolve(leaf([CATALOG]));
  await authority.issue(REQUEST);
  assert.equal(authority.external.outage, undefined);
});

test("an answer that does not come is given up", async () => {
  const authority = await open();
  issuer.answer = () => new Promise(() => {});
  const asked = authority.issue(REQUEST);
  clock.advance(8_000);
  await assert.rejects(asked, /has not answered within 8 s/);
});

test("a start without the issuer goes on with the roots that it had, but not without any", async () => {
  issuer.isReachable = false;
  await assert.rejects(open(), /cannot be used: it cannot be reached/);
  issuer.isReachable = true;
  await open();
  issuer.isReachable = false;
  issuer.roots = [];
  const authority = await open();
  assert.ok(authority.root.der.equals(root.der));
  assert.match(authority.external.lastError ?? "", /cannot be reached/);
});

test("roots of the authority that the mesh had stay trusted until they are retired, keys and all", async () => {
  const own = createTestAuthority("mesh.test", clock).authority.certificate;
  writeFileSync(join(folder, "ca.crt"), formatCertificatesPem([own.der]));
  writeFileSync(join(folder, "ca.key"), "a key");
  const authority = await open();
  const [issuerId, ownId] = authority.bundle.roots.map(rootIdOf);
  assert.equal(ownId, rootIdOf(own));
  assert.throws(() => authority.retire(issuerId ?? ""), /one of the issuer's/);
  authority.retire(ownId ?? "");
  assert.equal(authority.bundle.roots.length, 1);
  assert.ok(!existsSync(join(folder, "ca.key")));
  assert.equal((await open()).bundle.roots.length, 1);
});
