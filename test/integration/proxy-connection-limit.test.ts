/** The bound on connections of a whole proxy: who comes in, who is closed at once, and whose place is free again. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { serverTls } from "../support/http2-options.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { becomes, metric } from "../support/worker-fixture.ts";

const REFUSED = "tulle_downstream_connections_refused_total";
const ACTIVE = "tulle_downstream_connections_active";

function overload(max: number): JsonObject {
  return {
    overload_manager: {
      resource_monitors: [
        {
          name: "envoy.resource_monitors.global_downstream_max_connections",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            max_active_downstream_connections: max,
          },
        },
      ],
    },
  };
}

/** Whether the proxy serves a new connection or closes it without an answer. */
async function isServed(context: TestContext, port: number): Promise<RawClient | undefined> {
  const client = await RawClient.connect(port);
  context.after(() => client.close());
  client.get("/");
  const answer = await client.response().catch(() => undefined);
  return answer === undefined ? undefined : client;
}

test("one connection too many is closed at once, over all listeners, and told once", async (context) => {
  const app = await RawUpstream.echo(context);
  const bootstrap = bootstrapOf(
    [{ routes: "app" }, { name: "other", routes: "app" }],
    [{ name: "app", endpoints: [app.port] }],
  );
  const proxy = await ProxyFixture.start(context, bootstrap, { connectionsMax: 3 });
  const served = [
    await isServed(context, proxy.port()),
    await isServed(context, proxy.port("other")),
    await isServed(context, proxy.port()),
  ];
  assert.ok(served.every((client) => client !== undefined));
  for (const listener of ["main", "other", "main"]) {
    assert.equal(await isServed(context, proxy.port(listener)), undefined);
  }
  assert.equal(proxy.metric(REFUSED, 'reason="connection-limit"'), 3);
  const lines = proxy.log.filter(({ message }) =>
    String(message).startsWith("connections refused"),
  );
  assert.deepEqual(
    lines.map(({ listener, limit }) => [listener, limit]),
    [["main", 3]],
  );
  // Those that are in are served on, and a place that one of them leaves is another's.
  served[0]?.get("/again");
  assert.equal((await served[0]?.response())?.status, 200);
  served[1]?.close();
  await becomes(() => proxy.metric(ACTIVE) === 2);
  assert.ok(await isServed(context, proxy.port("other")));
});

test("places of TLS connections are given back, whether or not their handshake came to its end", async (context) => {
  const app = await RawUpstream.echo(context);
  const tls = serverTls(keyPair(rootOf(), [idFor("app")]), "http/1.1");
  const bootstrap = bootstrapOf([{ routes: "app", tls }], [{ name: "app", endpoints: [app.port] }]);
  const proxy = await ProxyFixture.start(context, bootstrap, { connectionsMax: 1 });
  for (let i = 0; i < 4; i++) {
    const silent = await RawClient.connect(proxy.port());
    if (i % 2 === 0) silent.send("this is no handshake\r\n\r\n");
    else silent.socket.resetAndDestroy();
    await silent.ending();
    silent.close();
    let client: RawClient | undefined;
    await becomes(async () => {
      client = await RawClient.connectTls(proxy.port(), {}).catch(() => undefined);
      return client !== undefined;
    });
    client?.get("/");
    assert.equal((await client?.response())?.status, 200);
    client?.close();
    await client?.ending();
  }
});

test("with workers each takes its part, and the admin port answers beyond the bound", async (context) => {
  const app = await RawUpstream.echo(context);
  const bootstrap = bootstrapOf(
    [{ routes: "app" }],
    [{ name: "app", endpoints: [app.port] }],
    overload(4),
  );
  const proxy = await ProxyProcess.start(context, bootstrap, ["--workers", "2"]);
  const port = proxy.port("main");
  let refused = 0;
  // The kernel deals connections out at random: some are refused before all places are taken.
  await becomes(async () => {
    if ((await isServed(context, port)) === undefined) refused += 1;
    return (await metric(proxy, ACTIVE)) === 4;
  });
  for (let i = 0; i < 8; i++) assert.equal(await isServed(context, port), undefined);
  assert.equal(await metric(proxy, REFUSED, 'reason="connection-limit"'), refused + 8);
  assert.equal(await metric(proxy, ACTIVE), 4);
});

test("a bound that makes no sense ends the start, and the message names the field", async (context) => {
  const proxy = ProxyProcess.spawn(context, bootstrapOf([], [], overload(0)));
  assert.equal(await proxy.exit(), 2);
  assert.match(
    proxy.words.join("\n"),
    /overload_manager\.resource_monitors\[0\]\.typed_config\.max_active_downstream_connections: must be above 0/,
  );
});
