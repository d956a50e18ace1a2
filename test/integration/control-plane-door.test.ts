/** T30 on the port that proxies use: authenticated before anything is parsed, and everybody sees only what is theirs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, Metadata, type StatusObject, status } from "@grpc/grpc-js";
import type { JoinTokenResponse } from "../../src/control-plane/api-types.ts";
import type { ControlPlane } from "../../src/control-plane/control-plane.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createMeshChannelCredentials } from "../../src/identity/grpc-credentials.ts";
import { parseTrustBundlePem, TrustBundleSet } from "../../src/identity/trust-bundle.ts";
import { DELTA_AGGREGATED_RESOURCES } from "../../src/xds/grpc-bytes.ts";
import {
  CLUSTER_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../src/xds/type-urls.ts";
import {
  callApi,
  joinToken,
  StandInSidecar,
  serviceYaml,
  startControlPlane,
  TRUST_DOMAIN,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";

const TIMEOUT = { timeout: 30_000 };
const SIGN = "/tulle.ca.v1.CertificateService/SignCertificate";
const folder = temporaryFolder();
let controlPlane: ControlPlane;
let grant: JoinTokenResponse;

before(async () => {
  controlPlane = await startControlPlane(folder.path);
  grant = await joinToken(controlPlane.file, "stranger");
  await apply(`${serviceYaml("catalog")}${serviceYaml("orders")}`);
});

after(async () => {
  await controlPlane.stop(100);
  folder.remove();
});

async function apply(text: string): Promise<void> {
  const body = { files: [{ name: "a.yaml", text }] };
  const answer = await callApi(controlPlane.file, "POST", "/api/v1/apply", { body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

/** A client that trusts the control plane and shows no certificate. */
function stranger(): Client {
  const bundles = new TrustBundleSet([parseTrustBundlePem(TRUST_DOMAIN, grant.trustBundlePem)]);
  return new Client(
    controlPlane.file.xdsAddress,
    createMeshChannelCredentials({
      getIdentity: () => ({ svid: undefined, bundles }),
      expectedServerIds: [`spiffe://${TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`],
      clock: systemClock,
    }),
  );
}

const asIs = (bytes: Buffer): Buffer => bytes;

test(
  "T30: a stream without a certificate ends before a message is read, or even sent",
  TIMEOUT,
  async () => {
    const client = stranger();
    for (const path of [
      DELTA_AGGREGATED_RESOURCES,
      "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
    ]) {
      const call = client.makeBidiStreamRequest(path, asIs, asIs);
      call.on("error", () => undefined);
      const ended = await new Promise<StatusObject>((resolve) => call.once("status", resolve));
      assert.equal(ended.code, status.UNAUTHENTICATED, path);
      assert.match(
        ended.details,
        /a workload certificate of tulle\.local is needed: no client cert/,
      );
    }
    client.close();
  },
);

test(
  "T30: a request for a certificate without a token that is known is not parsed",
  TIMEOUT,
  async () => {
    const client = stranger();
    // No message of protobuf: parsing it would end as INTERNAL.
    const garbage = Buffer.alloc(1024 * 1024, 0xff);
    for (const [token, reason] of [
      [undefined, /neither a join token nor a client certificate/],
      ["unknown.token", /unknown or was used already/],
      [`${grant.token.split(".")[0]}.guess`, /unknown or was used already/],
    ] as const) {
      const metadata = new Metadata();
      if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
      const ended = await new Promise<StatusObject>((resolve) => {
        client
          .makeUnaryRequest(SIGN, asIs, asIs, garbage, metadata, () => undefined)
          .on("status", resolve);
      });
      assert.equal(ended.code, status.UNAUTHENTICATED);
      assert.match(ended.details, reason);
    }
    client.close();
  },
);

test(
  "T30: a sidecar gets nothing of another service's by asking for its name",
  TIMEOUT,
  async () => {
    const { file } = controlPlane;
    const catalog = new StandInSidecar({ file, id: "catalog-a", service: "catalog", block: 50 });
    const orders = new StandInSidecar({ file, id: "orders-a", service: "orders", block: 51 });
    await Promise.all([catalog.start(), orders.start()]);
    await catalog.until(() => catalog.names(LISTENER_TYPE_URL).length > 0);
    await orders.until(() => orders.names(LISTENER_TYPE_URL).length > 0);
    const own = new Set(orders.names(LISTENER_TYPE_URL));
    const foreign = catalog.names(LISTENER_TYPE_URL).filter((name) => !own.has(name));
    // Names that both have lead to what is one's own.
    orders.ads.subscribe(LISTENER_TYPE_URL, catalog.names(LISTENER_TYPE_URL));
    orders.ads.subscribe(ROUTE_TYPE_URL, catalog.names(ROUTE_TYPE_URL));
    const identity = `spiffe://${TRUST_DOMAIN}/ns/default/sa/catalog`;
    orders.ads.subscribe(SECRET_TYPE_URL, ["default", identity, "catalog-a", "ca.key"]);
    // What was asked for is answered before what happens afterwards.
    await apply(serviceYaml("fence"));
    await orders.until(() => orders.names(CLUSTER_TYPE_URL).some((name) => name.includes("fence")));
    for (const name of foreign) assert.ok(!orders.names(LISTENER_TYPE_URL).includes(name), name);
    assert.deepEqual(orders.names(SECRET_TYPE_URL), ["ROOTCA"]);
    const listeners = Buffer.concat([...(orders.resources.get(LISTENER_TYPE_URL)?.values() ?? [])]);
    assert.ok(!listeners.includes(catalog.address), "the address of the other instance");
    await Promise.all([catalog.stop(), orders.stop()]);
  },
);

test("T30: a sidecar speaks for no other service, whatever its node says", TIMEOUT, async () => {
  const { file } = controlPlane;
  const liar = new StandInSidecar({
    file,
    id: "liar-a",
    service: "catalog",
    serviceAccount: "orders",
    block: 52,
    metadata: { SERVICE_ACCOUNT: "catalog" },
  });
  await liar.agent.start();
  await liar.agent.whenReady();
  const client = new Client(
    file.xdsAddress,
    createMeshChannelCredentials({
      getIdentity: () => liar.agent.channelIdentity,
      expectedServerIds: [`spiffe://${TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`],
      clock: systemClock,
    }),
  );
  const { DeltaDiscoveryRequestSchema } = await import(
    "../../src/gen/envoy/service/discovery/v3/discovery_pb.js"
  );
  const { create, toBinary } = await import("@bufbuild/protobuf");
  const message = create(DeltaDiscoveryRequestSchema, {
    node: liar.node,
    typeUrl: LISTENER_TYPE_URL,
  });
  const call = client.makeBidiStreamRequest(DELTA_AGGREGATED_RESOURCES, asIs, asIs);
  call.on("error", () => undefined);
  call.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)));
  const ended = await new Promise<StatusObject>((resolve) => call.once("status", resolve));
  assert.equal(ended.code, status.PERMISSION_DENIED);
  client.close();
  await liar.agent.stop();
});

test("T30: a namespace takes no host of another's away", TIMEOUT, async () => {
  const { file } = controlPlane;
  const sidecar = new StandInSidecar({ file, id: "caller-a", service: "caller", block: 53 });
  await sidecar.start();
  const host = `catalog.default.svc.${TRUST_DOMAIN}`;
  const name = `outbound|80||${host}`;
  const route = () => sidecar.resources.get(ROUTE_TYPE_URL)?.get(name);
  await sidecar.until(() => route() !== undefined);
  const before = route();
  await apply(`apiVersion: mesh.tulle.dev/v1
kind: ExternalService
metadata: {name: thief, namespace: evil}
spec: {hosts: [${host}, catalog.default], ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: thief, namespace: evil}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog, namespace: default}]
  rules: [{backendRefs: [{group: mesh.tulle.dev, kind: ExternalService, name: thief, port: 80}]}]
`);
  await sidecar.until(() =>
    sidecar.names(ROUTE_TYPE_URL).some((one) => one.includes("thief.evil")),
  );
  assert.deepEqual(route(), before);
  await sidecar.stop();
});
