/**
 * The SPIFFE Workload API as an app gets it by mesh.yaml: certificates with a key of its own, tokens, bundles, SDS; what is
 * refused; and that all of it follows rotation, a restart of the sidecar and revocation.
 */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { status as grpcStatus, Metadata } from "@grpc/grpc-js";
import { SecretSchema } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "../../src/gen/envoy/service/discovery/v3/discovery_pb.js";
import {
  JWTBundlesRequestSchema,
  JWTSVIDRequestSchema,
  ValidateJWTSVIDRequestSchema,
  X509BundlesRequestSchema,
  X509SVIDRequestSchema,
} from "../../src/gen/spiffe/workload/workload_pb.js";
import { securityHeader, WorkloadApiClient } from "../support/workload-api-client.ts";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

const APP = `
console.log("endpoint " + process.env.SPIFFE_ENDPOINT_SOCKET + ".");
console.log("instance " + process.env.TULLE_INSTANCE + ".");
console.log("admin " + process.env.TULLE_SIDECAR_ADMIN + ".");
require("node:http").createServer((request, response) => response.end("ok")).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const ID = "spiffe://tulle.local/ns/default/sa/catalog";
const DOMAIN = "spiffe://tulle.local";

let home: TulleHome;
let up: TulleProcess;
let path: string;
let admin: string;
let api: WorkloadApiClient;

before(async () => {
  home = await TulleHome.create();
  await writeFile(join(home.path, "app.js"), APP);
  const services = { catalog: { command: ["node", "app.js"], port: "auto", workloadApi: true } };
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify({ mesh: "api", services }));
  up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  const [, endpoint = ""] = await up.waitFor(/endpoint (\S+)\./);
  [, admin = ""] = await up.waitFor(/admin (\S+)\./);
  path = endpoint.replace("unix://", "");
  api = new WorkloadApiClient(endpoint);
});

after(async () => {
  api?.close();
  await home?.remove();
});

async function tulle(...words: readonly string[]): Promise<string> {
  const { code, output } = await home.start([...words, "--mesh", "api"]).ended;
  assert.equal(code, 0, output);
  return output;
}

const refusedWith = (code: grpcStatus, details: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Error && "code" in error && "details" in error, String(error));
  assert.deepEqual(
    [grpcStatus[error.code as number], true],
    [grpcStatus[code], details.test(String(error.details))],
    String(error.details),
  );
  return true;
};

const certificates = () => api.follow("fetchX509SVID", create(X509SVIDRequestSchema));
const token = (audience: readonly string[], spiffeId = "") =>
  api.ask("fetchJWTSVID", create(JWTSVIDRequestSchema, { audience: [...audience], spiffeId }));
const validate = (audience: string, svid: string) =>
  api.ask("validateJWTSVID", create(ValidateJWTSVIDRequestSchema, { audience, svid }));

test("the socket is its owner's alone, and absolute", () => {
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(path.startsWith("/"));
});

test("a certificate with a key of its own, and the roots that it is under", async () => {
  const stream = certificates();
  const { svids, federatedBundles } = await stream.next();
  stream.cancel();
  const [svid] = svids;
  assert.ok(svids.length === 1 && svid !== undefined);
  assert.equal(svid.spiffeId, ID);
  assert.deepEqual(federatedBundles, {});
  const certificate = new X509Certificate(svid.x509Svid);
  assert.equal(certificate.subjectAltName, `URI:${ID}`);
  assert.ok(certificate.verify(new X509Certificate(svid.bundle).publicKey));
  const key = createPrivateKey({
    key: Buffer.from(svid.x509SvidKey),
    format: "der",
    type: "pkcs8",
  });
  assert.deepEqual(
    createPublicKey(key).export({ format: "der", type: "spki" }),
    certificate.publicKey.export({ format: "der", type: "spki" }),
  );
  // Both hold one: the sidecar, and the app.
  const listed = JSON.parse(await tulle("ca", "status", "-o", "json"));
  const held = (listed.certificates as { spiffeId: string; serial: string }[])
    .filter(({ spiffeId }) => spiffeId === ID)
    .map(({ serial }) => BigInt(`0x${serial}`));
  assert.equal(held.length, 2);
  assert.ok(held.includes(BigInt(`0x${certificate.serialNumber}`)));
});

test("bundles, by trust domain", async () => {
  const x509 = api.follow("fetchX509Bundles", create(X509BundlesRequestSchema));
  const jwt = api.follow("fetchJWTBundles", create(JWTBundlesRequestSchema));
  const { bundles } = await x509.next();
  assert.deepEqual(Object.keys(bundles), [DOMAIN]);
  const keys = await jwt.next();
  const [document] = Object.values(keys.bundles);
  assert.deepEqual(Object.keys(keys.bundles), [DOMAIN]);
  const [key] = JSON.parse(Buffer.from(document ?? []).toString()).keys;
  assert.equal(key.kty, "EC");
  x509.cancel();
  jwt.cancel();
});

test("tokens: made, kept, validated, refused", async () => {
  const { svids } = await token(["orders", "billing"]);
  const [svid] = svids;
  assert.ok(svid);
  assert.equal(svid.spiffeId, ID);
  assert.equal((await token(["orders", "billing"])).svids[0]?.svid, svid.svid);
  assert.notEqual((await token(["orders"])).svids[0]?.svid, svid.svid);
  const { spiffeId, claims } = await validate("billing", svid.svid);
  assert.equal(spiffeId, ID);
  assert.deepEqual(claims?.["aud"], ["orders", "billing"]);
  const { INVALID_ARGUMENT, PERMISSION_DENIED } = grpcStatus;
  await assert.rejects(token([]), refusedWith(INVALID_ARGUMENT, /audience/));
  await assert.rejects(
    token(["a"], `${ID}-other`),
    refusedWith(PERMISSION_DENIED, /no other identity/),
  );
  await assert.rejects(validate("x", svid.svid), refusedWith(INVALID_ARGUMENT, /another audience/));
  await assert.rejects(validate("", svid.svid), refusedWith(INVALID_ARGUMENT, /required/));
  await assert.rejects(
    validate("billing", `${svid.svid.slice(0, -8)}AAAAAAAA`),
    refusedWith(INVALID_ARGUMENT, /verification fails|Base64/),
  );
});

test("without the header nothing is answered", async () => {
  const refused = refusedWith(grpcStatus.INVALID_ARGUMENT, /workload\.spiffe\.io/);
  for (const metadata of [new Metadata(), securityHeader("false"), securityHeader("TRUE")]) {
    const stream = api.follow("fetchX509SVID", create(X509SVIDRequestSchema), metadata);
    await assert.rejects(stream.next(), refused);
    const request = create(JWTSVIDRequestSchema, { audience: ["a"] });
    await assert.rejects(api.ask("fetchJWTSVID", request, metadata), refused);
  }
});

test("secrets for an Envoy beside the app, by SPIRE's names", async () => {
  const stream = api.secrets();
  stream.on("error", () => {});
  stream.write(
    create(DiscoveryRequestSchema, { resourceNames: ["default", "ROOTCA", "ALL", ID, DOMAIN] }),
  );
  const [response] = (await once(stream, "data")) as [DiscoveryResponse];
  const secrets = response.resources.map(({ value }) => fromBinary(SecretSchema, value));
  assert.deepEqual(
    secrets.map(({ name, type }) => [name, type.case]),
    [
      ["default", "tlsCertificate"],
      ["ROOTCA", "validationContext"],
      ["ALL", "validationContext"],
      [ID, "tlsCertificate"],
      [DOMAIN, "validationContext"],
    ],
  );
  stream.write(create(DiscoveryRequestSchema, { resourceNames: ["other"] }));
  const [error] = (await once(stream, "error")) as [Error];
  refusedWith(grpcStatus.INVALID_ARGUMENT, /no secret "other"/)(error);
});

test("a rotation of the root reaches open streams, and waits for what the app holds", async () => {
  const stream = certificates();
  const before = await stream.next();
  const output = await tulle("ca", "rotate");
  assert.match(output, /retire/);
  const root = Buffer.from(before.svids[0]?.bundle ?? []);
  const after = await stream.next(
    ({ svids }) => !Buffer.from(svids[0]?.bundle ?? []).includes(root),
  );
  const [svid] = after.svids;
  assert.ok(svid);
  assert.ok(new X509Certificate(svid.x509Svid).verify(new X509Certificate(svid.bundle).publicKey));
  stream.cancel();
});

test("the process that takes over from a sidecar serves the same socket", async () => {
  const stream = certificates();
  await stream.next();
  const [, instance = ""] = await up.waitFor(/instance (\S+)\./);
  await tulle("proxy", "restart", instance);
  await assert.rejects(stream.next(), refusedWith(grpcStatus.UNAVAILABLE, /./));
  const again = certificates();
  const { svids } = await again.next();
  assert.equal(svids[0]?.spiffeId, ID);
  again.cancel();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("calls are counted", async () => {
  const stream = certificates();
  await stream.next();
  const metrics = await (await fetch(`http://${admin}/stats/prometheus`)).text();
  assert.match(metrics, /tulle_workload_api_streams 1\n/);
  assert.match(metrics, /tulle_workload_api_certificate_expiry_timestamp_seconds [1-9]/);
  assert.match(
    metrics,
    /tulle_workload_api_calls_total\{method="FetchX509SVID",code="CANCELLED"\} 1\n/,
  );
  stream.cancel();
});

test("a revoked identity gets nothing any more", async () => {
  const stream = certificates();
  await stream.next();
  await tulle("ca", "revoke", ID);
  await assert.rejects(stream.next(), refusedWith(grpcStatus.PERMISSION_DENIED, /revoked/));
  await assert.rejects(token(["orders"]), refusedWith(grpcStatus.PERMISSION_DENIED, /revoked/));
});
