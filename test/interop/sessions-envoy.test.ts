/** Sessions go on from our sidecar to a real Envoy and back, subsets have the same endpoints, and shares are the same. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  ask,
  type BalancingPair,
  type BalancingProxy,
  endpoint,
  portServers,
  startPair,
} from "../support/balancing-pair.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { routeTo } from "../support/proxy-bootstrap.ts";
import { TYPE } from "../support/sample-parts.ts";

const envoy = await envoyOrSkip();

function sessionFilter(state: JsonObject, strict: boolean): JsonObject {
  const kind = state === COOKIE_STATE ? "cookie" : "header";
  return {
    name: "envoy.filters.http.stateful_session",
    typed_config: {
      "@type": `${TYPE}.extensions.filters.http.stateful_session.v3.StatefulSession`,
      session_state: { name: `envoy.http.stateful_session.${kind}`, typed_config: state },
      strict,
    },
  };
}

const ROUTER = {
  name: "envoy.filters.http.router",
  typed_config: { "@type": `${TYPE}.extensions.filters.http.router.v3.Router` },
};
const STATE = `${TYPE}.extensions.http.stateful_session`;
const COOKIE_STATE = {
  "@type": `${STATE}.cookie.v3.CookieBasedSessionState`,
  cookie: { name: "session", path: "/app", ttl: "120s" },
};
const HEADER_STATE = {
  "@type": `${STATE}.header.v3.HeaderBasedSessionState`,
  name: "x-session",
};

async function sessionPair(
  context: TestContext,
  state: JsonObject,
  strict: boolean,
): Promise<BalancingPair & { readonly ports: readonly number[] }> {
  const servers = await portServers(context, 4);
  const ports = servers.map(({ port }) => port);
  const pair = await startPair(context, envoy.path!, {
    clusters: [{ name: "app", endpoints: ports }],
    routes: [routeTo("app")],
    manager: { http_filters: [sessionFilter(state, strict), ROUTER] },
  });
  return { ...pair, ports };
}

test("a session's cookie of the one proxy is good for the other", envoy, async (context) => {
  const pair = await sessionPair(context, COOKIE_STATE, false);
  for (const [from, to] of [
    [pair.ours, pair.envoy],
    [pair.envoy, pair.ours],
  ] as const) {
    const first = await ask(from, "/app/1");
    const [cookie = ""] = first.headers["set-cookie"] ?? [];
    assert.match(cookie, /^session="[A-Za-z0-9+/=]+"; Max-Age=120; Path=\/app; HttpOnly$/);
    const value = /"(.*)"/.exec(cookie)?.[1];
    for (let i = 0; i < 6; i++) {
      const next = await ask(to, "/app?x=1", { cookie: `session=${value}` });
      assert.equal(next.body, first.body);
      assert.equal(next.headers["set-cookie"], undefined);
    }
    assert.equal((await ask(to, "/other", {})).headers["set-cookie"], undefined);
  }
});

test(
  "a session without its endpoint gets another one, or none where it is strict",
  envoy,
  async (context) => {
    const gone = Buffer.from("127.0.0.1:1").toString("base64");
    const lax = await sessionPair(context, HEADER_STATE, false);
    for (const proxy of [lax.ours, lax.envoy]) {
      const moved = await ask(proxy, "/", { "x-session": gone });
      const session = `127.0.0.1:${moved.body}`;
      assert.equal(moved.headers["x-session"], Buffer.from(session).toString("base64"));
      const kept = await ask(proxy, "/", { "x-session": String(moved.headers["x-session"]) });
      assert.deepEqual([kept.body, kept.headers["x-session"]], [moved.body, undefined]);
    }
    const strict = await sessionPair(context, HEADER_STATE, true);
    for (const proxy of [strict.ours, strict.envoy]) {
      assert.equal((await ask(proxy, "/", { "x-session": gone })).status, 503);
      assert.equal((await ask(proxy, "/")).status, 200);
    }
  },
);

test("subsets by label, with every fallback", envoy, async (context) => {
  const servers = await portServers(context, 5);
  const labels: readonly JsonObject[] = [
    { version: "1", stage: "prod" },
    { version: "1", stage: "dev" },
    { version: "2", stage: "prod" },
    { version: ["2", "3"], stage: "qa" },
    { other: true },
  ];
  const endpoints = servers.map(({ port }, index) => endpoint(port, { labels: labels[index]! }));
  // Envoy forgets the fallback of a selector whose keys begin those of one before it: shorter ones come first.
  const selectors = [
    { keys: ["version"] },
    { keys: ["stage"], fallback_policy: "ANY_ENDPOINT" },
    {
      keys: ["version", "stage"],
      fallback_policy: "KEYS_SUBSET",
      fallback_keys_subset: ["version"],
    },
  ];
  const subsetConfigs: Readonly<Record<string, JsonObject>> = {
    none: { fallback_policy: "NO_FALLBACK" },
    any: { fallback_policy: "ANY_ENDPOINT", list_as_any: true },
    default: { fallback_policy: "DEFAULT_SUBSET", default_subset: { version: "1" } },
  };
  const clusters = Object.entries(subsetConfigs).map(([name, fields]) => ({
    name,
    endpoints,
    fields: { lb_subset_config: { ...fields, subset_selectors: selectors } },
  }));
  const wanted: Readonly<Record<string, JsonObject>> = {
    v1: { version: "1" },
    v2: { version: "2" },
    v3: { version: "3" },
    v9: { version: "9" },
    v1dev: { version: "1", stage: "dev" },
    v2dev: { version: "2", stage: "dev" },
    dev: { stage: "dev" },
    staging: { stage: "staging" },
    unknown: { nobody: "1" },
    nothing: {},
  };
  const pair = await startPair(context, envoy.path!, {
    clusters,
    routes: clusters.flatMap(({ name }) =>
      Object.entries(wanted).map(([path, match]) =>
        routeTo(
          name,
          { metadata_match: { filter_metadata: { "envoy.lb": match } } },
          { path: `/${name}/${path}` },
        ),
      ),
    ),
  });
  /** All that requests for a path get: endpoints by their index. */
  const served = async (proxy: BalancingProxy, path: string): Promise<string> => {
    const found = new Set<string>();
    for (let i = 0; i < 10; i++) {
      const { status, body } = await ask(proxy, path);
      found.add(
        status === 200
          ? String(servers.findIndex(({ port }) => String(port) === body))
          : String(status),
      );
    }
    return [...found].sort().join(" ");
  };
  for (const { name } of clusters) {
    for (const path of Object.keys(wanted)) {
      const ours = await served(pair.ours, `/${name}/${path}`);
      assert.equal(ours, await served(pair.envoy, `/${name}/${path}`), `${name}/${path}`);
    }
  }
});

const AGGREGATE: JsonObject = {
  name: "behind",
  connect_timeout: "1s",
  lb_policy: "CLUSTER_PROVIDED",
  cluster_type: {
    name: "envoy.clusters.aggregate",
    typed_config: {
      "@type": `${TYPE}.extensions.clusters.aggregate.v3.ClusterConfig`,
      clusters: ["half", "whole"],
    },
  },
};

test(
  "shares: by weight, by locality, and of clusters behind each other",
  envoy,
  async (context) => {
    const servers = await portServers(context, 4);
    const [a, b, c, d] = servers.map(({ port }) => port) as [number, number, number, number];
    const sick = { health: "UNHEALTHY" };
    const localities = {
      common_lb_config: { locality_weighted_lb_config: {} },
      load_assignment: {
        cluster_name: "localities",
        endpoints: [
          {
            locality: { zone: "near" },
            load_balancing_weight: 3,
            lb_endpoints: [endpoint(a), endpoint(b, sick)],
          },
          { locality: { zone: "far" }, load_balancing_weight: 1, lb_endpoints: [endpoint(c)] },
        ],
      },
    };
    const weighted = [
      endpoint(a, { weight: 1 }),
      endpoint(b, { weight: 2 }),
      endpoint(c, { weight: 3 }),
    ];
    const pair = await startPair(context, envoy.path!, {
      clusters: [
        { name: "weighted", endpoints: weighted },
        { name: "localities", endpoints: [], fields: localities },
        { name: "half", endpoints: [endpoint(a), endpoint(b, sick)] },
        { name: "whole", endpoints: [endpoint(c), endpoint(d)] },
      ],
      moreClusters: [AGGREGATE],
      routes: ["weighted", "localities", "behind"].map((name) =>
        routeTo(name, {}, { path: `/${name}` }),
      ),
    });
    // By chance within four standard deviations, in turns but for one.
    const wanted: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
      weighted: [
        [50, 2],
        [100, 2],
        [150, 2],
        [0, 0],
      ],
      localities: [
        // 2.1 and 1 of 3.1: half of the near one is out, times 1.4.
        [203, 3],
        [0, 0],
        [97, 3],
        [0, 0],
      ],
      behind: [
        [210, 32],
        [0, 0],
        [45, 26],
        [45, 26],
      ],
    };
    for (const proxy of [pair.ours, pair.envoy]) {
      for (const [name, shares] of Object.entries(wanted)) {
        const counts = servers.map(() => 0);
        for (let i = 0; i < 300; i++) {
          const { body } = await ask(proxy, `/${name}`);
          counts[servers.findIndex(({ port }) => String(port) === body)]! += 1;
        }
        for (const [index, [share, tolerance]] of shares.entries()) {
          const isNear = Math.abs(counts[index]! - share) <= tolerance;
          assert.ok(isNear, `${name}: ${counts}, not ${share} ± ${tolerance}`);
        }
      }
    }
  },
);
