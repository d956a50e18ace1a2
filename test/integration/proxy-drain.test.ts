/** How a proxy lets go of its callers, and how its process ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { DRAIN_LAG_MS } from "../../src/core/limits.ts";
import { Drain } from "../../src/proxy/drain.ts";
import { bootstrapOf, type ListenerSpec } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { SPEAKS } from "../support/tunnel-fixture.ts";

const INBOUND: ListenerSpec = { name: "in", direction: "INBOUND", routes: "app" };
const OUTBOUND: ListenerSpec = { name: "out", direction: "OUTBOUND", routes: "app" };

async function setUp(context: TestContext) {
  const clock = new ManualClock();
  const app = await RawUpstream.start(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([INBOUND, OUTBOUND], [{ name: "app", endpoints: [app.port] }]),
    { clock },
  );
  let announced = 0;
  const onAnnounce = (): void => {
    announced += 1;
  };
  const drain = new Drain({ clock, proxy: proxy.dataPlane, onAnnounce });
  const connect = async (listener: string): Promise<RawClient> => {
    const client = await RawClient.connect(proxy.port(listener));
    context.after(() => client.close());
    return client;
  };
  return { app, proxy, clock, drain, connect, announced: () => announced };
}

async function refuses(port: number): Promise<void> {
  await assert.rejects(RawClient.connect(port), /ECONNREFUSED/);
}

/** Resolves when it refuses connections, which it may still take some turns to do. */
async function closes(port: number): Promise<void> {
  for (;;) {
    const client = await RawClient.connect(port).catch(() => undefined);
    if (client === undefined) return;
    client.close();
  }
}

test("a graceful drain announces, accepts for a while, then closes and finishes", async (context) => {
  const { app, proxy, clock, drain, connect, announced } = await setUp(context);
  const busy = await connect("in");
  busy.get("/busy");
  const request = await app.next();
  const done = drain.run({ direction: "inbound", isGraceful: true, graceMs: 10_000 });
  assert.equal(announced(), 1);
  // Nobody comes, and still the door stays open until the end of the lag.
  clock.advance(DRAIN_LAG_MS - 1);
  const late = await connect("in");
  late.get("/late");
  (await app.next()).reply("late");
  const response = await late.response();
  assert.equal(response.body, "late");
  assert.ok(RawClient.closes(response));
  late.close();
  const fresh = await connect("in");
  while (proxy.httpServer("in").connections.size !== 2) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  clock.advance(1);
  await closes(proxy.port("in"));
  request.reply("done");
  const last = await busy.response();
  assert.equal(last.body, "done");
  assert.ok(RawClient.closes(last));
  busy.close();
  // One that had just connected may still send its first request, for a moment.
  fresh.get("/first");
  (await app.next()).reply("first");
  assert.equal((await fresh.response()).body, "first");
  fresh.close();
  await done;
  // The other direction goes on.
  const out = await connect("out");
  out.get("/out");
  (await app.next()).reply("out");
  assert.equal(RawClient.closes(await out.response()), false);
});

test("a drain that is not graceful closes listeners at once", async (context) => {
  const { app, proxy, drain, connect } = await setUp(context);
  const idle = await connect("in");
  idle.get();
  (await app.next()).reply();
  await idle.response();
  const done = drain.run({ direction: "all", isGraceful: false, graceMs: 10_000 });
  assert.deepEqual(await idle.ending(), { how: "end", unread: "" });
  idle.close();
  await done;
  await refuses(proxy.port("in"));
  await refuses(proxy.port("out"));
});

test("a response that has begun is finished, then its connection ends", async (context) => {
  const { app, drain, connect, proxy } = await setUp(context);
  const client = await connect("in");
  client.get();
  const { connection } = await app.next();
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  await client.text(/ab$/);
  const done = drain.run({ direction: "all", isGraceful: false, graceMs: 10_000 });
  await closes(proxy.port("in"));
  connection.send("cd");
  assert.equal((await client.response()).body, "abcd");
  assert.deepEqual(await client.ending(), { how: "end", unread: "" });
  client.close();
  await done;
});

test("what does not finish in time does not hold the drain up", async (context) => {
  const { app, clock, drain, connect } = await setUp(context);
  const stuck = await connect("in");
  stuck.get();
  await app.next();
  const done = drain.run({ direction: "all", isGraceful: false, graceMs: 3_000 });
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(3_000);
  await done;
});

test("a second drain waits no second time, and is announced once", async (context) => {
  const { clock, drain, proxy, announced } = await setUp(context);
  const first = drain.run({ direction: "inbound", isGraceful: true, graceMs: 10_000 });
  clock.advance(DRAIN_LAG_MS);
  await first;
  await drain.run({ direction: "all", isGraceful: true, graceMs: 10_000 });
  await refuses(proxy.port("out"));
  assert.equal(announced(), 1);
});

async function startProcess(context: TestContext, ...listeners: readonly ListenerSpec[]) {
  const app = await RawUpstream.start(context);
  const bootstrap = bootstrapOf(listeners, [{ name: "app", endpoints: [app.port] }]);
  return { app, proxy: await ProxyProcess.start(context, bootstrap) };
}

test("SIGTERM finishes what is in flight, then the process ends by itself", async (context) => {
  const { app, proxy } = await startProcess(context, OUTBOUND);
  const client = await RawClient.connect(proxy.port("out"));
  client.get();
  const request = await app.next();
  proxy.child.kill("SIGTERM");
  await proxy.line("draining");
  request.reply("done");
  const response = await client.response();
  assert.equal(response.body, "done");
  assert.ok(RawClient.closes(response));
  client.close();
  assert.equal(await proxy.exit(), 0);
});

test("SIGTERM ends a gRPC stream that outlasts the drain with UNAVAILABLE", async (context) => {
  const app = http2.createServer().listen(0, "127.0.0.1");
  await once(app, "listening");
  context.after(() => app.close());
  app.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write("tick");
  });
  const { port } = app.address() as AddressInfo;
  const clusters = [{ name: "app", endpoints: [port], fields: SPEAKS.http2 }];
  const proxy = await ProxyProcess.start(context, bootstrapOf([OUTBOUND], clusters));
  const session = http2.connect(`http://127.0.0.1:${proxy.port("out")}`);
  context.after(() => session.destroy());
  const goaway = once(session, "goaway");
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/Ticker/Watch", te: "trailers" },
    "content-type": "application/grpc",
  });
  const trailers = once(stream, "trailers");
  await once(stream, "data");
  proxy.child.kill("SIGTERM");
  assert.equal((await goaway)[0], http2.constants.NGHTTP2_NO_ERROR);
  const [fields] = await trailers;
  assert.equal(fields["grpc-status"], "14");
  assert.equal(fields["grpc-message"], "the sidecar stopped; call again");
  await once(stream, "close");
  assert.equal(stream.rstCode, http2.constants.NGHTTP2_NO_ERROR);
  assert.equal(await proxy.exit(), 0);
});

test("SIGTERM lets callers of an inbound listener come for a while", async (context) => {
  const { app, proxy } = await startProcess(context, INBOUND);
  proxy.child.kill("SIGTERM");
  await proxy.line("draining");
  assert.deepEqual(await proxy.admin("/ready"), { status: 503, body: "DRAINING\n" });
  const client = await RawClient.connect(proxy.port("in"));
  client.get();
  (await app.next()).reply("welcome");
  assert.equal((await client.response()).body, "welcome");
  client.close();
  assert.equal(await proxy.exit(), 0);
});

test("a second signal ends the process at once", async (context) => {
  const { app, proxy } = await startProcess(context, INBOUND);
  const client = await RawClient.connect(proxy.port("in"));
  client.get();
  await app.next();
  proxy.child.kill("SIGTERM");
  await proxy.line("draining");
  proxy.child.kill("SIGINT");
  assert.equal(await proxy.exit(), 130);
  client.close();
});

test("/quitquitquit ends the process", async (context) => {
  const { proxy } = await startProcess(context, OUTBOUND);
  assert.equal((await proxy.admin("/quitquitquit", "POST")).status, 200);
  assert.equal(await proxy.exit(), 0);
});

test("/drain_listeners?graceful answers when callers have let go", async (context) => {
  const { app, proxy } = await startProcess(context, INBOUND, OUTBOUND);
  const drained = proxy.admin("/drain_listeners?graceful&inboundonly", "POST");
  while ((await proxy.admin("/ready")).status === 200) {
    // The request to drain is on its way.
  }
  const client = await RawClient.connect(proxy.port("in"));
  client.get();
  (await app.next()).reply("welcome");
  assert.equal((await client.response()).body, "welcome");
  client.close();
  assert.equal((await drained).status, 200);
  await refuses(proxy.port("in"));
  const out = await RawClient.connect(proxy.port("out"));
  out.get();
  (await app.next()).reply("out");
  assert.equal((await out.response()).body, "out");
  out.close();
  proxy.child.kill("SIGTERM");
  assert.equal(await proxy.exit(), 0);
});

test("/drain_listeners closes at once", async (context) => {
  const { proxy } = await startProcess(context, INBOUND, OUTBOUND);
  assert.equal((await proxy.admin("/drain_listeners", "POST")).status, 200);
  await closes(proxy.port("in"));
  await closes(proxy.port("out"));
});

test("a port that is taken ends the start with a reason, and the process", async (context) => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  context.after(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  const proxy = ProxyProcess.spawn(
    context,
    bootstrapOf([OUTBOUND, { ...INBOUND, port }], [{ name: "app", endpoints: [1] }]),
  );
  assert.equal(await proxy.exit(), 1);
  assert.match(
    proxy.words.join("\n"),
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: address already in use`),
  );
});

test("SIGTERM ends a sidecar that still waits for its control plane", async (context) => {
  const proxy = ProxyProcess.spawn(context, {
    node: { id: "lonely", cluster: "lonely" },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
      },
      lds_config: { ads: {}, resource_api_version: "V3" },
      cds_config: { ads: {}, resource_api_version: "V3" },
    },
    static_resources: {
      clusters: [
        {
          name: "xds",
          type: "STATIC",
          load_assignment: {
            cluster_name: "xds",
            endpoints: [
              {
                lb_endpoints: [
                  {
                    endpoint: {
                      address: { socket_address: { address: "127.0.0.1", port_value: 1 } },
                    },
                  },
                ],
              },
            ],
          },
        },
      ],
    },
  });
  const ready = await proxy.admin("/ready");
  assert.equal(ready.status, 503);
  assert.match(ready.body, /waiting for the control plane/);
  proxy.child.kill("SIGTERM");
  assert.equal(await proxy.exit(), 0);
});
