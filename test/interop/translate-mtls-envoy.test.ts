/**
 * Mutual TLS as translation sets it up, between Envoys: an outbound listener of one proxy leads to the inbound
 * listener of another, each with its own certificate, and somebody else's certificate is refused by both sides.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { systemClock } from "../../src/core/clock.ts";
import { createTestAuthority, issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import { formatCertificatesPem } from "../../src/identity/pem.ts";
import type { MeshSnapshot, ProxyScope } from "../../src/translate/mesh-snapshot.ts";
import { spiffeId } from "../../src/translate/names.ts";
import { translateProxy } from "../../src/translate/translate.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { freePort } from "../support/free-port.ts";
import { snapshotOf, TEST_SCOPE, TEST_TRUST_DOMAIN } from "../support/mesh-fixture.ts";
import { staticBootstrap } from "../support/static-bootstrap.ts";
import { get, type StaticEnvoy, startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();

test("two Envoys speak mutual TLS and check each other", {
  skip: envoy.skip ?? false,
}, async (t) => {
  assert.ok(envoy.path !== undefined);
  const path = envoy.path;
  const seen: string[] = [];
  const app = createServer(({ url = "" }, response) => {
    seen.push(url);
    response.end(`app ${url}`);
  });
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  t.after(() => app.close());
  const appPort = (app.address() as AddressInfo).port;
  const mesh = meshOf({ appPort, inboundPort: await freePort(), servicePort: await freePort() });
  const start = async (scope: ProxyScope, serviceAccount: string): Promise<StaticEnvoy> => {
    const proxy = await startStaticEnvoy(path, mesh.resourcesFor(scope, serviceAccount));
    t.after(() => proxy.stop());
    return proxy;
  };
  const storefront = await start(TEST_SCOPE, "storefront");
  const outbound = storefront.portOf(mesh.outboundName);
  const server = await start(mesh.catalogScope, "catalog");
  const answer = await get(outbound, "/hello");
  assert.deepEqual([answer.status, answer.body], [200, "app /hello"]);

  await server.stop();
  const thief = await start(mesh.catalogScope, "thief");
  const refused = await get(outbound, "/to-thief");
  assert.equal(refused.status, 503, `a thief in catalog's place answered ${refused.body}`);
  await thief.stop();

  await start(mesh.catalogScope, "catalog");
  const stranger = await start(TEST_SCOPE_OF_STRANGER, "stranger of another mesh");
  const denied = await get(stranger.portOf(mesh.outboundName), "/from-stranger");
  assert.equal(denied.status, 503, `a stranger was answered ${denied.body}`);
  // The storefront gets through again: what was refused was the peer, not the path to it.
  assert.equal((await get(outbound, "/again")).status, 200);
  assert.deepEqual(seen, ["/hello", "/again"]);
});

/** What a caller in the mesh and one in plain text get, and what the app learns of the caller, as at our sidecars. */
const MODES = [
  { mode: "STRICT", isPlainAnswered: false, isCallerKnown: true },
  { mode: "PERMISSIVE", isPlainAnswered: true, isCallerKnown: true },
  { mode: "DISABLE", isPlainAnswered: true, isCallerKnown: false },
] as const;

for (const { mode, isPlainAnswered, isCallerKnown } of MODES) {
  test(`Envoy lets in whom ${mode} lets in`, { skip: envoy.skip ?? false }, async (t) => {
    assert.ok(envoy.path !== undefined);
    const path = envoy.path;
    const app = createServer(({ headers }, response) => {
      response.end(String(headers["x-forwarded-client-cert"] ?? "nobody"));
    });
    app.listen(0, "127.0.0.1");
    await once(app, "listening");
    t.after(() => app.close());
    const appPort = (app.address() as AddressInfo).port;
    const inboundPort = await freePort();
    const ports = { appPort, inboundPort, servicePort: await freePort() };
    const mesh = meshOf(ports, mode);
    const start = async (scope: ProxyScope, serviceAccount: string): Promise<StaticEnvoy> => {
      const proxy = await startStaticEnvoy(path, mesh.resourcesFor(scope, serviceAccount));
      t.after(() => proxy.stop());
      return proxy;
    };
    const storefront = await start(TEST_SCOPE, "storefront");
    await start(mesh.catalogScope, "catalog");
    const headers = { "x-forwarded-client-cert": "URI=spiffe://made/up" };
    const { status, body } = await get(storefront.portOf(mesh.outboundName), "/", { headers });
    assert.equal(status, 200);
    const known =
      /^By=spiffe:.*\/sa\/catalog;Hash=[0-9a-f]{64};Subject=".*";URI=spiffe:.*\/sa\/storefront$/;
    assert.match(body, isCallerKnown ? known : /^nobody$/);
    const plain = get(inboundPort, "/", { headers }).then(
      (answer) => answer.body,
      () => "refused",
    );
    assert.equal(await plain, isPlainAnswered ? "nobody" : "refused");
  });
}

/** Binds nothing that the storefront binds. */
const TEST_SCOPE_OF_STRANGER: ProxyScope = { ...TEST_SCOPE, nodeId: "stranger-1" };

function meshOf(
  ports: {
    readonly appPort: number;
    readonly inboundPort: number;
    readonly servicePort: number;
  },
  mode = "UNSET",
) {
  const catalogPort = { name: "http", port: ports.appPort, inboundPort: ports.inboundPort };
  const text = `
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec: {selector: {app: catalog}, ports: [{name: http, port: ${ports.servicePort}, targetPort: http}]}
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: catalog-1, labels: {app: catalog}}
spec:
  address: 127.0.0.1
  serviceAccount: catalog
  ports: [${JSON.stringify(catalogPort)}]
---
apiVersion: mesh.tulle.dev/v1
kind: PeerAuthentication
metadata: {name: catalog}
spec: {selector: {matchLabels: {app: catalog}}, mtls: {mode: ${mode}}}
`;
  const { authority } = createTestAuthority(TEST_TRUST_DOMAIN, systemClock);
  const otherAuthority = createTestAuthority(TEST_TRUST_DOMAIN, systemClock).authority;
  const snapshot: MeshSnapshot = {
    ...snapshotOf(text, "mesh.yaml"),
    trustBundlePem: formatCertificatesPem([authority.certificate.der]),
  };
  const outboundName = `outbound|${ports.servicePort}||catalog.default.svc.${TEST_TRUST_DOMAIN}`;
  const catalogScope: ProxyScope = {
    ...TEST_SCOPE,
    nodeId: "catalog-1",
    labels: { app: "catalog" },
    address: "127.0.0.1",
    ports: [{ ...catalogPort, protocol: "http" }],
  };
  const resourcesFor = (scope: ProxyScope, serviceAccount: string): JsonObject => {
    const isStranger = serviceAccount.startsWith("stranger");
    const id = spiffeId(TEST_TRUST_DOMAIN, "default", isStranger ? "storefront" : serviceAccount);
    const svid = issueTestSvid(isStranger ? otherAuthority : authority, id);
    const own = { certificatePem: svid.certificateChainPem, privateKeyPem: svid.privateKeyPem };
    const bootstrap = staticBootstrap(translateProxy(snapshot, scope), scope.nodeId, own);
    const resources = bootstrap["static_resources"] as JsonObject;
    const direction = scope === catalogScope ? "inbound|" : "outbound|";
    const listeners = (resources["listeners"] as { name: string }[])
      .filter(({ name }) => name.startsWith(direction))
      .map((listener) => (scope === catalogScope ? listener : onAnyPort(listener, outboundName)));
    return { ...resources, listeners };
  };
  return { outboundName, catalogScope, resourcesFor };
}

function onAnyPort(listener: JsonObject, name: string): JsonObject {
  const address = { socket_address: { address: "127.0.0.1", port_value: 0 } };
  return { ...listener, name, address };
}
