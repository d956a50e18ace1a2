/**
 * Workloads that join by another proof than a join token: a token of an issuer, a service account's token as the API server
 * judges it, a certificate of another authority, and a socket of their own. The API server here is a small one that answers TokenReviews as the published API
 * (authentication.k8s.io/v1) does; no cluster runs.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { ManualClock, systemClock } from "../../src/core/clock.ts";
import { CertificateClient } from "../../src/identity/certificate-client.ts";
import {
  type CertificateParts,
  createTestLeaf,
  createTestRoot,
  KEY_USAGE_CA,
  type TestIssuer,
} from "../../src/identity/certificate-fixtures.ts";
import { CertificateTokenSource } from "../../src/identity/certificate-token-source.ts";
import { alternativeNamesDer } from "../../src/identity/certificate-writer.ts";
import { createCsr } from "../../src/identity/csr.ts";
import { formatCertificatesPem } from "../../src/identity/pem.ts";
import { SocketTokenSource } from "../../src/identity/token-source.ts";
import { parseTrustBundlePem, TrustBundleSet } from "../../src/identity/trust-bundle.ts";
import { keySetOf, signedToken, signingKey } from "../support/signed-tokens.ts";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

const ISSUER = "https://ci.example";
const key = signingKey("ES256", "ci");
const nowS = (): number => Math.floor(Date.now() / 1000);
const claims = (more: object = {}): object => ({
  ...{ iss: ISSUER, aud: "tulle", sub: "job", exp: nowS() + 300, repository: "shop", ref: "main" },
  ...more,
});

let home: TulleHome;
let controlPlane: TulleProcess;
let cluster: Server;
let clusterUrl: string;
/** What the API server was asked, and what it says. */
let asked: { readonly authorization: string | undefined; readonly body: unknown };
let verdict: { readonly status: number; readonly body: unknown };

before(async () => {
  home = await TulleHome.create();
  cluster = createServer(async (request, response) => {
    asked = { authorization: request.headers.authorization, body: JSON.parse(await text(request)) };
    response.writeHead(verdict.status, { "content-type": "application/json" });
    response.end(JSON.stringify(verdict.body));
  }).listen(0, "127.0.0.1");
  await once(cluster, "listening");
  clusterUrl = `http://127.0.0.1:${(cluster.address() as AddressInfo).port}`;
  await writeFile(join(home.path, "api-token"), "control-plane-token\n");
  controlPlane = home.start([
    ...["control-plane", "--mesh", "join", "--admin-address", "127.0.0.1:0"],
    ...["--xds-address", "127.0.0.1:0"],
  ]);
  await controlPlane.waitFor(/is ready/);
});

after(async () => {
  cluster?.close();
  await home?.remove();
});

async function apply(name: string, spec: object): Promise<void> {
  const file = join(home.path, "attestor.yaml");
  const object = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "WorkloadAttestor",
    metadata: { name },
    spec,
  };
  await writeFile(file, JSON.stringify(object));
  const { code, output } = await home.start(["apply", "--mesh", "join", "-f", file]).ended;
  assert.equal(code, 0, output);
}

function client(): { readonly certificates: CertificateClient; readonly bundles: TrustBundleSet } {
  const state = join(home.path, "join");
  const file = JSON.parse(readFileSync(join(state, "control-plane.json"), "utf8"));
  const pem = readFileSync(join(state, "ca.crt"), "utf8");
  return {
    certificates: new CertificateClient({
      address: file.xdsAddress as string,
      serverSpiffeId: "spiffe://tulle.local/ns/tulle-system/sa/control-plane",
      clock: systemClock,
    }),
    bundles: new TrustBundleSet([parseTrustBundlePem("tulle.local", pem)]),
  };
}

/** The identity that a token gets, or why it gets none. */
async function joinWith(joinToken: string): Promise<string> {
  const { certificates, bundles } = client();
  const csrDer = createCsr(generateKeyPairSync("ec", { namedCurve: "P-256" }));
  try {
    const identity = { svid: undefined, bundles };
    return (await certificates.sign({ csrDer, identity, joinToken })).spiffeId;
  } catch (error) {
    return String(error);
  }
}

/** Objects take effect a moment after they were applied. */
async function until(token: string, pattern: RegExp): Promise<void> {
  for (;;) {
    const seen = await joinWith(token);
    if (pattern.test(seen)) return;
  }
}

const JWT = {
  issuer: ISSUER,
  audiences: ["tulle"],
  jwks: keySetOf(key),
  claims: { ref: ["main", "release"] },
  namespace: "ci",
  serviceAccount: "build-{repository}",
};

test("without an attestor a token of somebody is no proof", async () => {
  assert.match(await joinWith(signedToken(key, claims())), /UNAUTHENTICATED/);
});

test("a token of an issuer, named by its claims", async () => {
  await apply("ci", { jwt: JWT });
  await until(signedToken(key, claims()), /^spiffe:\/\/tulle\.local\/ns\/ci\/sa\/build-shop$/);
  for (const [what, reason] of [
    [{ aud: undefined }, /Audiences/],
    [{ aud: "somebody" }, /Audiences/],
    [{ exp: undefined }, /no expiration/],
    [{ exp: nowS() - 60 }, /expired/],
    [{ exp: nowS() + 90_000 }, /expires later/],
    [{ iss: "https://other.example" }, /UNAUTHENTICATED/],
    [{ ref: "feature" }, /claim ref/],
    [{ ref: undefined }, /claim ref/],
    [{ repository: undefined }, /no claim repository/],
    [{ repository: "../admin" }, /make no service account/],
    [{ repository: "Shop" }, /make no service account/],
    [{ repository: "a/sa/b" }, /make no service account/],
  ] as const) {
    assert.match(await joinWith(signedToken(key, claims(what))), reason, JSON.stringify(what));
  }
  assert.match(
    await joinWith(signedToken(signingKey("ES256", "ci"), claims())),
    /verification fails/,
  );
  assert.match(await joinWith(`${signedToken(key, claims())}x`), /UNAUTHENTICATED/);
});

test("nobody becomes the control plane by a token", async () => {
  await apply("system", {
    jwt: { ...JWT, namespace: "tulle-system", serviceAccount: "control-plane" },
  });
  await apply("ci", { jwt: { ...JWT, claims: { ref: ["never"] } } });
  await until(signedToken(key, claims()), /no workload may join in namespace tulle-system/);
  await apply("ci", { jwt: JWT });
});

test("a sidecar joins by such a token, as it would by a join token", async () => {
  const token = join(home.path, "token");
  await writeFile(token, signedToken(key, claims({ repository: "cart" })));
  await writeFile(
    join(home.path, "app.js"),
    'console.log("started."); setInterval(() => {}, 60_000);',
  );
  const app = home.start([
    ...[
      "run",
      "--mesh",
      "join",
      "-n",
      "ci",
      "--service",
      "build",
      "--service-account",
      "build-cart",
    ],
    ...["--join-token-file", token, "--join-bundle-file", join(home.path, "join", "ca.crt")],
    ...["--", "node", "app.js"],
  ]);
  await app.waitFor(/started\./);
  await controlPlane.waitFor(/certificate issued.*ns\/ci\/sa\/build-cart/);
  app.signal("SIGKILL");
});

test("a service account's token, judged by its cluster for our audience alone", async () => {
  const kubernetes = {
    server: clusterUrl,
    tokenFile: join(home.path, "api-token"),
    namespaces: ["shop"],
  };
  const good = {
    authenticated: true,
    audiences: ["tulle"],
    user: { username: "system:serviceaccount:shop:cart" },
  };
  const says = (status: object): void => {
    verdict = { status: 201, body: { kind: "TokenReview", status } };
  };
  // Of no issuer that the mesh knows.
  const token = signedToken(key, claims({ iss: "https://kubernetes.default.svc" }));
  says(good);
  await apply("cluster", { kubernetes });
  await until(token, /^spiffe:\/\/tulle\.local\/ns\/shop\/sa\/cart$/);
  assert.deepEqual(asked, {
    authorization: "Bearer control-plane-token",
    body: {
      ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview" },
      spec: { token, audiences: ["tulle"] },
    },
  });
  for (const [status, reason] of [
    [{ authenticated: false, error: "it has expired" }, /does not know the token: it has expired/],
    // What an API server without audiences answers, or one that was asked for none.
    [{ ...good, audiences: undefined }, /not for the audience tulle/],
    [{ ...good, audiences: [] }, /not for the audience tulle/],
    [{ ...good, audiences: ["https://kubernetes.default.svc"] }, /not for the audience tulle/],
    [{ ...good, user: { username: "admin" } }, /not that of a service account/],
    [
      { ...good, user: { username: "system:serviceaccount:other:cart" } },
      /namespace other may not join/,
    ],
  ] as const) {
    says(status);
    assert.match(await joinWith(token), reason, JSON.stringify(status));
  }
  verdict = { status: 403, body: {} };
  assert.match(await joinWith(token), /UNAVAILABLE.*no verdict.*403/);
});

test("a certificate of another authority, named by its DNS name, for one use", async () => {
  const nowMs = Date.now();
  const [authority, stranger] = [
    createTestRoot(nowMs, "machines"),
    createTestRoot(nowMs, "machines"),
  ];
  const files = {
    certificatePath: join(home.path, "machine.pem"),
    keyPath: join(home.path, "machine.key"),
    trustBundlePath: join(home.path, "join", "ca.crt"),
  };
  const audience = "spiffe://tulle.local/ns/tulle-system/sa/control-plane";
  const assertion = async (
    dnsName: string,
    more: {
      readonly issuer?: TestIssuer;
      readonly parts?: CertificateParts;
      readonly audience?: string;
      readonly clock?: ManualClock;
    } = {},
  ): Promise<string> => {
    const alternativeNames = alternativeNamesDer({ uris: [], dnsNames: [dnsName] }, true);
    const parts = { alternativeNames, ...more.parts };
    const { der, key } = createTestLeaf(nowMs, more.issuer ?? authority, [], parts);
    await writeFile(files.certificatePath, formatCertificatesPem([der]));
    await writeFile(files.keyPath, key.export({ format: "pem", type: "pkcs8" }));
    const options = {
      ...files,
      audience: more.audience ?? audience,
      clock: more.clock ?? systemClock,
    };
    return (await new CertificateTokenSource(options).getCredentials()).token;
  };
  await apply("machines", {
    x509: {
      caCertificates: formatCertificatesPem([authority.der]),
      dnsNames: ["*.rack.example"],
      namespace: "default",
      serviceAccount: "node-{dns}",
    },
  });
  for (;;) {
    const seen = await joinWith(await assertion("a1.rack.example"));
    if (seen === "spiffe://tulle.local/ns/default/sa/node-a1") break;
    assert.match(seen, /UNAUTHENTICATED|UNAVAILABLE/);
  }
  const once = await assertion("a2.rack.example");
  assert.equal(await joinWith(once), "spiffe://tulle.local/ns/default/sa/node-a2");
  assert.match(await joinWith(once), /used before/);
  for (const [token, reason] of [
    [await assertion("a1.rack.example", { issuer: stranger }), /certificate is refused/],
    [await assertion("a1.other.example"), /no DNS name that is taken/],
    [await assertion("rack.example"), /no DNS name that is taken/],
    [await assertion("b.a1.rack.example"), /no DNS name that is taken/],
    [await assertion("a1.rack.example", { audience: ISSUER }), /is not for spiffe/],
    [await assertion("a1.rack.example", { clock: new ManualClock(nowMs - 600_000) }), /expired/],
    [
      await assertion("a1.rack.example", { clock: new ManualClock(nowMs + 600_000) }),
      /more than 120 s/,
    ],
    [
      await assertion("a1.rack.example", { parts: { keyUsage: KEY_USAGE_CA } }),
      /certificate is that of an authority/,
    ],
    [
      await assertion("a1.rack.example", { parts: { notAfterMs: nowMs - 1000 } }),
      /certificate has expired/,
    ],
  ] as const) {
    assert.match(await joinWith(token), reason);
  }
  // Another key than the certificate's.
  const [head = "", body = ""] = (await assertion("a1.rack.example")).split(".");
  const forged = sign("sha256", Buffer.from(`${head}.${body}`), {
    key: key.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  const token = `${head}.${body}.${forged.toString("base64url")}`;
  assert.match(await joinWith(token), /has not signed/);
});

test("a socket is for one identity", async () => {
  const folder = join(home.path, "sockets");
  await mkdir(folder, { mode: 0o700 });
  const socketPath = join(folder, "cart.sock");
  await apply("cart", { unix: { socketPath, serviceAccount: "cart" } });
  await controlPlane.waitFor(/workloads join by a socket/);
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  const source = (serviceAccount: string): SocketTokenSource =>
    new SocketTokenSource({ socketPath, namespace: "default", serviceAccount });
  const { token } = await source("cart").getCredentials();
  assert.equal(await joinWith(token), "spiffe://tulle.local/ns/default/sa/cart");
  assert.match(await joinWith(token), /UNAUTHENTICATED/);
  await assert.rejects(source("orders").getCredentials(), /for default\/cart alone/);
});
