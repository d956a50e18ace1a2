/**
 * A real Envoy fed by our ADS server, over both variants: it accepts everything, nothing stays warming, and
 * traffic flows while clusters, endpoints, listeners and routes are replaced under it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import test, { after, before, describe } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { ListenerSchema } from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { RouterSchema } from "../../src/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { type EncodedResource, encodedResource } from "../../src/xds/snapshot.ts";
import { CLUSTER_TYPE_URL, LISTENER_TYPE_URL, shortTypeName } from "../../src/xds/type-urls.ts";
import { AdsServerFixture } from "../support/ads-server-fixture.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { EnvoyProcess, eventually } from "../support/envoy-process.ts";
import { assignment, edsCluster, routeTo } from "../support/xds-resources.ts";

const envoy = await envoyOrSkip();
const LISTENER = "outbound";
const ROUTE = "routes";

function bootstrap(apiType: string, adsPort: number): Record<string, unknown> {
  const adsAddress = { socket_address: { address: "127.0.0.1", port_value: adsPort } };
  const endpoint = { endpoint: { address: adsAddress } };
  const source = { resource_api_version: "V3", ads: {} };
  return {
    node: { id: "envoy-1", cluster: "interop" },
    dynamic_resources: {
      ads_config: {
        api_type: apiType,
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
      },
      cds_config: source,
      lds_config: source,
    },
    static_resources: {
      clusters: [
        {
          name: "xds",
          type: "STATIC",
          connect_timeout: "1s",
          load_assignment: { cluster_name: "xds", endpoints: [{ lb_endpoints: [endpoint] }] },
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}

/** An HTTP listener on any port that takes its routes over ADS. */
function httpListener(statPrefix: string): EncodedResource {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix,
    routeSpecifier: {
      case: "rds",
      value: {
        routeConfigName: ROUTE,
        configSource: { configSourceSpecifier: { case: "ads", value: {} }, resourceApiVersion: 2 },
      },
    },
    httpFilters: [
      {
        name: "envoy.filters.http.router",
        configType: { case: "typedConfig", value: anyPack(RouterSchema, create(RouterSchema)) },
      },
    ],
  });
  const filter = {
    name: "envoy.filters.network.http_connection_manager",
    configType: {
      case: "typedConfig",
      value: anyPack(HttpConnectionManagerSchema, manager),
    },
  } as const;
  const portSpecifier = { case: "portValue", value: 0 } as const;
  const socketAddress = { address: "127.0.0.1", portSpecifier };
  const listener = create(ListenerSchema, {
    name: LISTENER,
    address: { address: { case: "socketAddress", value: socketAddress } },
    filterChains: [{ filters: [filter] }],
  });
  const bytes = toBinary(ListenerSchema, listener);
  return encodedResource({ typeUrl: LISTENER_TYPE_URL, name: LISTENER, bytes });
}

/** An upstream that answers with its name. */
async function upstream(name: string): Promise<http.Server> {
  const server = http.createServer((_request, response) => response.end(name));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const portOf = (server: http.Server): number => (server.address() as AddressInfo).port;

for (const apiType of ["DELTA_GRPC", "GRPC"]) {
  describe(`Envoy over ${apiType}`, { skip: envoy.skip ?? false }, () => {
    let fixture: AdsServerFixture;
    let proxy: EnvoyProcess;
    let one: http.Server;
    let two: http.Server;

    before(async () => {
      [one, two] = await Promise.all([upstream("one"), upstream("two")]);
      fixture = await new AdsServerFixture().listen();
      fixture.set(
        edsCluster("first"),
        assignment("first", portOf(one)),
        httpListener("a"),
        routeTo(ROUTE, "first"),
      );
      const binary = envoy.path ?? "";
      proxy = await EnvoyProcess.start({ binary, bootstrap: bootstrap(apiType, fixture.port) });
    });
    after(async () => {
      await proxy?.stop();
      fixture?.stop();
      for (const server of [one, two]) server?.close();
    });

    /** Port of the listener as Envoy has it now. */
    async function listenerPort(): Promise<number> {
      const { listener_statuses: statuses } = JSON.parse(
        await proxy.admin("/listeners?format=json"),
      ) as {
        listener_statuses: { local_address: { socket_address: { port_value: number } } }[];
      };
      return statuses[0]?.local_address.socket_address.port_value ?? 0;
    }

    async function get(): Promise<string> {
      const response = await fetch(`http://127.0.0.1:${await listenerPort()}/`);
      return `${response.status} ${await response.text()}`;
    }

    const serves = (answer: string): Promise<string> =>
      eventually(`Envoy answers ${answer}`, get, (got) => got === answer);

    const acknowledges = (revision: number): Promise<unknown> =>
      eventually(
        `revision ${revision} is acknowledged`,
        async () => fixture.record,
        (record) => record.acknowledgedRevision === revision,
      );

    async function assertHealthy(): Promise<void> {
      const rejected = await proxy.stats(/update_rejected$/);
      assert.ok(rejected.size >= 3, "CDS, LDS and RDS count their rejections");
      for (const [name, count] of rejected) assert.equal(count, 0, name);
      for (const [name, count] of await proxy.stats(/init_fetch_timeout$/)) {
        assert.equal(count, 0, `${name}: something warmed only because Envoy gave up waiting`);
      }
      const warming = await eventually(
        "nothing is warming",
        () => proxy.stats(/(warming_clusters|total_listeners_warming|warming_state)$/),
        (gauges) => [...gauges.values()].every((value) => value === 0),
      );
      assert.ok(warming.size >= 2);
      const dump = await proxy.admin("/config_dump");
      assert.doesNotMatch(dump, /dynamic_warming_clusters|warming_state"|error_state/);
      assert.deepEqual(fixture.refused, []);
    }

    test("takes its first configuration and serves", async () => {
      await serves("200 one");
      await acknowledges(1);
      await assertHealthy();
    });

    test("takes new endpoints", async () => {
      const revision = fixture.set(
        edsCluster("first"),
        assignment("first", portOf(two)),
        httpListener("a"),
        routeTo(ROUTE, "first"),
      );
      await serves("200 two");
      await acknowledges(revision);
      await assertHealthy();
    });

    test("a cluster that changes does not stay warming though its endpoints did not change", async () => {
      const revision = fixture.set(
        edsCluster("first", 2),
        assignment("first", portOf(two)),
        httpListener("a"),
        routeTo(ROUTE, "first"),
      );
      await acknowledges(revision);
      await assertHealthy();
      await serves("200 two");
      assert.match(await proxy.admin("/config_dump"), /"connect_timeout": "2s"/);
    });

    test("no request fails while traffic moves from cluster to cluster", async () => {
      let isMoving = true;
      const answers = new Map<string, number>();
      const load = (async () => {
        while (isMoving) {
          const answer = await get();
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }
      })();
      for (let move = 0; move < 10; move++) {
        const target = move % 2 === 0 ? one : two;
        const name = `moved-${move}`;
        const revision = fixture.set(
          edsCluster(name),
          assignment(name, portOf(target)),
          httpListener("a"),
          routeTo(ROUTE, name),
        );
        await acknowledges(revision);
      }
      isMoving = false;
      await load;
      assert.deepEqual([...answers.keys()].toSorted(), ["200 one", "200 two"]);
      await assertHealthy();
      const clusters = await proxy.admin("/clusters");
      assert.doesNotMatch(clusters, /^moved-[0-8]:/m, "clusters no route uses are removed");
    });

    test("takes a changed listener", async () => {
      const revision = fixture.set(
        edsCluster("moved-9"),
        assignment("moved-9", portOf(two)),
        httpListener("b"),
        routeTo(ROUTE, "moved-9"),
      );
      await acknowledges(revision);
      await serves("200 two");
      await assertHealthy();
    });

    test("comes back after its stream was cut and gets what changed meanwhile", async () => {
      fixture.ads.closeAll();
      const streams = fixture.peers.length;
      const revision = fixture.set(
        edsCluster("after"),
        assignment("after", portOf(one)),
        httpListener("b"),
        routeTo(ROUTE, "after"),
      );
      await eventually(
        "Envoy reconnects",
        async () => fixture.peers.length,
        (count) => count > streams,
      );
      await acknowledges(revision);
      await serves("200 one");
      await eventually(
        "the old cluster is gone",
        () => proxy.admin("/clusters"),
        (clusters) => !/^moved-9:/m.test(clusters),
      );
      await assertHealthy();
    });

    test("refuses a bad cluster, says so, and keeps serving", async () => {
      const good = [
        edsCluster("after"),
        assignment("after", portOf(one)),
        httpListener("b"),
        routeTo(ROUTE, "after"),
      ];
      // Field 4 (connect_timeout) as a message that is no duration.
      const bytes = Buffer.from("\n\x03bad\x22\x02\x08\x00\x10\x03", "latin1");
      fixture.set(...good, encodedResource({ typeUrl: CLUSTER_TYPE_URL, name: "bad", bytes }));
      const [refusal] = await eventually(
        "Envoy refuses the cluster",
        async () => fixture.refused,
        (refused) => refused.length > 0,
      );
      assert.equal(shortTypeName(refusal?.typeUrl ?? ""), "CDS");
      assert.deepEqual(refusal?.names, ["bad"]);
      await serves("200 one");
      const revision = fixture.set(...good);
      await acknowledges(revision);
      await serves("200 one");
    });
  });
}
