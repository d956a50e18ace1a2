/** Requests that stay together, through a real process: hashes, sessions, subsets, zones, clusters behind each other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ask, ourBootstrap, type PairSpec, portServers } from "../support/balancing-pair.ts";
import { endpointInfo } from "../support/endpoint-info.ts";
import { address, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { TYPE } from "../support/sample-parts.ts";

const ROUTER = {
  name: "router",
  typed_config: { "@type": `${TYPE}.extensions.filters.http.router.v3.Router` },
};

function sessionFilter(strict: boolean): JsonObject {
  return {
    name: "session",
    typed_config: {
      "@type": `${TYPE}.extensions.filters.http.stateful_session.v3.StatefulSession`,
      strict,
      session_state: {
        name: "envoy.http.stateful_session.cookie",
        typed_config: {
          "@type": `${TYPE}.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState`,
          cookie: { name: "sid", path: "/" },
        },
      },
    },
  };
}

const BY_USER = { hash_policy: [{ header: { header_name: "x-user" } }] };

async function start(context: Parameters<typeof ProxyProcess.start>[0], spec: PairSpec) {
  const proxy = await ProxyProcess.start(context, ourBootstrap(spec));
  return { port: proxy.port("main") };
}

test("a user's requests go to one endpoint, users' to all of them", async (context) => {
  const servers = await portServers(context, 4);
  const endpoints = servers.map(({ port }) => port);
  const clusters = ["RING_HASH", "MAGLEV"].map((lb_policy) => ({
    ...{ name: lb_policy, endpoints },
    fields: { lb_policy },
  }));
  const proxy = await start(context, {
    clusters,
    routes: clusters.map(({ name }) => routeTo(name, BY_USER, { prefix: `/${name}` })),
  });
  for (const { name } of clusters) {
    const all = new Set<string>();
    for (let user = 0; user < 30; user++) {
      const own = new Set<string>();
      for (let i = 0; i < 3; i++) {
        const headers = { "x-user": `user-${user}` };
        own.add((await ask(proxy, `/${name}`, headers)).body);
      }
      assert.equal(own.size, 1, name);
      for (const port of own) all.add(port);
    }
    assert.equal(all.size, servers.length, name);
  }
});

test("sessions keep their instance when others come and go, and get another when their own goes", async (context) => {
  const servers = await portServers(context, 4);
  const ports = servers.map(({ port }) => port);
  const proxy = await ProxyFixture.start(
    context,
    ourBootstrap({
      clusters: [{ name: "app", endpoints: ports.slice(0, 3) }],
      routes: [routeTo("app")],
      manager: { http_filters: [sessionFilter(false), ROUTER] },
    }),
  );
  const target = { port: proxy.port() };
  const first = await ask(target, "/");
  const cookie = /^(sid=.*); Path=\/; HttpOnly$/.exec(first.headers["set-cookie"]?.[0] ?? "")?.[1];
  assert.ok(cookie);
  const own = Number(first.body);
  const others = ports.filter((port) => port !== own);
  const set = (wanted: readonly number[]): void =>
    proxy.dataPlane.setEndpoints(
      "app",
      wanted.map((port) => endpointInfo({ port })),
    );
  for (const wanted of [ports, [others[0]!, own], [own, ...others]]) {
    set(wanted);
    for (let i = 0; i < 6; i++) {
      const answer = await ask(target, "/", { cookie });
      assert.deepEqual([answer.body, answer.headers["set-cookie"]], [String(own), undefined]);
    }
  }
  set(others);
  const moved = await ask(target, "/", { cookie });
  assert.ok(others.includes(Number(moved.body)));
  assert.equal(moved.headers["set-cookie"]?.length, 1, "the client learns of its new instance");
});

test("a strict session without its instance fails, and says why", async (context) => {
  const [server] = await portServers(context, 1);
  const proxy = await start(context, {
    clusters: [{ name: "app", endpoints: [server!.port] }],
    routes: [routeTo("app")],
    manager: { http_filters: [sessionFilter(true), ROUTER] },
  });
  const gone = Buffer.from("127.0.0.1:1").toString("base64");
  const answer = await ask(proxy, "/", { cookie: `sid=${gone}` });
  assert.equal(answer.status, 503);
  assert.match(answer.body, /no healthy upstream/);
  assert.equal((await ask(proxy, "/")).status, 200);
});

test("a route's labels choose among the endpoints, and a version without any falls back", async (context) => {
  const servers = await portServers(context, 3);
  const endpoints = servers.map(({ port }, index) => ({
    endpoint: { address: address(port) },
    metadata: { filter_metadata: { "envoy.lb": { version: index === 0 ? "v1" : "v2" } } },
  }));
  const subset = {
    lb_subset_config: {
      fallback_policy: "ANY_ENDPOINT",
      subset_selectors: [{ keys: ["version"], fallback_policy: "NO_FALLBACK" }],
    },
  };
  const forVersion = (version: string): JsonObject => ({
    metadata_match: { filter_metadata: { "envoy.lb": { version } } },
  });
  const proxy = await start(context, {
    clusters: [{ name: "app", endpoints, fields: subset }],
    routes: [
      ...["v1", "v2", "v3"].map((version) =>
        routeTo("app", forVersion(version), { path: `/${version}` }),
      ),
      routeTo("app"),
    ],
  });
  const served = async (path: string): Promise<readonly number[]> => {
    const found = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const { status, body } = await ask(proxy, path);
      found.add(status === 200 ? servers.findIndex(({ port }) => String(port) === body) : status);
    }
    return [...found].sort();
  };
  assert.deepEqual(await served("/v1"), [0]);
  assert.deepEqual(await served("/v2"), [1, 2]);
  assert.deepEqual(await served("/v3"), [503]);
  assert.deepEqual(await served("/"), [0, 1, 2]);
});

const AGGREGATE: JsonObject = {
  name: "both",
  connect_timeout: "1s",
  lb_policy: "CLUSTER_PROVIDED",
  cluster_type: {
    name: "envoy.clusters.aggregate",
    typed_config: {
      "@type": `${TYPE}.extensions.clusters.aggregate.v3.ClusterConfig`,
      clusters: ["near", "far"],
    },
  },
};

/** Endpoints of one priority of which so many are healthy. */
function lbEndpoints(ports: readonly number[], healthy: number): readonly JsonObject[] {
  return ports.map((port, index) => ({
    endpoint: { address: address(port) },
    health_status: index < healthy ? "HEALTHY" : "UNHEALTHY",
  }));
}

test("what a priority or a cluster has lost spills over to the next", async (context) => {
  const servers = await portServers(context, 4);
  const ports = servers.map(({ port }) => port);
  const near = lbEndpoints(ports.slice(0, 2), 1);
  const far = lbEndpoints(ports.slice(2), 2);
  const priorities = {
    load_assignment: {
      cluster_name: "priorities",
      endpoints: [
        { locality: { zone: "near" }, lb_endpoints: [...near] },
        { locality: { zone: "far" }, priority: 1, lb_endpoints: [...far] },
      ],
    },
  };
  const proxy = await start(context, {
    clusters: [
      { name: "priorities", endpoints: [], fields: priorities },
      { name: "near", endpoints: near },
      { name: "far", endpoints: far },
    ],
    moreClusters: [AGGREGATE],
    routes: [routeTo("priorities", {}, { path: "/priorities" }), routeTo("both")],
  });
  for (const path of ["/priorities", "/"]) {
    const counts = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const { body } = await ask(proxy, path);
      counts.set(body, (counts.get(body) ?? 0) + 1);
    }
    assert.equal(counts.get(String(ports[1])), undefined, "nobody goes to the sick one");
    // 1.4 times a half: 70 %.
    const stayed = counts.get(String(ports[0])) ?? 0;
    assert.ok(stayed > 170 && stayed < 250, `${path}: ${stayed} of 300`);
  }
});
