/** Meshes whose certificates are signed by others over a network: by Vault's HTTP API, and by Istio's protocol. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Application, eventually } from "../support/application.ts";
import { ForeignAuthority } from "../support/foreign-authority.ts";
import { IstioCaStandIn } from "../support/istio-ca-stand-in.ts";
import { VaultStandIn } from "../support/vault-stand-in.ts";

const TOKEN = "s.SecretOfTheTest";
const folder = mkdtempSync(join(tmpdir(), "tulle-issuers-"));
const path = (name: string): string => join(folder, name);
const foreign = new ForeignAuthority("tulle.local");

after(() => rmSync(folder, { recursive: true }));

writeFileSync(path("token"), `${TOKEN}\n`, { mode: 0o600 });
writeFileSync(path("roots.crt"), foreign.rootPem);

async function meshWith(issuer: string): Promise<Application> {
  writeFileSync(path("issuer.yaml"), issuer);
  return await Application.start({
    catalog: { v1: 1 },
    controlPlane: ["--issuer-file", path("issuer.yaml")],
  });
}

/** Traffic flows by certificates under the foreign root, and the token stands in no output. */
async function assertServes(application: Application): Promise<void> {
  const outcomes = await application.client.burst(50, 4);
  assert.ok(outcomes.every(({ failure }) => failure === undefined));
  const ca = await application.admin.ca();
  assert.equal(ca.roots.length, 1);
  assert.equal(ca.controlPlane?.root, ca.roots[0]?.id);
  assert.deepEqual([...new Set(ca.certificates.map(({ root }) => root))], [ca.roots[0]?.id]);
  assert.ok(!application.controlPlane?.output.includes(TOKEN));
}

test("Vault signs; while it fails, what there is goes on, and a status says why", async () => {
  const vault = await VaultStandIn.start(foreign, TOKEN);
  const application = await meshWith(
    `kind: vault\naddress: ${vault.address}\nmount: pki/mesh\nrole: tulle\ntokenFile: token\n`,
  );
  try {
    await assertServes(application);
    assert.ok(
      vault.signed.some((id) => id.endsWith("/sa/catalog")),
      vault.signed.join(),
    );
    assert.ok(vault.renewals > 0, "its token is renewed");
    vault.failure = 503;
    const load = application.client.steady(50, [{ method: "GET" }]);
    const joining = application.runCatalog("late");
    const { value } = await eventually(async () => {
      const { issuer } = await application.admin.ca();
      return issuer.failures > 0 ? issuer : undefined;
    });
    assert.match(value.lastError ?? "", /sign\/tulle: status 503: as the test wants it/);
    const check = await application.tulle(["check"]);
    assert.match(check.output, /the issuer vault at .*status 503/);
    vault.failure = undefined;
    await joining;
    await load.stop();
    assert.equal(load.failures.length, 0);
    assert.equal((await application.admin.ca()).issuer.lastError, null);
  } finally {
    await application.close();
    await vault.stop();
  }
});

test("an authority that speaks Istio's protocol signs", async () => {
  const tls = { key: path("server.key"), cert: path("server.crt") };
  const words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=istiod"];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-nodes", "-days", "2", ...words],
      ...["-addext", "subjectAltName=DNS:istiod.istio-system.svc", "-keyout", tls.key],
      ...["-out", tls.cert],
    ],
    { stdio: "ignore" },
  );
  const pair = { key: readFileSync(tls.key, "utf8"), cert: readFileSync(tls.cert, "utf8") };
  const istio = await IstioCaStandIn.start({ authority: foreign, token: TOKEN, tls: pair });
  const application = await meshWith(
    `kind: istio\naddress: 127.0.0.1:${istio.port}\nserverName: istiod.istio-system.svc\ntokenFile: token\nrootsFile: roots.crt\ncaFile: server.crt\n`,
  );
  try {
    await assertServes(application);
    assert.ok(istio.signed.includes("spiffe://tulle.local/ns/default/sa/catalog"));
  } finally {
    await application.close();
    istio.stop();
  }
});
