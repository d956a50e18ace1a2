/**
 * Authorization beside a real Envoy: sets of policies made up by chance, each on a route of its own, and requests with
 * different identities. Envoy, our sidecar and the function behind `tulle authz check` must judge every one alike.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent as PlainAgent, request as requestPlain } from "node:http";
import { Agent, request } from "node:https";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect } from "node:tls";
import { type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { SeededPrng } from "../../src/core/prng.ts";
import { compileRbacFilter } from "../../src/decision/filters/rbac-rule.ts";
import { compileNetworkRbac } from "../../src/decision/rbac/network-rbac-rule.ts";
import { judgeConnection, judgeRequest } from "../../src/decision/rbac/verdict.ts";
import { FilterSchema } from "../../src/gen/envoy/config/listener/v3/listener_components_pb.js";
import { RBACSchema } from "../../src/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import type { AuthorizationFilters } from "../../src/translate/rbac/authorization.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { freePort } from "../support/free-port.ts";
import { address, clusterJson } from "../support/proxy-bootstrap.ts";
import { containedTls, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import {
  APP_PORT,
  CALLERS,
  filtersOfPolicies,
  RandomPolicies,
  type RandomRequest,
} from "../support/random-policies.ts";
import { connectionOf, requestOf } from "../support/rbac-fixture.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";
import { xdsRegistry } from "../support/xds-json.ts";

const envoy = await envoyOrSkip();

const SETS = 900;
const REQUESTS_PER_SET = 6;
const TCP_SETS = 40;
const SEED = 20_260_726;
const NETWORK = "type.googleapis.com/envoy.extensions.filters.network";
const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const ACTIONS = ["audit", "deny", "allow"];

const registry = xdsRegistry();
const root = rootOf();
const TLS = containedTls(keyPair(root, ["spiffe://mesh.test/ns/shop/sa/catalog"]), [root]);

interface Sets {
  readonly http: readonly AuthorizationFilters[];
  readonly tcp: readonly AuthorizationFilters[];
}

/** The same policies as they are for a listener at this port. */
function setsFor(listener: number): Sets {
  const random = new RandomPolicies(new SeededPrng(SEED));
  const make = (): AuthorizationFilters =>
    filtersOfPolicies(random.set(), { app: APP_PORT, listener });
  return {
    http: Array.from({ length: SETS }, make),
    tcp: Array.from({ length: TCP_SETS }, make),
  };
}

const DOWNSTREAM = {
  name: "tls",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    ...TLS,
  },
};

function listenersOf({ http, tcp }: Sets, port: number): JsonObject[] {
  const routes = http.map((filters, index) => ({
    match: {
      prefix: "/",
      headers: [{ name: "x-set", string_match: { exact: String(index) } }],
    },
    direct_response: { status: 200 },
    typed_per_filter_config: perRoute(filters),
  }));
  const rbac = ACTIONS.map((action) => ({
    name: `envoy.filters.http.rbac.${action}`,
    typed_config: { "@type": `${HTTP}.rbac.v3.RBAC` },
  }));
  const manager = {
    "@type": `${NETWORK}.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "http",
    normalize_path: true,
    merge_slashes: true,
    route_config: { name: "sets", virtual_hosts: [{ name: "all", domains: ["*"], routes }] },
    http_filters: [
      ...rbac,
      { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
    ],
  };
  const chain = (filters: readonly JsonObject[]) => [
    { filters: [...filters], transport_socket: DOWNSTREAM },
  ];
  return [
    {
      name: "http",
      address: address(port),
      filter_chains: chain([{ name: "http", typed_config: manager }]),
    },
    // Envoy's SPIFFE validator takes nobody without a certificate: callers without an identity come in plain text.
    {
      name: "plain",
      address: address(0),
      filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
    },
    ...tcp.map((filters, index) => ({
      name: `tcp-${index}`,
      address: address(0),
      filter_chains: chain([
        ...filters.connections.map(
          (filter) => toJson(FilterSchema, filter, { registry }) as JsonObject,
        ),
        {
          name: "tcp",
          typed_config: {
            "@type": `${NETWORK}.tcp_proxy.v3.TcpProxy`,
            stat_prefix: "tcp",
            cluster: "echo",
          },
        },
      ]),
    })),
  ];
}

function perRoute({ http }: AuthorizationFilters): JsonObject {
  const entries = http.map(({ name, ofListener }): [string, JsonValue] => {
    const rbac = anyUnpack(ofListener, RBACSchema);
    assert.ok(rbac);
    const type = `${HTTP}.rbac.v3.RBACPerRoute`;
    return [name, { "@type": type, rbac: toJson(RBACSchema, rbac, { registry }) }];
  });
  return Object.fromEntries(entries);
}

/** One client for each caller. */
function clientsOf(): readonly ConnectionOptions[] {
  return CALLERS.map((id) => {
    const own = id === "" ? {} : keyPair(root, [id]);
    return { ...own, rejectUnauthorized: false, minVersion: "TLSv1.3" };
  });
}

interface Proxy {
  readonly port: number;
  readonly plainPort: number;
}

async function ask(proxy: Proxy, agents: readonly Agent[], set: number, asked: RandomRequest) {
  const { method, path, host, headers, caller } = asked;
  const port = caller === 0 ? proxy.plainPort : proxy.port;
  const agent = agents[caller]!;
  const outgoing = (caller === 0 ? requestPlain : request)({
    ...{ host: "127.0.0.1", port, agent, method, path },
    headers: { ...headers, host, "x-set": String(set) },
    // Else it would be the host.
    servername: "",
  });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  response.resume();
  await once(response, "end");
  return { status: response.statusCode as number, reason: response.headers["x-tulle-denied-by"] };
}

/** What is said to a connection: the word back, or nothing. */
async function isServed(port: number, options: ConnectionOptions): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port, ...options });
  socket.on("error", () => {});
  socket.write("word");
  const served = await Promise.race([
    once(socket, "data").then(() => true),
    once(socket, "close").then(() => false),
  ]);
  socket.destroy();
  return served;
}

async function echoPort(context: TestContext): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return (server.address() as { readonly port: number }).port;
}

test(
  "random policies are judged alike by Envoy, the sidecar and authz check",
  envoy,
  async (context) => {
    const echo = clusterJson({ name: "echo", endpoints: [await echoPort(context)] });
    const envoyPort = await freePort();
    const tullePort = await freePort();
    const [ofEnvoy, ofTulle] = [setsFor(envoyPort), setsFor(tullePort)];
    const real = await startStaticEnvoy(envoy.path ?? "", {
      listeners: listenersOf(ofEnvoy, envoyPort),
      clusters: [echo],
    });
    context.after(() => real.stop());
    const ours = await ProxyProcess.start(context, {
      static_resources: { listeners: listenersOf(ofTulle, tullePort), clusters: [echo] },
    });
    const theirProxy = { port: envoyPort, plainPort: real.portOf("plain") };
    const ownProxy = { port: tullePort, plainPort: ours.port("plain") };
    const clients = clientsOf();
    const agents = clients.map((options, caller) => {
      const kept = { keepAlive: true, maxSockets: 4 };
      return caller === 0 ? (new PlainAgent(kept) as Agent) : new Agent({ ...options, ...kept });
    });
    context.after(() => {
      for (const agent of agents) agent.destroy();
    });

    const random = new RandomPolicies(new SeededPrng(SEED + 1));
    const counts = { judged: 0, allowed: 0 };
    for (const [set, { http }] of ofTulle.http.entries()) {
      const rules = http.flatMap(({ ofListener }) => compileRbacFilter(ofListener, "", []) ?? []);
      const asked = Array.from({ length: REQUESTS_PER_SET }, () => random.request());
      await Promise.all(
        asked.map(async (one) => {
          const [theirs, own] = await Promise.all([
            ask(theirProxy, agents, set, one),
            ask(ownProxy, agents, set, one),
          ]);
          const verdict = judged(rules, one, one.caller === 0 ? 1 : tullePort, set);
          const wanted = verdict.isAllowed ? 200 : 403;
          const told = { set, one, reason: verdict.deciding?.reason };
          assert.deepEqual(
            { ...told, status: theirs.status },
            { ...told, status: wanted },
            "Envoy",
          );
          assert.deepEqual({ ...told, status: own.status }, { ...told, status: wanted }, "sidecar");
          if (!verdict.isAllowed && one.caller > 0) assert.equal(own.reason, told.reason);
          counts.judged += 1;
          if (verdict.isAllowed) counts.allowed += 1;
        }),
      );
    }
    assert.equal(counts.judged, SETS * REQUESTS_PER_SET);
    assert.ok(counts.allowed > counts.judged / 5 && counts.allowed < (counts.judged * 4) / 5);

    for (const [index, { connections }] of ofTulle.tcp.entries()) {
      const rules = connections.flatMap(({ configType }) =>
        configType.case === "typedConfig"
          ? (compileNetworkRbac(configType.value, "", []) ?? [])
          : [],
      );
      const name = `tcp-${index}`;
      const ports = [real.portOf(name), ours.port(name)];
      for (const [caller, options] of clients.entries()) {
        if (caller === 0) continue;
        const peerPrincipal = CALLERS[caller] ?? "";
        // The rules are for the port of the HTTP listener, which none of these is.
        const wanted = judgeConnection(
          rules,
          connectionOf({ peerPrincipal, localPort: 1 }),
        ).isAllowed;
        const served = await Promise.all(ports.map((port) => isServed(port, options)));
        assert.deepEqual({ index, caller, served }, { index, caller, served: [wanted, wanted] });
      }
    }
  },
);

function judged(
  rules: Parameters<typeof judgeRequest>[0],
  { method, path, host, headers, caller }: RandomRequest,
  localPort: number,
  set: number,
) {
  const [plain = "", query = ""] = path.split("?");
  return judgeRequest(
    rules,
    requestOf({
      ...{ method, path: plain, query, authority: host },
      headers: [...Object.entries(headers), ["x-set", String(set)]],
    }),
    connectionOf({ peerPrincipal: CALLERS[caller] ?? "", localPort }),
  );
}
