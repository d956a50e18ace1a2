/** OpenBao, which has Vault's API, as the issuer of a mesh: its PKI engine, with a token of just one policy. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { Application } from "../support/application.ts";
import { freePort } from "../support/free-port.ts";
import { goPeer, OPENBAO } from "./go-peer.ts";
import { startPeer, temporaryFolder } from "./peer-process.ts";

const ROOT_TOKEN = "root-of-the-test";
const POLICY = `
path "pki/sign/tulle" { capabilities = ["update"] }
path "pki/cert/ca_chain" { capabilities = ["read"] }
`;

const { folder, skip } = await goPeer(OPENBAO);

test("certificates of a mesh by OpenBao's PKI engine", { skip }, async (t) => {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  await startPeer(t, port, [
    ...[join(folder, "openbao"), "server", "-dev", "-dev-no-store-token"],
    ...[`-dev-root-token-id=${ROOT_TOKEN}`, `-dev-listen-address=127.0.0.1:${port}`],
  ]);
  const call = async (path: string, body: object): Promise<unknown> => {
    const headers = { "x-vault-token": ROOT_TOKEN };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(`${address}/v1/${path}`, init);
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  await call("sys/mounts/pki", { type: "pki", config: { max_lease_ttl: "720h" } });
  await call("pki/root/generate/internal", { common_name: "OpenBao root", ttl: "720h" });
  await call("pki/roles/tulle", {
    allowed_uri_sans: "spiffe://tulle.local/*",
    ...{ require_cn: false, key_type: "any", max_ttl: "48h", server_flag: true, client_flag: true },
  });
  await call("sys/policies/acl/tulle", { policy: POLICY });
  const created = await call("auth/token/create", { policies: ["tulle"], ttl: "1h" });
  const { client_token: token } = (created as { readonly auth: { readonly client_token: string } })
    .auth;
  const place = temporaryFolder(t);
  await writeFile(join(place, "token"), token, { mode: 0o600 });
  const issuer = `kind: vault\naddress: ${address}\nrole: tulle\ntokenFile: token\n`;
  await writeFile(join(place, "issuer.yaml"), issuer);
  const application = await Application.start({
    catalog: { v1: 1 },
    controlPlane: ["--issuer-file", join(place, "issuer.yaml")],
  });
  t.after(() => application.close());
  const outcomes = await application.client.burst(50, 4);
  assert.ok(outcomes.every(({ failure }) => failure === undefined));
  const ca = await application.admin.ca();
  assert.equal(ca.issuer.lastError, null);
  assert.equal(ca.roots.length, 1);
  assert.deepEqual([...new Set(ca.certificates.map(({ root }) => root))], [ca.roots[0]?.id]);
});
