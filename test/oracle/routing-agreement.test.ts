/**
 * For random routes and requests `explain`, our sidecar and a real Envoy agree on the route and on the cluster. Both
 * proxies start from one bootstrap; what `explain` says is asked of their configuration dumps, as a user would.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
} from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { dumpExplainer } from "../../src/control-plane/explain/explain-dump.ts";
import type { Explainer } from "../../src/control-plane/explain/explain-request.ts";
import type { ExplainResponse } from "../../src/control-plane/explain/explain-types.ts";
import { messageRegistry } from "../../src/proxy/config/message-registry.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { eventually } from "../support/envoy-process.ts";
import { forBoth, listenerPorts, type ProxyName, startPair } from "./proxy-pair.ts";
import {
  CLUSTERS,
  type RandomHost,
  type RandomRequest,
  ROUTE_HEADER,
  randomHosts,
} from "./random-routes.ts";

const SEED = 20_261_126;
const HOSTS = 100;
const REQUESTS_PER_HOST = 25;
/** Requests under way at each proxy. */
const LANES = 8;

const CLUSTER_HEADER = "x-cluster";
/** Of an answer that the proxy gives itself. */
const NONE = "none";

const envoy = await envoyOrSkip();

describe("explain, Tulle and Envoy", { skip: envoy.skip ?? false }, () => {
  test(`agree on route and cluster of ${HOSTS * REQUESTS_PER_HOST} requests`, async (context) => {
    assert.ok(envoy.path !== undefined);
    const hosts = randomHosts({ seed: SEED, hosts: HOSTS, requestsPerHost: REQUESTS_PER_HOST });
    const upstreams = await Promise.all(CLUSTERS.map((name) => openUpstream(name)));
    context.after(() => {
      for (const server of upstreams) server.close();
    });
    const proxies = await startPair(envoy.path, bootstrap(hosts, upstreams.map(portOf)));
    context.after(() => forBoth((name) => proxies[name].stop()));
    const answers = await forBoth(async (name) => {
      await eventually(
        `${name} serves`,
        () => proxies[name].admin("/ready"),
        (state) => state.trim() === "LIVE",
      );
      const ports = await listenerPorts(proxies[name], 1);
      return await answersOf(hosts, ports.get("main") ?? 0);
    });
    const explainers = await forBoth(async (name) => {
      const dump: unknown = JSON.parse(await proxies[name].admin("/config_dump?include_eds"));
      return dumpExplainer(dump, messageRegistry, { namespace: "default", proxy: null });
    });
    const disagreements: string[] = [];
    let taken = 0;
    for (const [index, { host, request }] of casesOf(hosts).entries()) {
      // Asked of one dump and the other in turn: both say the same.
      const source: ProxyName = index % 2 === 0 ? "tulle" : "envoy";
      const explained = choiceOf(explain(explainers[source], host, request));
      const all = { explain: explained, tulle: answers.tulle[index], envoy: answers.envoy[index] };
      if (explained.startsWith("route-")) taken += 1;
      if (all.tulle !== explained || all.envoy !== explained) {
        disagreements.push(`${host} ${JSON.stringify(request)}: ${JSON.stringify(all)}`);
      }
    }
    assert.deepEqual(disagreements.slice(0, 20), []);
    assert.ok(taken > (HOSTS * REQUESTS_PER_HOST) / 2, `only ${taken} requests met a route`);
  });
});

interface Case {
  readonly host: string;
  readonly request: RandomRequest;
}

function casesOf(hosts: readonly RandomHost[]): readonly Case[] {
  return hosts.flatMap(({ host, requests }) => requests.map((request) => ({ host, request })));
}

function explain(explainer: Explainer, host: string, request: RandomRequest): ExplainResponse {
  const { method, target, headers } = request;
  return explainer.explain({ method, url: `http://${host}${target}`, headers });
}

/** `route-3 beta`, `route-3 none` for an answer of its own, `none none` where no route takes the request. */
function choiceOf({ route, clusters }: ExplainResponse): string {
  const chosen = clusters.find(({ share }) => share === 1);
  return `${route?.name ?? NONE} ${chosen?.name ?? NONE}`;
}

async function answersOf(hosts: readonly RandomHost[], port: number): Promise<readonly string[]> {
  const cases = casesOf(hosts);
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const found: string[] = [];
  const pending = cases.entries();
  const lane = async (): Promise<void> => {
    for (const [index, wanted] of pending) found[index] = await send(wanted, port, agent);
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    agent.destroy();
  }
  return found;
}

async function send({ host, request }: Case, port: number, agent: Agent): Promise<string> {
  const { method, target: path, headers } = request;
  const fields = ["host", host, ...headers.flat()];
  const outgoing = httpRequest({ host: "127.0.0.1", port, method, path, agent, headers: fields });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  const route = response.headers[ROUTE_HEADER] ?? NONE;
  return `${String(route)} ${String(response.headers[CLUSTER_HEADER] ?? NONE)}`;
}

async function openUpstream(name: string): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader(CLUSTER_HEADER, name).end("ok");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function bootstrap(hosts: readonly RandomHost[], ports: readonly number[]): JsonObject {
  const manager: JsonObject = {
    "@type":
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "main",
    route_config: { name: "main", virtual_hosts: hosts.map(({ virtualHost }) => virtualHost) },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        },
      },
    ],
  };
  const filters = [
    { name: "envoy.filters.network.http_connection_manager", typed_config: manager },
  ];
  return {
    node: { id: "agreement", cluster: "agreement" },
    static_resources: {
      listeners: [{ name: "main", address: address(0), filter_chains: [{ filters }] }],
      clusters: CLUSTERS.map((name, index) => ({
        name,
        type: "STATIC",
        connect_timeout: "2s",
        load_assignment: {
          cluster_name: name,
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(ports[index] ?? 0) } }] }],
        },
      })),
    },
  };
}

function address(port: number): JsonObject {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
