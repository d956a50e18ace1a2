/**
 * Bad input by xDS: null, blank, oversize, unknown and nested values in every field of every resource, over ADS into a
 * real sidecar. Every refusal names a field, what is taken harms nobody else, and the process goes on.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import {
  clone,
  create,
  type DescMessage,
  fromJson,
  type JsonObject,
  type Message,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { SeededPrng } from "../../src/core/prng.ts";
import { BootstrapSchema } from "../../src/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { Filter } from "../../src/gen/envoy/config/listener/v3/listener_components_pb.js";
import {
  type Listener,
  ListenerSchema,
} from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { VirtualHostSchema } from "../../src/gen/envoy/config/route/v3/route_components_pb.js";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../src/gen/envoy/config/route/v3/route_pb.js";
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type HttpFilter,
} from "../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { messageRegistry } from "../../src/proxy/config/message-registry.ts";
import { REFUSAL_MESSAGE_CHARS_MAX } from "../../src/xds/limits.ts";
import { type EncodedResource, encodedResource } from "../../src/xds/snapshot.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
} from "../../src/xds/type-urls.ts";
import { AdsServerFixture } from "../support/ads-server-fixture.ts";
import { sampleBootstrap } from "../support/bootstrap-sample.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import {
  assignment,
  bootstrapOf,
  clusterJson,
  listenerJson,
  routeConfig,
} from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { ROUTES } from "../support/routes-sample.ts";
import { type HostileMessage, HostileMessages } from "./hostile-messages.ts";

const MESSAGES = IS_FULL_SIZE ? 50_000 : 6_000;
/** Of one response. */
const BATCH = 25;
const SEED = 11;
const TIMEOUT = { timeout: 400_000 };
const CHANNEL = "control-plane";
const ADS = { ads: {}, resource_api_version: "V3" };

function encoded<Desc extends DescMessage>(
  typeUrl: string,
  schema: Desc,
  name: string,
  message: MessageShape<Desc>,
): EncodedResource {
  return encodedResource({ typeUrl, name, bytes: toBinary(schema, message) });
}

function fromObject(typeUrl: string, schema: DescMessage, json: JsonObject): EncodedResource {
  const name = String(json["name"] ?? json["cluster_name"]);
  return encoded(typeUrl, schema, name, fromJson(schema, json, { registry: messageRegistry }));
}

/** A sidecar that serves `/` by one listener, and has room for hostile resources beside it. */
class Victim {
  readonly server: AdsServerFixture;
  readonly proxy: ProxyProcess;
  readonly port: number;
  readonly #good: readonly EncodedResource[];
  readonly #exit: Promise<unknown>;

  static async start(context: TestContext): Promise<Victim> {
    const upstream = await RawUpstream.start(context, {
      onRequest: (request) => request.reply("fine"),
    });
    const server = await new AdsServerFixture().listen();
    context.after(() => server.stop());
    const good = goodResources(upstream.port);
    server.set(...good);
    const proxy = await ProxyProcess.start(context, bootstrapWith(server.port));
    const { body } = await proxy.admin("/listeners");
    const port = Number(/good::127\.0\.0\.1:(\d+)/.exec(body)?.[1]);
    return new Victim(server, proxy, port, good);
  }

  private constructor(
    server: AdsServerFixture,
    proxy: ProxyProcess,
    port: number,
    good: readonly EncodedResource[],
  ) {
    this.server = server;
    this.proxy = proxy;
    this.port = port;
    this.#good = good;
    this.#exit = once(proxy.child, "exit");
  }

  /** What the sidecar said of them: nothing, or its refusal. */
  async give(resources: readonly EncodedResource[]): Promise<string> {
    const names = new Set(resources.map(({ typeUrl, name }) => `${typeUrl} ${name}`));
    const others = this.#good.filter(({ typeUrl, name }) => !names.has(`${typeUrl} ${name}`));
    const { server, proxy } = this;
    const revision = server.set(...others, ...resources);
    const refusal = () => server.refused.find((event) => event.revision === revision);
    while (!server.acknowledged.includes(revision) && refusal() === undefined) {
      await Promise.race([server.nextAnswer(), this.#exit]);
      assert.equal(proxy.child.exitCode, null, "the process has ended");
    }
    return refusal()?.message ?? "";
  }

  async assertServes(): Promise<void> {
    const client = await RawClient.connect(this.port);
    const answer = await client.send("GET / HTTP/1.1\r\nHost: good\r\n\r\n").response();
    client.close();
    assert.deepEqual([answer.status, answer.body], [200, "fine"]);
  }
}

function bootstrapWith(port: number): JsonObject {
  const channel = {
    name: CHANNEL,
    endpoints: [port],
    fields: {
      typed_extension_protocol_options: {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
          "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
          explicit_http_config: { http2_protocol_options: {} },
        },
      },
    },
  };
  return bootstrapOf([], [channel], {
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: CHANNEL } }],
      },
      lds_config: ADS,
      cds_config: ADS,
    },
  });
}

const slot = (index: number): string => `hostile-${index}`;

/** The one that must go on serving; and for each slot a cluster and a listener that ask for endpoints and routes. */
function goodResources(port: number): readonly EncodedResource[] {
  const cluster = clusterJson({ name: "good", endpoints: [port] });
  const slots = Array.from({ length: BATCH }, (_, index) => slot(index));
  return [
    fromObject(CLUSTER_TYPE_URL, ClusterSchema, cluster),
    fromObject(LISTENER_TYPE_URL, ListenerSchema, {
      ...listenerJson({ routes: [{ match: { prefix: "/" }, route: { cluster: "good" } }] }),
      name: "good",
    }),
    ...slots.flatMap((name) => [
      fromObject(CLUSTER_TYPE_URL, ClusterSchema, {
        name: `eds-${name}`,
        type: "EDS",
        eds_cluster_config: { service_name: name, eds_config: ADS },
      }),
      fromObject(ENDPOINT_TYPE_URL, ClusterLoadAssignmentSchema, assignment(name, [port])),
      fromObject(LISTENER_TYPE_URL, ListenerSchema, {
        ...listenerJson({
          routes: [],
          manager: { rds: { route_config_name: name, config_source: ADS } },
        }),
        name: `rds-${name}`,
      }),
      fromObject(ROUTE_TYPE_URL, RouteConfigurationSchema, routeConfig("good", name)),
    ]),
  ];
}

interface Source {
  readonly typeUrl: string;
  readonly schema: DescMessage;
  readonly makers: readonly (() => HostileMessage)[];
}

function sourceOf<Desc extends DescMessage>(
  typeUrl: string,
  schema: Desc,
  messages: readonly MessageShape<Desc>[],
): Source {
  const makers = messages.flatMap((message) =>
    new HostileMessages(schema, message, messageRegistry).makers(),
  );
  return { typeUrl, schema, makers };
}

/** Every field that the sidecar implements is set in the sample. In pieces, which compile faster than the whole. */
function sources(): readonly Source[] {
  const { staticResources } = fromJson(BootstrapSchema, sampleBootstrap(), {
    registry: messageRegistry,
  });
  assert.ok(staticResources !== undefined);
  const { clusters, listeners } = staticResources;
  const own = clusters.filter((cluster) => !isByName(cluster));
  const routes = fromJson(RouteConfigurationSchema, ROUTES, { registry: messageRegistry });
  const assignments = own.flatMap(({ loadAssignment }) => loadAssignment ?? []);
  return [
    sourceOf(LISTENER_TYPE_URL, ListenerSchema, listeners.flatMap(listenerPieces)),
    sourceOf(CLUSTER_TYPE_URL, ClusterSchema, own),
    sourceOf(ROUTE_TYPE_URL, RouteConfigurationSchema, routePieces(routes)),
    sourceOf(ENDPOINT_TYPE_URL, ClusterLoadAssignmentSchema, assignments),
  ];
}

/** Names are looked up at name servers, which are not the test's. */
function isByName({ clusterDiscoveryType: { case: kind, value } }: Cluster): boolean {
  return (
    kind === "type" &&
    (value === Cluster_DiscoveryType.STRICT_DNS || value === Cluster_DiscoveryType.LOGICAL_DNS)
  );
}

/** The configuration without routes, then each route by itself. */
function routePieces(routes: RouteConfiguration): readonly RouteConfiguration[] {
  const bare = {
    ...routes,
    virtualHosts: routes.virtualHosts.map((host) => ({ ...host, routes: [] })),
  };
  const single = routes.virtualHosts.flatMap((host) =>
    host.routes.map((route) =>
      create(RouteConfigurationSchema, {
        name: "one",
        virtualHosts: [create(VirtualHostSchema, { name: "all", domains: ["*"], routes: [route] })],
      }),
    ),
  );
  return [bare, ...single];
}

/** The listener with its HTTP filters left out, then with each of them by itself. */
function listenerPieces(listener: Listener): readonly Listener[] {
  // Whatever port is free: other tests have listeners, too.
  const socket = listener.address?.address;
  if (socket?.case === "socketAddress") {
    socket.value.portSpecifier = { case: "portValue", value: 0 };
  }
  const managers = listener.filterChains.flatMap(({ filters }) => filters.flatMap(managerOf));
  const bare = clone(ListenerSchema, listener);
  for (const filter of bare.filterChains.flatMap(({ filters }) => filters)) {
    const [manager] = managerOf(filter);
    if (manager === undefined) continue;
    manager.httpFilters = manager.httpFilters.slice(-1);
    if (manager.routeSpecifier.case === "routeConfig")
      manager.routeSpecifier.value.virtualHosts = [];
    filter.configType = {
      case: "typedConfig",
      value: anyPack(HttpConnectionManagerSchema, manager),
    };
  }
  const single = managers.flatMap(({ httpFilters }) =>
    httpFilters.slice(0, -1).map((filter) => listenerWith([filter, httpFilters.at(-1)!])),
  );
  return [bare, ...single];
}

function managerOf({ configType }: Filter): readonly HttpConnectionManager[] {
  const any = configType.case === "typedConfig" ? configType.value : undefined;
  const manager = any && anyUnpack(any, HttpConnectionManagerSchema);
  return manager === undefined ? [] : [manager];
}

function listenerWith(filters: readonly HttpFilter[]): Listener {
  const listener = fromJson(ListenerSchema, listenerJson({ routes: [] }), {
    registry: messageRegistry,
  });
  const filter = listener.filterChains[0]!.filters[0]!;
  const manager = managerOf(filter)[0]!;
  manager.httpFilters = [...filters];
  filter.configType = { case: "typedConfig", value: anyPack(HttpConnectionManagerSchema, manager) };
  return listener;
}

function shuffled<T>(list: readonly T[]): readonly T[] {
  const prng = new SeededPrng(SEED);
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const other = Math.floor(prng.next() * (i + 1));
    [copy[i], copy[other]] = [copy[other]!, copy[i]!];
  }
  return copy;
}

/** As it is delivered, unless its name is what was changed. */
function named(message: Message, change: string, name: string): Message {
  const field = message.$typeName.endsWith("ClusterLoadAssignment") ? "clusterName" : "name";
  return /^(?:cluster_)?name = /.test(change) ? message : Object.assign(message, { [field]: name });
}

/** A refusal is of one resource after the other: `name: path: what is wrong; path: … | name: …`. */
function assertNamesFields(refusal: string, batch: ReadonlyMap<string, string>): number {
  let refused = 0;
  const parts = refusal.split(" | ");
  // The server keeps so much of it, which may end within a part.
  if (refusal.length >= REFUSAL_MESSAGE_CHARS_MAX && parts.length > 1) parts.pop();
  for (const part of parts) {
    const name = [...batch.keys()].find((known) => part.startsWith(`${known}: `));
    if (name === undefined) continue;
    refused += 1;
    const said = part.slice(name.length + 2);
    assert.match(
      said,
      /^[a-z_]+[a-z0-9_.[\]"@/:A-Z*-]*: \s*\S/,
      `${batch.get(name)}: ${said.slice(0, 300)}`,
    );
  }
  assert.ok(refused > 0, `a refusal of nobody: ${refusal.slice(0, 300)}`);
  return refused;
}

const all = sources();
const total = all.reduce((sum, { makers }) => sum + makers.length, 0);

for (const { typeUrl, schema, makers } of all) {
  test(`${schema.name}: whatever its fields hold, nothing else is affected`, TIMEOUT, async (t) => {
    const victim = await Victim.start(t);
    const some = shuffled(makers).slice(0, Math.ceil((MESSAGES * makers.length) / total));
    let refused = 0;
    for (let at = 0; at < some.length; at += BATCH) {
      const changes = new Map<string, string>();
      const resources = some.slice(at, at + BATCH).map((make, index) => {
        const { message, change } = make();
        changes.set(slot(index), change);
        return encoded(typeUrl, schema, slot(index), named(message, change, slot(index)));
      });
      const refusal = await victim.give(resources);
      if (refusal !== "") refused += assertNamesFields(refusal, changes);
      await victim.assertServes();
    }
    t.diagnostic(`${some.length} of ${makers.length} messages, ${refused} refused`);
    assert.ok(refused > some.length / 10);
    assert.ok(refused < some.length, "some are taken");
  });
}
