/** The certificate service asked by its real client over real TLS. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Client, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { ManualClock } from "../core/clock.ts";
import { hasCode, MeshError } from "../core/errors.ts";
import { SignCertificateRequestSchema } from "../gen/tulle/ca/v1/certificate_service_pb.js";
import { parseCertificate } from "./certificate.ts";
import { CertificateClient } from "./certificate-client.ts";
import { issueTestSvid } from "./certificate-fixtures.ts";
import { SIGN_CERTIFICATE_METHOD } from "./certificate-method.ts";
import {
  CONTROL_PLANE_ID,
  startTestControlPlane,
  TEST_TRUST_DOMAIN,
  type TestControlPlane,
} from "./control-plane-fixtures.ts";
import { createCsr } from "./csr.ts";
import { createMeshChannelCredentials } from "./grpc-credentials.ts";
import { verifyPeer } from "./peer-verifier.ts";

const catalog = { trustDomain: TEST_TRUST_DOMAIN, namespace: "shop", serviceAccount: "catalog" };
const CATALOG_ID = "spiffe://mesh.test/ns/shop/sa/catalog";
const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
const csrDer = createCsr(keys);

const clock = new ManualClock();
let controlPlane: TestControlPlane;

before(async () => {
  controlPlane = await startTestControlPlane(clock);
});

after(() => controlPlane.stop());

function lastLine(message: string): Readonly<Record<string, unknown>> {
  const line = controlPlane.log.findLast((entry) => entry["message"] === message);
  assert.ok(line !== undefined, message);
  return line;
}

function join(joinToken?: string) {
  return controlPlane.client.sign({
    csrDer,
    identity: { svid: undefined, bundles: controlPlane.bundles },
    ...(joinToken === undefined ? {} : { joinToken }),
  });
}

/** A request with free metadata. */
async function signWith(metadata: Metadata, csr = csrDer): Promise<ServiceError | null> {
  const credentials = createMeshChannelCredentials({
    getIdentity: () => ({ svid: undefined, bundles: controlPlane.bundles }),
    expectedServerIds: [CONTROL_PLANE_ID],
    clock,
  });
  const client = new Client(controlPlane.address, credentials);
  const error = await new Promise<ServiceError | null>((resolve) => {
    const { path, requestSerialize, responseDeserialize } = SIGN_CERTIFICATE_METHOD;
    const request = create(SignCertificateRequestSchema, { csr });
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      resolve,
    );
  });
  client.close();
  return error;
}

async function refusal(
  attempt: Promise<unknown>,
): Promise<{ message: string; isRefused: boolean }> {
  try {
    await attempt;
  } catch (error) {
    assert.ok(
      error instanceof MeshError && hasCode(error, "certificate-request-failed"),
      String(error),
    );
    return {
      message: error.message,
      isRefused: "isRefused" in error.detail && error.detail.isRefused === true,
    };
  }
  throw new Error("a certificate was signed");
}

test("a token gives a certificate for its identity and the key of the request", async () => {
  const { token } = controlPlane.tokens.create(catalog);
  const answer = await join(token);
  assert.equal(answer.spiffeId, CATALOG_ID);
  const chain = answer.certificateChain.map((der) => Buffer.from(der));
  const verdict = verifyPeer(chain, controlPlane.bundles, clock.nowMs());
  assert.equal(verdict.ok && verdict.spiffeId, CATALOG_ID);
  const leaf = parseCertificate(chain[0] ?? Buffer.alloc(0));
  assert.deepEqual(leaf.publicKey.der, keys.publicKey.export({ format: "der", type: "spki" }));
  assert.equal(Number(answer.notAfter?.seconds) * 1000, leaf.notAfterMs);
  assert.equal(leaf.notAfterMs, clock.nowMs() + 24 * 3_600_000);
  assert.deepEqual(answer.trustBundle.map(Buffer.from), [controlPlane.authority.certificate.der]);
  const line = lastLine("certificate issued");
  assert.deepEqual(
    [line["spiffeId"], line["method"], line["serial"]],
    [CATALOG_ID, "token", leaf.serialHex],
  );
  assert.equal(JSON.stringify(controlPlane.log).includes(token), false, "no token in the log");
});

test("a certificate is renewed by the one still held, for the same identity", async () => {
  const svid = issueTestSvid(controlPlane.authority, CATALOG_ID);
  const answer = await controlPlane.client.sign({
    csrDer,
    identity: { svid, bundles: controlPlane.bundles },
  });
  assert.equal(answer.spiffeId, CATALOG_ID);
  assert.equal(lastLine("certificate issued")["method"], "certificate");
});

test("a token counts before a certificate", async () => {
  const svid = issueTestSvid(controlPlane.authority, CATALOG_ID);
  const { token } = controlPlane.tokens.create({ ...catalog, serviceAccount: "orders" });
  const answer = await controlPlane.client.sign({
    csrDer,
    identity: { svid, bundles: controlPlane.bundles },
    joinToken: token,
  });
  assert.equal(answer.spiffeId, "spiffe://mesh.test/ns/shop/sa/orders");
});

test("who proves nothing gets nothing, and learns why", async () => {
  const { token } = controlPlane.tokens.create(catalog);
  await join(token);
  const expired = issueTestSvid(controlPlane.authority, CATALOG_ID, -60_000);
  const noWorkload = issueTestSvid(controlPlane.authority, "spiffe://mesh.test/admin");
  const withSvid = (svid: typeof expired) =>
    controlPlane.client.sign({ csrDer, identity: { svid, bundles: controlPlane.bundles } });
  for (const [attempt, reason] of [
    [join(), /UNAUTHENTICATED: neither a join token nor a client certificate/],
    [join("guess.guess"), /UNAUTHENTICATED: the join token is unknown or was used already/],
    [join(token), /UNAUTHENTICATED: the join token is unknown or was used already/],
    [withSvid(expired), /UNAUTHENTICATED: peer certificate expired 1 minute ago/],
    [withSvid(noWorkload), /PERMISSION_DENIED: spiffe:\/\/mesh\.test\/admin is no workload/],
  ] as const) {
    const { message, isRefused } = await refusal(attempt);
    assert.match(message, reason);
    assert.equal(isRefused, true);
    assert.equal(lastLine("certificate refused")["level"], "warn");
  }
});

test("a broken request is refused and does not use its token up", async () => {
  const { token } = controlPlane.tokens.create(catalog);
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  const error = await signWith(metadata, Buffer.from("rubbish"));
  assert.equal(error?.code, status.INVALID_ARGUMENT);
  assert.match(error?.details ?? "", /certificate signing request refused/);
  assert.equal((await join(token)).spiffeId, CATALOG_ID);
});

test("odd authorization metadata is refused", async () => {
  const { token } = controlPlane.tokens.create(catalog);
  for (const values of [["Basic abc"], ["Bearer"], [`Bearer ${token} x`]]) {
    const metadata = new Metadata();
    for (const value of values) metadata.add("authorization", value);
    const error = await signWith(metadata);
    assert.equal(error?.code, status.UNAUTHENTICATED, values.join());
  }
  const metadata = new Metadata();
  metadata.set("authorization", `bearer ${token}`);
  assert.equal(await signWith(metadata), null);
});

test("no certificate outlives the authority", async () => {
  const brief = await startTestControlPlane(clock, { rootLifetimeMs: 60_000 });
  const { token } = brief.tokens.create(catalog);
  const identity = { svid: undefined, bundles: brief.bundles };
  clock.advance(59_000);
  const leaf = await brief.client.sign({ csrDer, identity, joinToken: token });
  const rootEnd = brief.authority.certificate.notAfterMs;
  assert.equal(Number(leaf.notAfter?.seconds) * 1000, rootEnd);
  await brief.stop();
});

test("a control plane that is not there is told from one that says no", async () => {
  const client = new CertificateClient({
    address: "127.0.0.1:1",
    serverSpiffeId: CONTROL_PLANE_ID,
    clock,
  });
  const identity = { svid: undefined, bundles: controlPlane.bundles };
  const { message, isRefused } = await refusal(client.sign({ csrDer, identity, joinToken: "a.b" }));
  assert.match(message, /no certificate from the control plane at 127\.0\.0\.1:1: UNAVAILABLE/);
  assert.equal(isRefused, false);
});

test("one identity cannot take all signatures, and all together cannot take too many", async () => {
  const limited = await startTestControlPlane(clock);
  const svid = issueTestSvid(limited.authority, CATALOG_ID);
  const ordersSvid = issueTestSvid(limited.authority, "spiffe://mesh.test/ns/shop/sa/orders");
  const ask = (by: typeof svid) =>
    limited.client.sign({ csrDer, identity: { svid: by, bundles: limited.bundles } }).then(
      () => "signed",
      (error: unknown) => String(error),
    );
  const outcomes: string[] = [];
  for (let i = 0; i < 60; i++) outcomes.push(await ask(svid));
  assert.equal(outcomes.filter((outcome) => outcome === "signed").length, 50);
  assert.match(
    outcomes.at(-1) ?? "",
    /RESOURCE_EXHAUSTED: too many certificates .* by spiffe:.*catalog/,
  );
  assert.equal(await ask(ordersSvid), "signed");
  for (let i = 0; i < 39; i++) await ask(ordersSvid);
  assert.match(
    await ask(ordersSvid),
    /RESOURCE_EXHAUSTED: too many certificates are being asked for$/,
  );
  clock.advance(1_000);
  assert.equal(await ask(ordersSvid), "signed");
  await limited.stop();
});
