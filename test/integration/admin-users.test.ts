/**
 * Who is somebody to the admin API without a token of its own: users of a real identity provider, and workloads by their
 * certificates of the mesh.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { WhoamiResponse } from "../../src/control-plane/access-types.ts";
import type { ApiErrorBody } from "../../src/control-plane/api-error-types.ts";
import { ControlPlane } from "../../src/control-plane/control-plane.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { callApi, StandInSidecar, temporaryFolder } from "../support/control-plane-fixture.ts";
import { IdentityProvider } from "../support/identity-provider.ts";
import { encoded, signedToken, signingKey } from "../support/signed-tokens.ts";
import { answerThat } from "../support/until.ts";

const TIMEOUT = { timeout: 30_000 };
const ANY = { host: "127.0.0.1", port: 0, isFallbackAllowed: false } as const;
const KEY = signingKey("ES256", "first");
const DEPLOYER = "spiffe://tulle.local/ns/default/sa/deployer";

const folder = temporaryFolder();
let controlPlane: ControlPlane;
let provider: IdentityProvider;

before(async () => {
  provider = await IdentityProvider.start({
    keys: [KEY],
    audience: "tulle",
    claims: { groups: ["developers", "everybody"], email: "anna@example.com" },
  });
  controlPlane = new ControlPlane({
    mesh: "test",
    stateDirectory: folder.path,
    adminAddress: ANY,
    adminTlsAddress: ANY,
    xdsAddress: ANY,
    trustDomain: undefined,
    caPassphrase: undefined,
    version: "0",
    clock: systemClock,
    prng: new SeededPrng(1),
    log: silentLogger,
  });
  await controlPlane.start();
  await configure();
});

after(async () => {
  await controlPlane.stop(100);
  await provider.stop();
  folder.remove();
});

async function apply(...objects: readonly object[]): Promise<void> {
  const yaml = objects.map((object) => JSON.stringify(object)).join("\n---\n");
  const body = { files: [{ name: "a.yaml", text: yaml }] };
  const answer = await callApi(controlPlane.file, "POST", "/api/v1/apply", { body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

function configure(access: object = {}): Promise<void> {
  return apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "MeshConfig",
    metadata: { name: "default" },
    spec: {
      fetching: { allowedAddresses: ["127.0.0.1"] },
      access: {
        identities: [{ spiffeId: DEPLOYER, role: "Operator" }],
        oidc: {
          issuer: provider.issuer,
          audiences: ["tulle"],
          roles: [
            { value: "everybody", role: "Viewer" },
            { value: "developers", role: "Operator" },
            { value: "mesh-admins", role: "Admin" },
          ],
        },
        ...access,
      },
    },
  });
}

const whoami = (token?: string) =>
  callApi<WhoamiResponse & ApiErrorBody>(controlPlane.file, "GET", "/api/v1/whoami", {
    transport: "tcp",
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

test("a user of an identity provider has the highest role of their groups", TIMEOUT, async () => {
  const token = await provider.token();
  const { body } = await answerThat(
    () => whoami(token),
    ({ status }) => status === 200,
  );
  assert.deepEqual([body.name, body.role, body.method], ["anna@example.com", "operator", "oidc"]);
});

test(
  "T28: tokens of others, for others, of yesterday or without a signature are refused",
  TIMEOUT,
  async () => {
    const good = await provider.token();
    const [head = "", body = ""] = good.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const now = Math.floor(Date.now() / 1000);
    const unsigned = `${encoded('{"alg":"none"}')}.${body}.`;
    // RFC 8725 section 2.1: the public key as the secret of an HMAC.
    const symmetric = `${encoded('{"alg":"HS256","kid":"first"}')}.${body}`;
    const mac = createHmac("sha256", JSON.stringify(KEY.jwk)).update(symmetric).digest("base64url");
    for (const [bad, reason] of [
      [unsigned, /not good/],
      [`${symmetric}.${mac}`, /not good/],
      [`${head}.${body}.AAAA`, /not good/],
      [signedToken(signingKey("ES256", "first"), claims), /not good/],
      [signedToken(signingKey("ES256", "second"), claims), /a key that .* does not have/],
      [signedToken(KEY, { ...claims, aud: "shop" }), /"aud"/],
      [signedToken(KEY, { ...claims, iss: "https://else.example" }), /"iss"/],
      [signedToken(KEY, { ...claims, exp: now - 61 }), /"exp"/],
      [signedToken(KEY, { ...claims, exp: undefined }), /"exp"/],
      [signedToken(KEY, { ...claims, nbf: now + 120 }), /"nbf"/],
      [
        signedToken(KEY, { ...claims, groups: ["strangers"] }),
        /no value of the claim groups gives/,
      ],
      [signedToken(KEY, { ...claims, groups: { developers: true } }), /no value of the claim/],
      ["a.b.c", /not good/],
      ["x".repeat(13_000), /no bearer token/],
    ] as const) {
      const answer = await whoami(bad);
      assert.equal(answer.status, 401, bad.slice(0, 40));
      assert.match(answer.body.error.message, reason);
      assert.ok(!answer.body.error.message.includes(bad), "the token is not told");
    }
  },
);

test("with anonymous None loopback gets nothing without proof", TIMEOUT, async () => {
  assert.equal((await whoami()).status, 200);
  await configure({ anonymous: "None" });
  const answer = await answerThat(
    () => whoami(),
    ({ status }) => status !== 200,
  );
  assert.equal(answer.status, 401);
  const health = await callApi(controlPlane.file, "GET", "/healthz", { transport: "tcp" });
  assert.equal(health.status, 200);
  await configure();
});

interface TlsAnswer {
  readonly status: number;
  readonly body: WhoamiResponse & ApiErrorBody;
}

function whoamiByTls(agent: Agent): Promise<TlsAnswer> {
  const url = new URL("/api/v1/whoami", controlPlane.file.adminTlsUrl);
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent }, (response) => {
      text(response).then((body) => {
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(body) });
      }, reject);
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

test("a workload comes with its certificate, until it is revoked", TIMEOUT, async () => {
  const { file } = controlPlane;
  const agents: Agent[] = [];
  const joined = async (service: string, block: number): Promise<Agent> => {
    const sidecar = new StandInSidecar({ file, id: `${service}-a`, service, block });
    await sidecar.agent.start();
    await sidecar.agent.whenReady();
    const { svid } = sidecar.agent.channelIdentity;
    await sidecar.agent.stop();
    // Whose certificate the server shows is the CLI's test.
    const agent = new Agent({
      keepAlive: true,
      cert: svid?.certificateChainPem,
      key: svid?.privateKeyPem,
      rejectUnauthorized: false,
    });
    agents.push(agent);
    return agent;
  };
  const deployer = await joined("deployer", 60);
  const first = await whoamiByTls(deployer);
  assert.deepEqual(
    [first.body.name, first.body.role, first.body.method],
    [DEPLOYER, "operator", "certificate"],
  );
  const other = await whoamiByTls(await joined("other", 61));
  assert.equal(other.status, 401);
  assert.match(
    other.body.error.message,
    /sa\/other has no role here: MeshConfig spec\.access\.identities/,
  );
  const nobody = new Agent({ rejectUnauthorized: false });
  agents.push(nobody);
  assert.equal((await whoamiByTls(nobody)).status, 401);
  await apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Revocation",
    metadata: { name: "deployer" },
    spec: { spiffeId: DEPLOYER },
  });
  const revoked = await answerThat(
    () => whoamiByTls(deployer),
    ({ status }) => status !== 200,
  );
  assert.equal(revoked.status, 401);
  assert.match(revoked.body.error.message, /the client certificate was refused/);
  for (const agent of agents) agent.destroy();
});
