/** The same hash leads to the same endpoint as in a real Envoy, and is the same in the first place. */
import assert from "node:assert/strict";
import { test } from "node:test";
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
import { type ClusterSpec, routeTo } from "../support/proxy-bootstrap.ts";
import { LB } from "../support/sample-parts.ts";

const envoy = await envoyOrSkip();

const ENDPOINTS = 6;
const KEYS = Array.from({ length: 40 }, (_, index) => `key-${index * 7919}`);

function policy(typedConfig: JsonObject): JsonObject {
  const name = String(typedConfig["@type"]).split(".").at(-1) ?? "";
  return {
    lb_policy: "LOAD_BALANCING_POLICY_CONFIG",
    load_balancing_policy: {
      policies: [{ typed_extension_config: { name, typed_config: typedConfig } }],
    },
  };
}

const RING = { "@type": `${LB}.ring_hash.v3.RingHash` };
const MAGLEV = { "@type": `${LB}.maglev.v3.Maglev` };

/** Clusters by name, each of all the upstreams. */
function hashingClusters(ports: readonly number[]): readonly ClusterSpec[] {
  const plain = ports.map((port) => endpoint(port));
  const weighted = ports.map((port, index) => endpoint(port, { weight: 1 + (index % 3) }));
  const named = ports.map((port, index) => endpoint(port, { hostname: `host-${index}.example` }));
  const sick = ports.map((port, index) =>
    endpoint(port, { health: index % 2 === 0 ? "UNHEALTHY" : "HEALTHY" }),
  );
  const keyed = ports.map((port, index) => endpoint(port, { labels: { hash_key: `k${index}` } }));
  const localities = (fields: JsonObject): JsonObject => ({
    load_assignment: {
      cluster_name: "zones",
      endpoints: [
        {
          locality: { zone: "a" },
          load_balancing_weight: 3,
          lb_endpoints: plain.slice(0, 2),
        },
        {
          locality: { zone: "b" },
          load_balancing_weight: 1,
          lb_endpoints: plain.slice(2),
        },
      ],
    },
    ...fields,
  });
  const priorities: JsonObject = {
    load_assignment: {
      cluster_name: "priorities",
      endpoints: [
        { lb_endpoints: sick.slice(0, 4) },
        { priority: 1, lb_endpoints: plain.slice(4) },
      ],
    },
  };
  const ring = { lb_policy: "RING_HASH" };
  const weights = { locality_weighted_lb_config: {} };
  return [
    { name: "ring", endpoints: plain, fields: ring },
    { name: "ring-weighted", endpoints: weighted, fields: ring },
    {
      name: "ring-small",
      endpoints: weighted,
      fields: { ...ring, ring_hash_lb_config: { minimum_ring_size: 1, maximum_ring_size: 7 } },
    },
    {
      name: "ring-murmur",
      endpoints: plain,
      fields: { ...ring, ring_hash_lb_config: { hash_function: "MURMUR_HASH_2" } },
    },
    { name: "ring-typed", endpoints: plain, fields: policy({ ...RING, minimum_ring_size: 100 }) },
    {
      name: "ring-hostname",
      endpoints: named,
      fields: policy({
        ...RING,
        consistent_hashing_lb_config: { use_hostname_for_hashing: true },
      }),
    },
    { name: "ring-keyed", endpoints: keyed, fields: ring },
    { name: "ring-sick", endpoints: sick, fields: ring },
    { name: "ring-zones", endpoints: [], fields: localities(policy({ ...RING, ...weights })) },
    { name: "ring-priorities", endpoints: [], fields: { ...ring, ...priorities } },
    { name: "maglev", endpoints: plain, fields: { lb_policy: "MAGLEV" } },
    { name: "maglev-weighted", endpoints: weighted, fields: { lb_policy: "MAGLEV" } },
    {
      name: "maglev-small",
      endpoints: weighted,
      fields: policy({ ...MAGLEV, table_size: 251 }),
    },
    { name: "maglev-sick", endpoints: sick, fields: policy(MAGLEV) },
    { name: "maglev-zones", endpoints: [], fields: localities(policy({ ...MAGLEV, ...weights })) },
    { name: "maglev-priorities", endpoints: [], fields: { ...policy(MAGLEV), ...priorities } },
  ];
}

const BY_HEADER = [{ header: { header_name: "x-key" } }];

async function bodies(
  pair: BalancingPair,
  path: string,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<readonly [string, string]> {
  const [a, b] = await Promise.all([ask(pair.ours, path, headers), ask(pair.envoy, path, headers)]);
  return [`${a.status} ${a.body}`, `${b.status} ${b.body}`];
}

test(
  "the same hash leads to the same endpoint: rings and Maglev's tables",
  envoy,
  async (context) => {
    const servers = await portServers(context, ENDPOINTS);
    const clusters = hashingClusters(servers.map(({ port }) => port));
    const pair = await startPair(context, envoy.path!, {
      clusters,
      routes: clusters.map(({ name }) =>
        routeTo(name, { hash_policy: BY_HEADER }, { prefix: `/${name}/` }),
      ),
    });
    for (const { name } of clusters) {
      const found = new Set<string>();
      for (const key of KEYS) {
        const [ours, theirs] = await bodies(pair, `/${name}/`, { "x-key": key });
        assert.equal(ours, theirs, `${name}: ${key}`);
        found.add(ours);
      }
      assert.ok(found.size > 1, `${name}: all to one endpoint`);
    }
  },
);

const HASH_POLICIES: Readonly<Record<string, readonly JsonObject[]>> = {
  regex: [
    {
      header: {
        header_name: "x-key",
        regex_rewrite: { pattern: { regex: "-(\\d)" }, substitution: "+\\1" },
      },
    },
  ],
  query: [{ query_parameter: { name: "user" } }],
  cookie: [{ cookie: { name: "sid" } }],
  source: [{ connection_properties: { source_ip: true } }],
  several: [...BY_HEADER, { query_parameter: { name: "user" } }, { cookie: { name: "sid" } }],
  "same-twice": [...BY_HEADER, ...BY_HEADER],
  terminal: [
    { header: { header_name: "x-first" }, terminal: true },
    { query_parameter: { name: "user" } },
  ],
  path: [{ header: { header_name: ":path" } }],
  host: [{ header: { header_name: ":authority" } }],
};

const HASHED_REQUESTS: readonly (readonly [string, Readonly<Record<string, string | string[]>>])[] =
  [
    ["?user=a%20b&user=c", { "x-key": "key-1" }],
    ["?user=&x=1", { "x-key": ["b-2", "a-1"] }],
    ["?x=1&user=2", { "x-key": ["a-1", "b-2"], "x-first": "1" }],
    ["?user=3", { "x-key": "a-1,b-2", cookie: 'sid="quoted"; sid=second' }],
    ["?user=4", { "x-key": "-1-2-3", cookie: "other=1;  sid=x=y; z", host: "a.example" }],
    ["?user=5", { cookie: ["a=1", "sid=two"], host: "b.example" }],
    ["?user=6&u=1", { cookie: "sid=", "x-first": "2" }],
    ["?user=7", { "x-key": "k", "x-forwarded-for": "203.0.113.9" }],
    ["?user=8", { "x-key": "k", "x-forwarded-for": "203.0.113.9, 2001:db8::7" }],
    ["?user=9", { "x-key": "k", "x-forwarded-for": "203.0.113.9, none" }],
  ];

test(
  "what requests are hashed by: header, cookie, source, query, and several of them",
  envoy,
  async (context) => {
    const servers = await portServers(context, ENDPOINTS);
    const endpoints = servers.map(({ port }) => port);
    const pair = await startPair(context, envoy.path!, {
      clusters: [{ name: "app", endpoints, fields: { lb_policy: "MAGLEV" } }],
      routes: Object.entries(HASH_POLICIES).map(([name, hash_policy]) =>
        routeTo("app", { hash_policy: [...hash_policy] }, { prefix: `/${name}/` }),
      ),
    });
    for (const name of Object.keys(HASH_POLICIES)) {
      for (const [query, headers] of HASHED_REQUESTS) {
        // Without a hash both choose by chance: a header that is always there adds one.
        const isAlwaysHashed = ["query", "source", "path", "host", "terminal"].includes(name);
        if (!isAlwaysHashed && !("x-key" in headers) && name !== "cookie" && name !== "several")
          continue;
        if (name === "cookie" && !/sid=./.test(String(headers["cookie"] ?? ""))) continue;
        const [ours, theirs] = await bodies(pair, `/${name}/${query}`, { host: "app", ...headers });
        assert.equal(ours, theirs, `${name}: ${query} ${JSON.stringify(headers)}`);
      }
    }
  },
);

test(
  "a client without the cookie gets one, and keeps its endpoint by it",
  envoy,
  async (context) => {
    const servers = await portServers(context, ENDPOINTS);
    const endpoints = servers.map(({ port }) => port);
    const attributes = [{ name: "SameSite", value: "Strict" }, { name: "Secure" }];
    const cookies: Readonly<Record<string, JsonObject>> = {
      session: { name: "sid", ttl: "0s" },
      lasting: { name: "sid", ttl: "60s", path: "/lasting", attributes },
      none: { name: "sid" },
    };
    const pair = await startPair(context, envoy.path!, {
      clusters: [{ name: "app", endpoints, fields: { lb_policy: "RING_HASH" } }],
      routes: Object.entries(cookies).map(([name, cookie]) =>
        routeTo("app", { hash_policy: [{ cookie }] }, { prefix: `/${name}` }),
      ),
    });
    const shapes = async (proxy: BalancingProxy): Promise<readonly string[]> =>
      Promise.all(
        Object.keys(cookies).map(async (name) => {
          const answer = await ask(proxy, `/${name}`);
          const [cookie = ""] = answer.headers["set-cookie"] ?? [];
          const value = /^sid="([0-9a-f]+)"/.exec(cookie)?.[1];
          if (value !== undefined) {
            assert.equal(value.length, 16);
            for (const other of [pair.ours, pair.envoy]) {
              const again = await ask(other, `/${name}`, { cookie: `sid=${value}` });
              assert.equal(again.body, answer.body, "the same endpoint again, by either proxy");
              assert.equal(again.headers["set-cookie"], undefined);
            }
          }
          return cookie.replace(/[0-9a-f]{16}/, "VALUE");
        }),
      );
    assert.deepEqual(await shapes(pair.ours), await shapes(pair.envoy));
  },
);

test("bounded load: the same overload goes to the same endpoints", envoy, async (context) => {
  const held: (() => void)[] = [];
  let onRequest: (port: number) => void = () => {};
  const servers = await portServers(context, 5, (request, port) => {
    held.push(() => request.reply(String(port)));
    onRequest(port);
  });
  const endpoints = servers.map(({ port }) => port);
  const bounded = { consistent_hashing_lb_config: { hash_balance_factor: 120 } };
  const clusters = [
    { name: "ring", endpoints, fields: policy({ ...RING, ...bounded }) },
    { name: "maglev", endpoints, fields: policy({ ...MAGLEV, ...bounded }) },
  ];
  const pair = await startPair(context, envoy.path!, {
    clusters,
    routes: clusters.map(({ name }) =>
      routeTo(name, { hash_policy: BY_HEADER }, { prefix: `/${name}` }),
    ),
  });
  /** Where requests with the same key go that all stay under way. */
  const chain = async (proxy: BalancingProxy, path: string): Promise<readonly number[]> => {
    const ports: number[] = [];
    const answers: Promise<unknown>[] = [];
    for (let i = 0; i < 12; i++) {
      const arrived = new Promise<number>((resolve) => {
        onRequest = resolve;
      });
      answers.push(ask(proxy, path, { "x-key": "hot" }));
      ports.push(await arrived);
    }
    for (const release of held.splice(0)) release();
    await Promise.all(answers);
    return ports;
  };
  for (const { name } of clusters) {
    const ours = await chain(pair.ours, `/${name}`);
    assert.deepEqual(ours, await chain(pair.envoy, `/${name}`), name);
    assert.ok(new Set(ours).size > 2, "what is too much went elsewhere");
  }
});
