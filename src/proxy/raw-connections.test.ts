/** Sockets for what is not HTTP: counted, bounded and given up like any other connection. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { PoolFixture } from "../../test/support/pool-fixture.ts";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { TimerWheel } from "../core/timer-wheel.ts";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { CallbackFaults } from "./callback-faults.ts";
import { createDialer, type DialResult } from "./dialer.ts";

const limit = (thresholds: { readonly [name: string]: number }) => ({
  circuit_breakers: { thresholds: [{ ...thresholds }] },
});

async function listening(context: TestContext): Promise<Server> {
  const server = createServer((socket) => socket.resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return server;
}

test("a connected socket counts until it closes", () => {
  const pool = new PoolFixture();
  const results: DialResult[] = [];
  assert.ok(pool.endpoint.dialRaw((result) => results.push(result)));
  assert.deepEqual(pool.dials[0]?.alpn, [], "nothing is offered that nobody configured");
  assert.equal(pool.endpoint.activeRequests, 1, "balancers see it while it is made");
  pool.acceptRaw();
  const [result] = results;
  assert.ok(result?.kind === "connected");
  assert.equal(pool.endpoint.connectionCount, 1);
  assert.equal(pool.cluster.connectionCount, 1);
  result.socket.emit("close");
  assert.equal(pool.endpoint.connectionCount, 0);
  assert.equal(pool.cluster.connectionCount, 0);
  assert.equal(pool.endpoint.activeRequests, 0);
  assert.equal(pool.endpoint.requestsTotal, 1);
});

test("max_connections turns away, but never an endpoint's first", () => {
  const pool = new PoolFixture(limit({ max_connections: 0 }));
  assert.ok(pool.endpoint.dialRaw(() => {}));
  assert.equal(
    pool.endpoint.dialRaw(() => {}),
    undefined,
  );
  assert.equal(pool.cluster.counts.overflows, 1);
  assert.equal(pool.endpoint.activeRequests, 1);
});

test("a failure counts against the endpoint, giving up counts nothing", () => {
  const pool = new PoolFixture();
  const results: DialResult[] = [];
  pool.endpoint.dialRaw((result) => results.push(result));
  pool.failDial();
  assert.equal(results[0]?.kind, "connect-failed");
  assert.equal(pool.endpoint.connectFailures, 1);
  const dial = pool.endpoint.dialRaw(() => assert.fail("nobody wants it any more"));
  dial?.abort();
  dial?.abort();
  assert.equal(pool.endpoint.connectFailures, 1);
  assert.equal(pool.cluster.connectionCount, 0);
  assert.equal(pool.endpoint.activeRequests, 0);
  assert.equal(pool.dials.length, 0);
});

test("all of them end with the proxy, whatever state they are in", async (context) => {
  const server = await listening(context);
  const faults = new CallbackFaults(new MetricRegistry(), silentLogger);
  const timers = new TimerWheel(new ManualClock(), 20);
  const pool = new PoolFixture(
    {},
    createDialer({ connectTimeoutMs: 1_000, timers, faults, tls: undefined }),
    (server.address() as AddressInfo).port,
  );
  const socket = await new Promise<Socket>((resolve, reject) => {
    pool.endpoint.dialRaw((result) => {
      if (result.kind === "connected") resolve(result.socket);
      else reject(new Error(result.kind));
    });
  });
  pool.endpoint.dialRaw(() => assert.fail("it is given up"));
  const closed = once(socket, "close");
  pool.endpoint.remove();
  assert.equal(socket.destroyed, false, "it cannot be moved to another endpoint");
  pool.endpoint.abort();
  await closed;
  assert.equal(pool.cluster.connectionCount, 0);
  assert.equal(pool.endpoint.activeRequests, 0);
});
