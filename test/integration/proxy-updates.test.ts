/** Configuration that changes under load: whatever comes or goes, no request fails. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, fromJson } from "@bufbuild/protobuf";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../src/gen/envoy/config/route/v3/route_pb.js";
import { endpointInfo } from "../support/endpoint-info.ts";
import {
  bootstrapOf,
  clusterJson,
  type ListenerSpec,
  listenerJson,
  routeConfig,
  routeTo,
} from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
} from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

/** Answers with its name. */
async function named(context: TestContext, name: string): Promise<RawUpstream> {
  return await RawUpstream.start(context, { onRequest: (request) => request.reply(name) });
}

function routes(...clusters: readonly string[]): RouteConfiguration {
  const [only] = clusters;
  const route =
    clusters.length === 1
      ? routeTo(only ?? "")
      : {
          match: { prefix: "/" },
          route: {
            weighted_clusters: { clusters: clusters.map((name) => ({ name, weight: 1 })) },
          },
        };
  return fromJson(RouteConfigurationSchema, routeConfig([route], "routes"));
}

const RDS: ListenerSpec = {
  routes: [],
  manager: {
    rds: {
      route_config_name: "routes",
      config_source: { ads: {}, resource_api_version: "V3" },
    },
  },
};

/** Clients that ask as fast as they can, and fail the test when anything but 200 comes back. */
class Load {
  readonly answers = new Map<string, number>();
  readonly #workers: Promise<void>[];
  #isDone = false;
  count = 0;

  constructor(port: () => number, clients = 6) {
    this.#workers = Array.from({ length: clients }, () => this.#work(port));
  }

  async more(count: number): Promise<void> {
    const goal = this.count + count;
    while (this.count < goal) await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    this.#isDone = true;
    await Promise.all(this.#workers);
  }

  async #work(port: () => number): Promise<void> {
    while (!this.#isDone) {
      const client = await RawClient.connect(port());
      while (!this.#isDone) {
        client.get();
        const response = await client.response();
        assert.equal(response.status, 200, response.body);
        this.answers.set(response.body, (this.answers.get(response.body) ?? 0) + 1);
        this.count += 1;
        if (RawClient.closes(response)) break;
      }
      client.close();
    }
  }
}

test("routes, clusters and endpoints change 50 times without a failed request", async (context) => {
  const [a, b] = [await named(context, "a"), await named(context, "b")];
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [RDS],
      [
        { name: "a", endpoints: [a.port] },
        { name: "b", endpoints: [b.port] },
      ],
    ),
  );
  const { dataPlane } = proxy;
  assert.deepEqual(dataPlane.setRoutes(routes("a")), []);
  const load = new Load(() => proxy.port());
  const info = (port: number) => endpointInfo({ port });
  const changes = [
    () => dataPlane.setRoutes(routes("b")),
    () => dataPlane.setRoutes(routes("a", "b")),
    () => dataPlane.setCluster(proxy.cluster(clusterJson({ name: "a", endpoints: [a.port] }))),
    () => dataPlane.setEndpoints("a", [info(a.port), info(b.port)]),
    () => dataPlane.setEndpoints("a", [info(b.port)]),
    () => dataPlane.setEndpoints("a", [info(a.port)]),
    () => dataPlane.setRoutes(routes("a")),
  ];
  for (let i = 0; i < 50; i++) {
    changes[i % changes.length]?.();
    await load.more(30);
  }
  await load.stop();
  assert.ok((load.answers.get("a") ?? 0) > 100);
  assert.ok((load.answers.get("b") ?? 0) > 100);
});

test("a listener changes its HTTP part in place, connections included", async (context) => {
  const app = await named(context, "app");
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [app.port] }]),
  );
  const client = await RawClient.connect(proxy.port());
  assert.equal(headerOf(await client.get().response(), "server"), "tulle");
  const changed = { routes: "app", manager: { server_name: "other" } };
  await proxy.dataPlane.setListener(proxy.listener(listenerJson(changed)));
  assert.equal(headerOf(await client.get().response(), "server"), "other");
  client.close();
});

test("a listener that begins to ask for TLS keeps its port and cuts nobody off", async (context) => {
  const app = await named(context, "app");
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [app.port] }]),
  );
  const root = rootOf();
  setIdentity(proxy.dataPlane, keyPair(root, [idFor("app")]), [root]);
  const port = proxy.port();
  const before = await RawClient.connect(port);
  await before.get().response();
  const changed = { routes: "app", tls: DOWNSTREAM_TLS };
  await proxy.dataPlane.setListener(proxy.listener(listenerJson(changed)));
  assert.equal(proxy.port(), port);
  const last = await before.get().response();
  assert.equal(last.status, 200);
  assert.ok(RawClient.closes(last));
  const secure = await RawClient.connectTls(port, keyPair(root, [idFor("web")]));
  assert.equal((await secure.get().response()).body, "app");
  secure.close();
  const plain = await RawClient.connect(port);
  plain.get();
  await plain.ending();
  await proxy.dataPlane.setListener(proxy.listener(listenerJson({ routes: "app" })));
  const again = await RawClient.connect(port);
  assert.equal((await again.get().response()).body, "app");
  again.close();
});

test("a listener moves to another address and is removed without a failed request", async (context) => {
  const app = await named(context, "app");
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [app.port] }]),
  );
  const client = await RawClient.connect(proxy.port());
  await client.get().response();
  const json = listenerJson({ routes: "app" });
  const moved = {
    ...json,
    address: { socket_address: { address: "127.0.0.2", port_value: 0 } },
  };
  await proxy.dataPlane.setListener(proxy.listener(moved));
  const last = await client.get().response();
  assert.ok(RawClient.closes(last));
  const second = await RawClient.connect(proxy.port(), "127.0.0.2");
  await second.get().response();
  await proxy.dataPlane.removeListener("main");
  assert.ok(RawClient.closes(await second.get().response()));
  assert.equal(proxy.dataPlane.listeners.size, 0);
});

test("weighted clusters share requests by their weights", async (context) => {
  const [a, b] = [await named(context, "a"), await named(context, "b")];
  const split = {
    match: { prefix: "/" },
    route: {
      weighted_clusters: {
        clusters: [
          { name: "a", weight: 90 },
          { name: "b", weight: 10 },
        ],
      },
    },
  };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [split] }],
      [
        { name: "a", endpoints: [a.port] },
        { name: "b", endpoints: [b.port] },
      ],
    ),
  );
  const load = new Load(() => proxy.port());
  await load.more(3_000);
  await load.stop();
  const share = (load.answers.get("b") ?? 0) / load.count;
  assert.ok(share > 0.08 && share < 0.12, String(share));
});

test("a cluster that goes takes its routes to 503, one that comes back serves", async (context) => {
  const app = await named(context, "app");
  const cluster = clusterJson({ name: "app", endpoints: [app.port] });
  const proxy = await ProxyFixture.start(context, bootstrapOf([{ routes: "app" }], []));
  const client = await RawClient.connect(proxy.port());
  const missing = await client.get().response();
  assert.equal(missing.status, 503);
  assert.match(missing.body, /names a cluster that this proxy does not have: app/);
  proxy.dataPlane.setCluster(proxy.cluster(cluster));
  assert.equal((await client.get().response()).body, "app");
  proxy.dataPlane.removeCluster("app");
  assert.equal((await client.get().response()).status, 503);
  client.close();
});

test("routes that are wrong are refused whole, and the ones before stay", async (context) => {
  const app = await named(context, "app");
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([RDS], [{ name: "app", endpoints: [app.port] }]),
  );
  proxy.dataPlane.setRoutes(routes("app"));
  const broken = create(RouteConfigurationSchema, {
    name: "routes",
    virtualHosts: [{ name: "v", domains: ["*"], routes: [{}] }],
  });
  assert.notDeepEqual(proxy.dataPlane.setRoutes(broken), []);
  const client = await RawClient.connect(proxy.port());
  assert.equal((await client.get().response()).body, "app");
  client.close();
});
