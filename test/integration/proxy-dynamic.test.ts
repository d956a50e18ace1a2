/** What xDS brings, from bytes to bound listeners: order, refusals, repetition, and addresses that are taken. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { type DescMessage, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { BootstrapSchema } from "../../src/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { ClusterSchema } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/gen/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { configDump } from "../../src/proxy/admin/config-dump.ts";
import { statusOf } from "../../src/proxy/admin/proxy-status.ts";
import { messageRegistry } from "../../src/proxy/config/message-registry.ts";
import { DynamicResources } from "../../src/proxy/dynamic-resources.ts";
import type { ReceivedResource, ResourceUpdate } from "../../src/xds/resource-consumer.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../src/xds/type-urls.ts";
import {
  assignment,
  bootstrapOf,
  clusterJson,
  listenerJson,
  routeConfig,
  routeTo,
} from "../support/proxy-bootstrap.ts";
import { type LogLine, ProxyFixture } from "../support/proxy-fixture.ts";
import { idFor, keyPair, pemOf, rootOf, upstreamTls } from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const SCHEMAS: Readonly<Record<string, DescMessage>> = {
  [CLUSTER_TYPE_URL]: ClusterSchema,
  [ENDPOINT_TYPE_URL]: ClusterLoadAssignmentSchema,
  [LISTENER_TYPE_URL]: ListenerSchema,
  [ROUTE_TYPE_URL]: RouteConfigurationSchema,
  [SECRET_TYPE_URL]: SecretSchema,
};

class Mesh {
  readonly clock = new ManualClock();
  readonly proxy: ProxyFixture;
  readonly dynamic: DynamicResources;
  readonly log: LogLine[] = [];
  readonly wanted = new Map<string, Set<string>>();
  isReady = false;
  #version = 0;

  static async start(context: TestContext): Promise<Mesh> {
    return new Mesh(await ProxyFixture.start(context, bootstrapOf([], [])));
  }

  private constructor(proxy: ProxyFixture) {
    this.proxy = proxy;
    const { clock } = this;
    const sink = { write: (line: string) => this.log.push(JSON.parse(line)) };
    this.dynamic = new DynamicResources({
      proxy: proxy.dataPlane,
      log: createLogger({ clock, sink, threshold: { level: "info" }, format: "json" }),
      clock,
      prng: new SeededPrng(1),
      ownSecrets: new Set(["default"]),
      onReady: () => {
        this.isReady = true;
      },
    });
    this.dynamic.begin({
      subscribe: (type, names) => {
        const list = typeof names === "string" ? [names] : names;
        this.wanted.set(type, new Set([...(this.wanted.get(type) ?? []), ...list]));
      },
      unsubscribe: (type, names) => {
        for (const name of names) this.wanted.get(type)?.delete(name);
      },
    });
  }

  /** What is wrong with each, `name: path: message`. */
  update(typeUrl: string, resources: readonly JsonObject[], removed: readonly string[] = []) {
    const changed = resources.map((json) =>
      this.#received(String(json["name"] ?? json["cluster_name"]), typeUrl, json),
    );
    return this.#told({ typeUrl, changed, removed });
  }

  /** The same for one that is delivered under a name which need not be its own. */
  updateAs(name: string, typeUrl: string, json: JsonObject): readonly string[] {
    return this.#told({ typeUrl, changed: [this.#received(name, typeUrl, json)], removed: [] });
  }

  #received(name: string, typeUrl: string, json: JsonObject): ReceivedResource {
    this.#version += 1;
    const schema = SCHEMAS[typeUrl];
    assert.ok(schema);
    const bytes = toBinary(schema, fromJson(schema, json, { registry: messageRegistry }));
    return { name, version: String(this.#version), bytes };
  }

  #told(update: ResourceUpdate): readonly string[] {
    const errors = this.dynamic.onUpdate(update);
    return errors.map(({ name, message }) => `${name}: ${message}`);
  }

  /** Binding takes some turns. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
  }

  dump(): string {
    return JSON.stringify(
      configDump(
        {
          bootstrap: fromJson(BootstrapSchema, {}),
          applied: (typeUrl) => this.dynamic.applied(typeUrl),
          status: statusOf(this.proxy.dataPlane, this.dynamic),
        },
        true,
      ),
    );
  }
}

const EDS_CLUSTER: JsonObject = {
  name: "app",
  type: "EDS",
  eds_cluster_config: {
    service_name: "app-endpoints",
    eds_config: { ads: {}, resource_api_version: "V3" },
  },
};

const RDS_LISTENER = listenerJson({
  routes: [],
  manager: {
    rds: { route_config_name: "routes", config_source: { ads: {}, resource_api_version: "V3" } },
  },
});

test("a listener is bound when its routes are there, and ready is told when nothing is awaited", async (context) => {
  const app = await RawUpstream.echo(context);
  const mesh = await Mesh.start(context);
  assert.deepEqual(mesh.update(CLUSTER_TYPE_URL, [EDS_CLUSTER]), []);
  assert.deepEqual(mesh.update(LISTENER_TYPE_URL, [RDS_LISTENER]), []);
  assert.deepEqual([...(mesh.wanted.get(ENDPOINT_TYPE_URL) ?? [])], ["app-endpoints"]);
  assert.deepEqual([...(mesh.wanted.get(ROUTE_TYPE_URL) ?? [])], ["routes"]);
  assert.deepEqual(mesh.dynamic.warming, ["main"]);
  assert.match(mesh.dump(), /warming_state/);
  assert.deepEqual(mesh.update(ENDPOINT_TYPE_URL, [assignment("app-endpoints", [app.port])]), []);
  assert.equal(mesh.isReady, false);
  assert.deepEqual(mesh.update(ROUTE_TYPE_URL, [routeConfig("app")]), []);
  await mesh.until(() => mesh.isReady);
  const client = await RawClient.connect(mesh.proxy.port());
  assert.equal((await client.get("/hi").response()).body, "/hi");
  client.close();
  assert.match(mesh.dump(), /active_state/);
  // What nothing refers to any more is not asked for any more.
  mesh.update(CLUSTER_TYPE_URL, [], ["app"]);
  mesh.update(LISTENER_TYPE_URL, [], ["main"]);
  assert.equal(mesh.wanted.get(ENDPOINT_TYPE_URL)?.size, 0);
  assert.equal(mesh.wanted.get(ROUTE_TYPE_URL)?.size, 0);
  await mesh.until(() => mesh.proxy.dataPlane.listeners.size === 0);
});

test("what is refused leaves what was before, and every error has its path", async (context) => {
  const app = await RawUpstream.echo(context);
  const mesh = await Mesh.start(context);
  const cluster = clusterJson({ name: "app", endpoints: [app.port] });
  assert.deepEqual(mesh.update(CLUSTER_TYPE_URL, [cluster]), []);
  const errors = mesh.update(CLUSTER_TYPE_URL, [
    { ...cluster, lb_policy: "MAGLEV", use_tcp_for_dns_lookups: true },
    clusterJson({ name: "good", endpoints: [] }),
  ]);
  assert.deepEqual(
    errors.map((error) => error.split(": ").slice(0, 2).join(": ")),
    ["app: use_tcp_for_dns_lookups"],
  );
  assert.ok(mesh.proxy.dataPlane.clusters.has("good"));
  assert.equal(mesh.proxy.dataPlane.clusters.get("app")?.endpoints.length, 1);
  const garbage = mesh.dynamic.onUpdate({
    typeUrl: CLUSTER_TYPE_URL,
    changed: [{ name: "app", version: "9", bytes: new Uint8Array([255, 255, 255]) }],
    removed: [],
  });
  assert.match(garbage[0]?.message ?? "", /malformed/);
});

test("a resource whose own name is another is refused, and takes nobody's place", async (context) => {
  const app = await RawUpstream.echo(context);
  const mesh = await Mesh.start(context);
  mesh.update(CLUSTER_TYPE_URL, [clusterJson({ name: "app", endpoints: [app.port] })]);
  mesh.update(LISTENER_TYPE_URL, [listenerJson({ routes: [routeTo("app")] })]);
  await mesh.until(() => mesh.isReady);
  // Clusters with endpoints of their own, and listeners with routes of theirs, ask for none, by no name.
  const nameless: readonly (readonly [string, JsonObject, string])[] = [
    [ENDPOINT_TYPE_URL, assignment("", [1]), "cluster_name: a name is required"],
    [ROUTE_TYPE_URL, { ...routeConfig("other"), name: "" }, "name: a name is required"],
  ];
  for (const [typeUrl, json, expected] of nameless) {
    assert.deepEqual(mesh.updateAs("asked", typeUrl, json), [`asked: ${expected}`]);
  }
  const wrong = mesh.updateAs(
    "asked",
    CLUSTER_TYPE_URL,
    clusterJson({ name: "app", endpoints: [] }),
  );
  assert.deepEqual(wrong, ["asked: name: is app, but the resource came as asked"]);
  const client = await RawClient.connect(mesh.proxy.port());
  assert.equal((await client.get("/hi").response()).body, "/hi");
  client.close();
});

test("a resource that is repeated unchanged costs no connection", async (context) => {
  const app = await RawUpstream.echo(context);
  const mesh = await Mesh.start(context);
  const cluster = clusterJson({ name: "app", endpoints: [app.port] });
  mesh.update(CLUSTER_TYPE_URL, [cluster]);
  mesh.update(LISTENER_TYPE_URL, [listenerJson({ routes: "app" })]);
  await mesh.until(() => mesh.proxy.dataPlane.listeners.size === 1);
  const client = await RawClient.connect(mesh.proxy.port());
  await client.get().response();
  mesh.update(CLUSTER_TYPE_URL, [cluster]);
  mesh.update(LISTENER_TYPE_URL, [listenerJson({ routes: "app" })]);
  await client.get().response();
  assert.equal(app.connections.length, 1);
  assert.equal(mesh.dynamic.applied(CLUSTER_TYPE_URL).get("app")?.version, "3");
  client.close();
});

test("an address that is taken is tried again, and everybody is told", async (context) => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  const mesh = await Mesh.start(context);
  const listener = listenerJson({ routes: "app", port });
  mesh.update(CLUSTER_TYPE_URL, []);
  mesh.update(LISTENER_TYPE_URL, [listener, listenerJson({ name: "other", routes: "app" })]);
  await mesh.until(() => mesh.isReady);
  const reason = `cannot listen on 127.0.0.1:${port}: address already in use`;
  assert.equal(mesh.dynamic.bindErrors.get("main")?.reason, reason);
  assert.match(mesh.dump(), new RegExp(`"error_state":.*${reason}`));
  assert.ok(mesh.proxy.dataPlane.listeners.has("other"));
  const told = (): number => mesh.log.filter((line) => line["reason"] === reason).length;
  assert.equal(told(), 1);
  for (let i = 0; i < 3; i++) {
    const { atMs } = mesh.dynamic.bindErrors.get("main") ?? { atMs: 0 };
    mesh.clock.advance(30_000);
    await mesh.until(() => (mesh.dynamic.bindErrors.get("main")?.atMs ?? 0) > atMs);
  }
  assert.equal(told(), 1, "once, not each time");
  await once(holder.close(), "close");
  mesh.clock.advance(30_000);
  await mesh.until(() => mesh.proxy.dataPlane.listeners.has("main"));
  assert.equal(mesh.dynamic.bindErrors.size, 0);
  assert.doesNotMatch(mesh.dump(), /error_state/);
  assert.equal(mesh.clock.pendingCount, 0);
});

test("a listener that is removed while its address is taken is not tried again", async (context) => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  context.after(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  const mesh = await Mesh.start(context);
  mesh.update(LISTENER_TYPE_URL, [listenerJson({ routes: "app", port })]);
  await mesh.until(() => mesh.dynamic.bindErrors.size === 1);
  mesh.update(LISTENER_TYPE_URL, [], ["main"]);
  assert.equal(mesh.dynamic.bindErrors.size, 0);
  assert.equal(mesh.clock.pendingCount, 0);
});

test("secrets that cannot be used are refused, and none of a key is in a dump", async (context) => {
  const mesh = await Mesh.start(context);
  const root = rootOf();
  const { cert, key } = keyPair(root, [idFor("app")]);
  mesh.update(CLUSTER_TYPE_URL, [
    clusterJson({ name: "app", endpoints: [1], tls: upstreamTls(idFor("app")) }),
    clusterJson({
      name: "contained",
      endpoints: [1],
      tls: {
        common_tls_context: {
          tls_certificates: [
            { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } },
          ],
        },
      },
    }),
  ]);
  assert.deepEqual([...(mesh.wanted.get(SECRET_TYPE_URL) ?? [])], ["ROOTCA"]);
  const bad = mesh.update(SECRET_TYPE_URL, [
    {
      name: "ROOTCA",
      tls_certificate: {
        certificate_chain: { inline_string: cert },
        private_key: { inline_string: "no key" },
      },
    },
  ]);
  assert.equal(bad.length, 1);
  assert.doesNotMatch(bad[0] ?? "", /no key/);
  const good = mesh.update(SECRET_TYPE_URL, [
    { name: "ROOTCA", validation_context: { trusted_ca: { inline_string: pemOf(root) } } },
  ]);
  assert.deepEqual(good, []);
  const dump = mesh.dump();
  assert.match(dump, /"contained"/);
  assert.doesNotMatch(dump, /PRIVATE KEY/);
  assert.match(dump, /\[redacted\]/);
});
