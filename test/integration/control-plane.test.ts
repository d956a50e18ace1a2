/** The control plane and stand-in sidecars in one process, on real sockets. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import type { ApiErrorBody } from "../../src/control-plane/api-error-types.ts";
import type {
  ApplyResponse,
  InstancesResponse,
  ResourceListResponse,
  ResourceObject,
  RevisionResponse,
} from "../../src/control-plane/api-types.ts";
import type { ControlPlane } from "../../src/control-plane/control-plane.ts";
import type {
  ProxiesResponse,
  ProxyConfigResponse,
  ProxyView,
} from "../../src/control-plane/proxy-types.ts";
import { systemClock } from "../../src/core/clock.ts";
import { hasCode, messageOf } from "../../src/core/errors.ts";
import { CertificateClient } from "../../src/identity/certificate-client.ts";
import { createCsr } from "../../src/identity/csr.ts";
import { parseTrustBundlePem, TrustBundleSet } from "../../src/identity/trust-bundle.ts";
import { CLUSTER_TYPE_URL, LISTENER_TYPE_URL, ROUTE_TYPE_URL } from "../../src/xds/type-urls.ts";
import {
  callApi,
  INBOUND_PORT,
  joinToken,
  StandInSidecar,
  serviceYaml,
  startControlPlane,
  TRUST_DOMAIN,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";

const TIMEOUT = { timeout: 30_000 };
const CATALOG_CLUSTER = `outbound|80||catalog.default.svc.${TRUST_DOMAIN}`;

const SPLIT = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: catalog}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog}]
  rules:
    - backendRefs:
        - {name: catalog, port: 80, weight: 90}
        - {name: cart, port: 80, weight: 10}
`;

const folder = temporaryFolder();
let controlPlane: ControlPlane;
const sidecars: StandInSidecar[] = [];

before(async () => {
  controlPlane = await startControlPlane(folder.path);
  await apply(serviceYaml("catalog") + serviceYaml("cart"));
});

after(async () => {
  for (const sidecar of sidecars) await sidecar.stop();
  await controlPlane.stop(100);
  folder.remove();
});

function sidecar(
  id: string,
  service: string,
  block: number,
  more: Partial<ConstructorParameters<typeof StandInSidecar>[0]> = {},
): StandInSidecar {
  const made = new StandInSidecar({ file: controlPlane.file, id, service, block, ...more });
  sidecars.push(made);
  return made;
}

async function apply(text: string, dryRun = false): Promise<ApplyResponse> {
  const body = { files: [{ name: "test.yaml", text }], dryRun };
  const answer = await callApi<ApplyResponse>(controlPlane.file, "POST", "/api/v1/apply", { body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

async function get<T>(path: string): Promise<T> {
  const { status, body } = await callApi<T>(controlPlane.file, "GET", path);
  assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
  return body;
}

function waitFor(revision: number): Promise<RevisionResponse> {
  return get(`/api/v1/revisions/${revision}?waitSeconds=20`);
}

test("a sidecar joins, gets its configuration, and others see its endpoint", TIMEOUT, async () => {
  const catalog = sidecar("catalog-v1-a", "catalog", 1);
  const cart = sidecar("cart-a", "cart", 2);
  await Promise.all([catalog.start(), cart.start()]);
  await cart.until(() => cart.endpoints("catalog").length === 1);
  assert.deepEqual(cart.endpoints("catalog"), [`${catalog.address}:${INBOUND_PORT}`]);
  assert.ok(cart.names(CLUSTER_TYPE_URL).includes(CATALOG_CLUSTER));
  await cart.until(() => cart.names(ROUTE_TYPE_URL).includes(CATALOG_CLUSTER));
  // Its own inbound listener, an outbound one for each Service, and one for name queries.
  assert.equal(cart.names(LISTENER_TYPE_URL).length, 4);
  const { instances } = await get<InstancesResponse>("/api/v1/instances");
  assert.deepEqual(
    instances.map(({ name, state, services }) => [name, state, services]),
    [
      ["cart-a", "healthy", ["cart"]],
      ["catalog-v1-a", "healthy", ["catalog"]],
    ],
  );
});

test("an applied route is acknowledged by every proxy, and the wait says so", TIMEOUT, async () => {
  const { revision, objects, findings } = await apply(SPLIT);
  assert.deepEqual(objects[0]?.action, "created");
  assert.deepEqual(findings, []);
  const status = await waitFor(revision);
  assert.equal(status.done, true, JSON.stringify(status));
  assert.deepEqual(status.acknowledged, ["cart-a", "catalog-v1-a"]);
  const { proxies } = await get<ProxiesResponse>("/api/v1/proxies");
  for (const proxy of proxies) {
    assert.equal(proxy.connected, true);
    assert.ok(proxy.acknowledgedRevision >= revision);
    assert.equal(proxy.protocol, "delta");
  }
  const config = await get<ProxyConfigResponse>("/api/v1/proxies/cart-a/config");
  const routes = config.types.find(({ type }) => type === "rds")?.resources;
  assert.match(JSON.stringify(routes?.find(({ name }) => name === CATALOG_CLUSTER)), /"weight":90/);
  assert.equal((await apply(SPLIT)).objects[0]?.action, "unchanged");
});

test(
  "the route's status says that it is accepted, without changing its generation",
  TIMEOUT,
  async () => {
    const path = "/api/v1/resources/HTTPRoute/default/catalog";
    const isJudged = (route: ResourceObject) => route.status?.["parents"] !== undefined;
    let route = await get<ResourceObject>(path);
    // Each turn waits for a revision that does not exist before something is written.
    for (let next = Number(route.metadata.resourceVersion); !isJudged(route); next += 1) {
      await waitFor(next);
      route = await get<ResourceObject>(path);
    }
    assert.match(JSON.stringify(route.status), /"type":"Accepted","status":"True"/);
    assert.equal((route.metadata as { generation?: number }).generation, 1);
  },
);

test("a dry run judges everything and writes nothing", TIMEOUT, async () => {
  const before = await get<ResourceListResponse>("/api/v1/resources/httproutes");
  const text = SPLIT.replace("name: cart, port: 80", "name: nobody, port: 80");
  const answer = await apply(text, true);
  assert.equal(answer.dryRun, true);
  assert.equal(answer.objects[0]?.action, "configured");
  assert.deepEqual(
    answer.findings.map(({ code, severity }) => [code, severity]),
    [["backend-not-found", "error"]],
  );
  const later = await get<ResourceListResponse>("/api/v1/resources/httproutes");
  assert.deepEqual(later.items, before.items);
});

test(
  "documents that break their schema are refused whole, each violation placed",
  TIMEOUT,
  async () => {
    const bad = SPLIT.replace("weight: 90", "wieght: 90").replace(
      "port: 80, weight: 10",
      "port: 0",
    );
    const body = { files: [{ name: "bad.yaml", text: serviceYaml("fresh") + bad }] };
    const answer = await callApi<ApiErrorBody>(controlPlane.file, "POST", "/api/v1/apply", {
      body,
    });
    assert.equal(answer.status, 422);
    const { violations } = answer.body.error.details as {
      violations: readonly { path: string; line: number; nearest?: string; file: string }[];
    };
    assert.deepEqual(
      violations.map(({ path, nearest }) => [path, nearest]),
      [
        ["spec.rules[0].backendRefs[0].wieght", "weight"],
        ["spec.rules[0].backendRefs[1].port", undefined],
      ],
    );
    assert.ok(violations.every(({ line, file }) => line > 8 && file === "bad.yaml"));
    const fresh = "/api/v1/resources/service/default/fresh";
    assert.equal((await callApi(controlPlane.file, "GET", fresh)).status, 404);
  },
);

test("an instance whose app fails leaves the endpoints and comes back", TIMEOUT, async () => {
  const [catalog, cart] = sidecars as [StandInSidecar, StandInSidecar];
  catalog.report("unhealthy");
  await cart.until(() => cart.endpoints("catalog").length === 0);
  catalog.report("healthy");
  await cart.until(() => cart.endpoints("catalog").length === 1);
});

test("a cut stream takes the endpoint away from others at once", TIMEOUT, async () => {
  const [, cart] = sidecars as [StandInSidecar, StandInSidecar];
  const second = sidecar("catalog-v1-b", "catalog", 3);
  await second.start();
  await cart.until(() => cart.endpoints("catalog").length === 2);
  const startMs = performance.now();
  await second.stop();
  await cart.until(() => cart.endpoints("catalog").length === 1);
  // The grace period is 30 s: whatever the machine's load, this was not it.
  assert.ok(performance.now() - startMs < 10_000);
  const { instances } = await get<InstancesResponse>("/api/v1/instances");
  assert.equal(instances.find(({ name }) => name === "catalog-v1-b")?.state, "suspect");
});

test("a refused configuration is named by the wait, with proxy and reason", TIMEOUT, async () => {
  const fussy = sidecar("cart-fussy", "cart", 4);
  fussy.refusals.set(LISTENER_TYPE_URL, "spec.port: no such thing here");
  await fussy.start();
  const { revision } = await apply(serviceYaml("orders"));
  const status = await waitFor(revision);
  assert.equal(status.done, false);
  assert.equal(status.refused[0]?.proxy, "cart-fussy");
  assert.equal(status.refused[0]?.type, "lds");
  assert.match(status.refused[0]?.message ?? "", /no such thing here/);
  const view = await get<ProxyView>("/api/v1/proxies/cart-fussy");
  assert.equal(view.sync, "refused");
  await fussy.stop();
});

test("a join token works once", TIMEOUT, async () => {
  const { token, trustBundlePem, spiffeId } = await joinToken(controlPlane.file, "users");
  assert.equal(spiffeId, `spiffe://${TRUST_DOMAIN}/ns/default/sa/users`);
  const client = new CertificateClient({
    address: controlPlane.file.xdsAddress,
    serverSpiffeId: `spiffe://${TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`,
    clock: systemClock,
  });
  const bundles = new TrustBundleSet([parseTrustBundlePem(TRUST_DOMAIN, trustBundlePem)]);
  const sign = () =>
    client.sign({
      csrDer: createCsr(generateKeyPairSync("ec", { namedCurve: "P-256" })),
      identity: { svid: undefined, bundles },
      joinToken: token,
    });
  assert.equal((await sign()).spiffeId, spiffeId);
  await assert.rejects(
    sign(),
    (error) =>
      hasCode(error, "certificate-request-failed") && /used already/.test(messageOf(error)),
  );
});

test("a proxy that says it is somebody else is refused with the reason", TIMEOUT, async () => {
  const impostor = sidecar("payments-x", "payments", 5, {
    serviceAccount: "users",
    metadata: { SERVICE_ACCOUNT: "payments" },
  });
  await impostor.agent.start();
  await impostor.agent.whenReady();
  impostor.ads.subscribe(CLUSTER_TYPE_URL, "*");
  impostor.ads.start();
  while (impostor.ads.state.lastError === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { message } = impostor.ads.state.lastError;
  assert.match(message, /SERVICE_ACCOUNT "payments".*sa\/users/);
  const { instances } = await get<InstancesResponse>("/api/v1/instances");
  assert.ok(instances.every(({ name }) => name !== "payments-x"));
  await impostor.stop();
});

test("a name that is leased is not given to another service account", TIMEOUT, async () => {
  const thief = sidecar("catalog-v1-a", "users", 6);
  await thief.agent.start();
  await thief.agent.whenReady();
  thief.ads.subscribe(CLUSTER_TYPE_URL, "*");
  thief.ads.start();
  while (thief.ads.state.lastError === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(thief.ads.state.lastError.message, /connected already/);
  await thief.stop();
});

test("a drained instance is gone as soon as its sidecar is", TIMEOUT, async () => {
  const [catalog, cart] = sidecars as [StandInSidecar, StandInSidecar];
  catalog.report("draining");
  await cart.until(() => cart.endpoints("catalog").length === 0);
  await catalog.stop();
  let { instances } = await get<InstancesResponse>("/api/v1/instances");
  while (instances.some(({ name }) => name === "catalog-v1-a")) {
    ({ instances } = await get<InstancesResponse>("/api/v1/instances"));
  }
});
