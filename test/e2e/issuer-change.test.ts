/**
 * A mesh that changes who signs its certificates while it works: from its own authority to a pair of files, to Vault, and
 * back. No sidecar is restarted, and no request is lost; nobody shows a certificate whose root somebody does not trust.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CaResponse } from "../../src/control-plane/ca-types.ts";
import { Application, eventually } from "../support/application.ts";
import { ForeignAuthority } from "../support/foreign-authority.ts";
import { VaultStandIn } from "../support/vault-stand-in.ts";

const TOKEN = "s.SecretOfTheTest";
const RATE = 100;
const REQUESTS = [{ method: "GET" }, { method: "POST", body: "x" }] as const;

const folder = mkdtempSync(join(tmpdir(), "tulle-issuer-change-"));
const path = (name: string): string => join(folder, name);
let application: Application;
let vault: VaultStandIn;

/** A root and an intermediate under it, by OpenSSL, and the issuer that signs with the intermediate. */
function writeFileIssuer(): void {
  const authority = (name: string, ...more: readonly string[]): void => {
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-nodes", "-days", "30", "-newkey", "ec"],
        ...["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", `/CN=${name}`],
        ...["-keyout", path(`${name}.key`), "-out", path(`${name}.crt`)],
        ...["-addext", "basicConstraints=critical,CA:TRUE"],
        ...["-addext", "keyUsage=critical,keyCertSign,cRLSign", ...more],
      ],
      { stdio: "ignore" },
    );
  };
  authority("root");
  authority("mesh", "-CA", path("root.crt"), "-CAkey", path("root.key"));
  const issuer = "kind: file\ncertificateFile: mesh.crt\nkeyFile: mesh.key\nrootsFile: root.crt\n";
  writeFileSync(path("file.yaml"), issuer);
}

before(async () => {
  writeFileIssuer();
  vault = await VaultStandIn.start(new ForeignAuthority("tulle.local"), TOKEN);
  writeFileSync(path("token"), TOKEN, { mode: 0o600 });
  const address = `address: ${vault.address}\nmount: pki/mesh\nrole: tulle\ntokenFile: token\n`;
  writeFileSync(path("vault.yaml"), `kind: vault\n${address}`);
  application = await Application.start({ catalog: { v1: 2 }, keepsControlPlaneApart: true });
});

after(async () => {
  await application?.close();
  await vault?.stop();
  rmSync(folder, { recursive: true });
});

/** Ends the control plane by the signal and starts it again, with another issuer or its own authority. */
async function restartWith(issuer: string | undefined, signal: NodeJS.Signals): Promise<void> {
  const { xdsAddress, adminUrl } = application.controlPlaneFile();
  process.kill(application.controlPlanePid(), signal);
  await application.controlPlane?.ended;
  application.controlPlane = application.home.start([
    ...["control-plane", "--mesh", "acceptance"],
    ...["--xds-address", xdsAddress, "--admin-address", new URL(adminUrl).host],
    ...(issuer === undefined ? [] : ["--issuer-file", path(issuer)]),
  ]);
  await application.controlPlane.waitFor(/ready/);
}

function caWhere(isSo: (ca: CaResponse) => boolean): Promise<CaResponse> {
  return eventually(async () => {
    const ca = await application.admin.ca();
    return isSo(ca) ? ca : undefined;
  }).then(({ value }) => value);
}

/** The change is over: one root is left, and everybody is under it. */
async function changed(kind: string): Promise<void> {
  const ca = await caWhere(
    ({ issuer, rotation, roots }) =>
      issuer.kind === kind && rotation?.state === "finished" && roots.length === 1,
  );
  const [root] = ca.roots;
  assert.deepEqual([...new Set(ca.certificates.map((one) => one.root))], [root?.id]);
  assert.equal(ca.controlPlane?.root, root?.id);
  assert.equal(root?.state, "active");
}

test("to a pair of files, to Vault, and back, under load", async () => {
  const key = join(application.home.path, "acceptance", "ca.key");
  const sidecars = (await application.catalogInstances()).flatMap(({ name }) =>
    application.sidecarPids(name),
  );
  const load = application.client.steady(RATE, REQUESTS);
  for (const [issuer, kind] of [
    ["file.yaml", "file"],
    ["vault.yaml", "vault"],
    [undefined, "built-in"],
  ] as const) {
    await restartWith(issuer, "SIGTERM");
    await changed(kind);
    assert.equal(existsSync(key), kind === "built-in", "the key goes with the last of its roots");
  }
  const status = await application.tulle(["ca", "status"]);
  assert.match(
    status.output,
    /Rotation from \w+ to \w+, and from vault at \S+ .* to the built-in authority: finished/,
  );
  const outcomes = await load.stop();
  assert.deepEqual(load.failures, []);
  assert.ok(outcomes.length > RATE);
  const now = (await application.catalogInstances()).flatMap(({ name }) =>
    application.sidecarPids(name),
  );
  assert.deepEqual(now, sidecars, "no sidecar was restarted");
});

test("the new one signs nothing while somebody does not trust it, whatever happens to the control plane", async () => {
  const load = application.client.steady(RATE, REQUESTS);
  const { roots } = await application.admin.ca();
  const old = roots[0]?.id ?? "";
  // One that nobody calls: what is frozen answers nothing.
  const app = ["sh", "-c", "echo here; exec sleep 600"];
  const words = ["run", "--service", "bystander", "--name", "slow", "--", ...app];
  const run = application.home.start(words);
  // The app starts once the sidecar is ready; one that freezes before that is given up.
  await run.waitFor(/here/);
  await caWhere(({ bundles }) =>
    bundles.some(({ proxy, roots: known }) => {
      return proxy === "default/slow" && known?.includes(old) === true;
    }),
  );
  const frozen = application.sidecarPids("slow");
  for (const pid of frozen) process.kill(pid, "SIGSTOP");
  await restartWith("file.yaml", "SIGTERM");
  const waits = ({ rotation }: CaResponse): boolean =>
    rotation?.blockers.some(({ who }) => who.endsWith("/slow")) === true;
  for (const signal of ["SIGKILL", "SIGKILL", undefined] as const) {
    const ca = await caWhere(waits);
    assert.equal(ca.issuer.kind, "built-in");
    assert.deepEqual([...new Set(ca.certificates.map(({ root }) => root))], [old]);
    assert.equal(ca.controlPlane?.root, old);
    if (signal !== undefined) await restartWith("file.yaml", signal);
  }
  const refused = await application.tulle(["ca", "rotate", "--abort"]);
  assert.match(refused.output, /start the control plane with the former --issuer-file/);

  // Whoever thinks better of it starts without the flag.
  await restartWith(undefined, "SIGTERM");
  const back = await caWhere(({ rotation }) => rotation?.state === "aborted");
  assert.deepEqual([back.issuer.kind, back.roots.map(({ id }) => id)], ["built-in", [old]]);

  await restartWith("file.yaml", "SIGTERM");
  await caWhere(waits);
  for (const pid of frozen) process.kill(pid, "SIGCONT");
  await changed("file");
  await load.stop();
  assert.deepEqual(load.failures, []);
  run.signal("SIGTERM");
  await run.ended;
});

test("an issuer that is gone is needed, or given up in so many words", async () => {
  rmSync(path("mesh.key"));
  const words = ["control-plane", "--mesh", "acceptance", "--admin-address", "127.0.0.1:0"];
  process.kill(application.controlPlanePid(), "SIGTERM");
  await application.controlPlane?.ended;
  const { code, output } = await application.tulle(words);
  assert.notEqual(code, 0);
  assert.match(output, /needed until every proxy trusts the new one, and fails: .*mesh\.key/);
  assert.match(output, /--give-up-former-issuer/);
  const given = application.home.start([...words, "--give-up-former-issuer"]);
  await given.waitFor(/ready/);
  const ca = await application.admin.ca();
  assert.deepEqual([ca.issuer.kind, ca.roots.length], ["built-in", 2]);
});
