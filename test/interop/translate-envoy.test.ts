/**
 * A real Envoy judges what translation makes of every golden input and of every file under `examples/`. Its
 * verdict on a whole file is the one that counts: each field exists, each rule between fields holds.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/core/clock.ts";
import { createTestAuthority, issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import { spiffeId } from "../../src/translate/names.ts";
import { translateProxy } from "../../src/translate/translate.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import {
  type MeshFixture,
  parseMeshFixture,
  snapshotOf,
  TEST_SCOPE,
  TEST_TRUST_DOMAIN,
} from "../support/mesh-fixture.ts";
import { type OwnCertificate, staticBootstrap } from "../support/static-bootstrap.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const TESTDATA = join(ROOT, "src", "translate", "testdata");
const EXAMPLES = join(ROOT, "examples");
const VALIDATE_TIMEOUT_MS = 60_000;

const envoy = await envoyOrSkip();
const folder = mkdtempSync(join(tmpdir(), "tulle-envoy-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const own = ownCertificate();

for (const [file, fixture] of [...goldenInputs(), ...examples()]) {
  test(`Envoy accepts ${file}`, { skip: envoy.skip ?? false }, async () => {
    assert.ok(envoy.path !== undefined);
    const translation = translateProxy(fixture.snapshot, fixture.scope);
    const bootstrap = staticBootstrap(translation, fixture.scope.nodeId, own);
    const path = join(folder, `${file.replaceAll("/", "-")}.json`);
    writeFileSync(path, JSON.stringify(bootstrap));
    const args = ["--mode", "validate", "--log-level", "warn", "--config-path", path];
    await promisify(execFile)(envoy.path, args, { timeout: VALIDATE_TIMEOUT_MS });
  });
}

test("Envoy refuses what is wrong", { skip: envoy.skip ?? false }, async () => {
  assert.ok(envoy.path !== undefined);
  const path = join(folder, "wrong.json");
  writeFileSync(path, JSON.stringify({ static_resources: { clusters: [{ nonsense: true }] } }));
  const args = ["--mode", "validate", "--log-level", "off", "--config-path", path];
  await assert.rejects(promisify(execFile)(envoy.path, args, { timeout: VALIDATE_TIMEOUT_MS }));
});

type Judged = Pick<MeshFixture, "snapshot" | "scope">;

function goldenInputs(): readonly [string, Judged][] {
  return readdirSync(TESTDATA)
    .filter((file) => file.endsWith(".input.yaml"))
    .map((file) => [file, parseMeshFixture(readFileSync(join(TESTDATA, file), "utf8"), file)]);
}

function examples(): readonly [string, Judged][] {
  return readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => {
      const snapshot = snapshotOf(readFileSync(join(EXAMPLES, file), "utf8"), file);
      return [`examples/${file}`, { snapshot, scope: TEST_SCOPE }];
    });
}

function ownCertificate(): OwnCertificate {
  const { authority } = createTestAuthority(TEST_TRUST_DOMAIN, systemClock);
  const { namespace, serviceAccount } = TEST_SCOPE;
  const id = spiffeId(TEST_TRUST_DOMAIN, namespace, serviceAccount);
  const svid = issueTestSvid(authority, id);
  return { certificatePem: svid.certificateChainPem, privateKeyPem: svid.privateKeyPem };
}
