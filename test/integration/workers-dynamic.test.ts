/** Several workers and one control plane: every worker has what was acknowledged, or none has what was refused. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type DescMessage, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../src/gen/envoy/config/route/v3/route_pb.js";
import { messageRegistry } from "../../src/proxy/config/message-registry.ts";
import { type EncodedResource, encodedResource } from "../../src/xds/snapshot.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
} from "../../src/xds/type-urls.ts";
import { AdsServerFixture } from "../support/ads-server-fixture.ts";
import {
  assignment,
  bootstrapOf,
  clusterJson,
  listenerJson,
  routeConfig,
} from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import {
  askEveryWorker,
  becomes,
  firstWorker,
  metric,
  openConnections,
  socketCount,
  UnbrokenLoad,
  workerPids,
} from "../support/worker-fixture.ts";

const ADS = { ads: {}, resource_api_version: "V3" };
const CHANNEL = "control-plane";

/** What one revision of the mesh consists of. */
interface Mesh {
  /** Ports of the app that the routes lead to. */
  readonly endpoints: readonly number[];
  readonly listener?: JsonObject;
  /** More resources. */
  readonly more?: readonly EncodedResource[];
}

class WorkersUnderControl {
  readonly server: AdsServerFixture;
  readonly proxy: ProxyProcess;
  readonly port: number;

  static async start(
    context: TestContext,
    count: number,
    mesh: Mesh,
  ): Promise<WorkersUnderControl> {
    const server = await new AdsServerFixture().listen();
    context.after(() => server.stop());
    server.set(...resourcesOf(mesh));
    const bootstrap = bootstrapOf(
      [],
      [
        {
          name: CHANNEL,
          endpoints: [server.port],
          fields: {
            typed_extension_protocol_options: {
              "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type":
                  "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
          },
        },
      ],
      {
        dynamic_resources: {
          ads_config: {
            api_type: "DELTA_GRPC",
            transport_api_version: "V3",
            grpc_services: [{ envoy_grpc: { cluster_name: CHANNEL } }],
          },
          lds_config: ADS,
          cds_config: ADS,
        },
      },
    );
    const proxy = await ProxyProcess.start(context, bootstrap, ["--workers", String(count)]);
    const { body } = await proxy.admin("/listeners");
    return new WorkersUnderControl(server, proxy, Number(/:(\d+)\n/.exec(body)?.[1]));
  }

  private constructor(server: AdsServerFixture, proxy: ProxyProcess, port: number) {
    this.server = server;
    this.proxy = proxy;
    this.port = port;
  }

  /** Resolves when the proxy has acknowledged the revision. */
  async set(mesh: Mesh): Promise<void> {
    const revision = this.server.set(...resourcesOf(mesh));
    await becomes(() => this.server.acknowledged.includes(revision));
  }
}

function resourcesOf({ endpoints, listener = {}, more = [] }: Mesh): readonly EncodedResource[] {
  const [first = 0] = endpoints;
  return [
    encoded(CLUSTER_TYPE_URL, ClusterSchema, edsJson(`app-${first}`)),
    encoded(
      ENDPOINT_TYPE_URL,
      ClusterLoadAssignmentSchema,
      assignment(`app-${first}`, [...endpoints]),
    ),
    encoded(LISTENER_TYPE_URL, ListenerSchema, rdsListener(listener)),
    encoded(ROUTE_TYPE_URL, RouteConfigurationSchema, routeConfig(`app-${first}`, "routes")),
    ...more,
  ];
}

function edsJson(name: string): JsonObject {
  const { load_assignment: _, ...json } = clusterJson({ name, endpoints: [] });
  return { ...json, type: "EDS", eds_cluster_config: { eds_config: ADS } };
}

function rdsListener(manager: JsonObject): JsonObject {
  const rds = { route_config_name: "routes", config_source: ADS };
  return listenerJson({ routes: [], manager: { ...manager, rds } });
}

function encoded(typeUrl: string, schema: DescMessage, json: JsonObject): EncodedResource {
  const name = String(json["name"] ?? json["cluster_name"]);
  const message = fromJson(schema, json, { registry: messageRegistry });
  return encodedResource({ typeUrl, name, bytes: toBinary(schema, message) });
}

async function named(context: TestContext, name: string): Promise<RawUpstream> {
  return await RawUpstream.start(context, { onRequest: (request) => request.reply(name) });
}

test("what is acknowledged is in force in every worker", async (context) => {
  const [a, b] = [await named(context, "a"), await named(context, "b")];
  const mesh = await WorkersUnderControl.start(context, 3, { endpoints: [a.port] });
  const { proxy, port } = mesh;
  assert.deepEqual(await askEveryWorker(port), new Set(["a"]));
  for (let i = 0; i < 10; i++) {
    const [app, name] = i % 2 === 0 ? [b, "b"] : [a, "a"];
    await mesh.set({ endpoints: [app.port] });
    assert.deepEqual(await askEveryWorker(port), new Set([name]));
  }
  // One stream, whatever the number of workers.
  assert.equal(mesh.server.peers.length, 1);
  assert.equal(await metric(proxy, "tulle_xds_connected"), 1);
  assert.equal(await metric(proxy, "tulle_xds_rejections_total"), 0);
  const { body } = await proxy.admin("/config_dump?include_eds");
  assert.match(body, new RegExp(`"cluster_name": "app-${a.port}"`));
  assert.doesNotMatch(body, new RegExp(`app-${b.port}`));
  assert.match(body, /"active_state"/);
});

test("configuration changes under load without a failed request", async (context) => {
  const [a, b] = [await named(context, "a"), await named(context, "b")];
  const mesh = await WorkersUnderControl.start(context, 2, { endpoints: [a.port] });
  const load = new UnbrokenLoad(mesh.port);
  for (let i = 0; i < 24; i++) {
    const both = i % 3 === 0 ? [a.port, b.port] : [a.port];
    const endpoints = i % 2 === 0 ? both : [b.port];
    // The name of the server changes in place; the window of headers too, with all that is bound.
    await mesh.set({ endpoints, listener: { server_name: `revision-${i % 4}` } });
    await load.more(20);
  }
  await load.stop();
  assert.deepEqual(mesh.server.refused, []);
  assert.equal(await metric(mesh.proxy, "istio_requests_total", 'response_code="200"'), load.count);
  assert.equal(await metric(mesh.proxy, "istio_requests_total"), load.count);
});

test("what one worker must refuse all refuse, and the rest of the update is in force", async (context) => {
  const [a, b] = [await named(context, "a"), await named(context, "b")];
  const mesh = await WorkersUnderControl.start(context, 2, { endpoints: [a.port] });
  const { proxy, port, server } = mesh;
  const broken = encoded(LISTENER_TYPE_URL, ListenerSchema, {
    ...listenerJson({ name: "broken", routes: "nowhere" }),
    tcp_fast_open_queue_length: 3,
  });
  const revision = server.set(...resourcesOf({ endpoints: [b.port], more: [broken] }));
  await becomes(() => server.refused.length > 0);
  const [refusal] = server.refused;
  assert.equal(refusal?.revision, revision);
  assert.match(refusal?.message ?? "", /broken: tcp_fast_open_queue_length/);
  // Each violation is told once, however many workers found it.
  assert.equal(refusal?.message.match(/tcp_fast_open_queue_length/g)?.length, 1);
  await becomes(async () => (await askEveryWorker(port)).has("b"));
  assert.deepEqual(await askEveryWorker(port), new Set(["b"]));
  assert.match((await proxy.admin("/listeners")).body, /^main::127\.0\.0\.1:\d+\n$/);
  await mesh.set({ endpoints: [a.port] });
  assert.deepEqual(await askEveryWorker(port), new Set(["a"]));
});

test("a worker that starts later has the configuration in force before it listens", async (context) => {
  const [a, b] = [await named(context, "a"), await named(context, "b")];
  const mesh = await WorkersUnderControl.start(context, 2, { endpoints: [a.port] });
  const { proxy, port } = mesh;
  await mesh.set({ endpoints: [b.port] });
  for (let i = 0; i < 3; i++) {
    const killed = await firstWorker(proxy);
    process.kill(killed, "SIGKILL");
    // While one is down, all connections go to the others, and changes to those as well.
    await proxy.line("worker ended; starting it again");
    const [app, name] = i % 2 === 0 ? [a, "a"] : [b, "b"];
    await mesh.set({ endpoints: [app.port] });
    let answers = new Set<string>();
    await becomes(async () => {
      answers = new Set([...answers, ...(await askEveryWorker(port, 10))]);
      const pid = (await workerPids(proxy)).get(0);
      return pid !== undefined && pid !== killed;
    });
    const before = socketCount(await firstWorker(proxy));
    // It is there before it listens.
    await becomes(async () => {
      const clients = await openConnections(port, 40);
      const isServing = socketCount(await firstWorker(proxy)) > before;
      for (const client of clients) client.close();
      return isServing;
    });
    assert.deepEqual(new Set([...answers, ...(await askEveryWorker(port))]), new Set([name]));
  }
});

test("listeners come and go in all workers", async (context) => {
  const a = await named(context, "a");
  const mesh = await WorkersUnderControl.start(context, 2, { endpoints: [a.port] });
  const { proxy, port } = mesh;
  const second = encoded(
    LISTENER_TYPE_URL,
    ListenerSchema,
    listenerJson({ name: "second", routes: `app-${a.port}` }),
  );
  await mesh.set({ endpoints: [a.port], more: [second] });
  const { body } = await proxy.admin("/listeners");
  const other = Number(/^second::127\.0\.0\.1:(\d+)$/m.exec(body)?.[1]);
  assert.deepEqual(await askEveryWorker(other), new Set(["a"]));
  // On another listener's address it waits, as with one worker.
  const clash = encoded(
    LISTENER_TYPE_URL,
    ListenerSchema,
    listenerJson({ name: "clash", port: other, routes: `app-${a.port}` }),
  );
  await mesh.set({ endpoints: [a.port], more: [second, clash] });
  assert.match(
    (await proxy.admin("/config_dump")).body,
    /cannot listen on 127\.0\.0\.1:\d+: listener second of this proxy has it/,
  );
  await mesh.set({ endpoints: [a.port], more: [clash] });
  await becomes(async () => /^clash::/m.test((await proxy.admin("/listeners")).body));
  assert.doesNotMatch((await proxy.admin("/listeners")).body, /^second::/m);
  assert.deepEqual(await askEveryWorker(other), new Set(["a"]));
  assert.deepEqual(await askEveryWorker(port), new Set(["a"]));
});
