/** The pool of multiplexed connections: which one a request goes to, when one is made, when one ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { PoolFixture, turn } from "../../test/support/pool-fixture.ts";
import {
  SHARED_CONNECTION_AGE_MS,
  SHARED_CONNECTION_STREAMS_SOFT_MAX as SOFT,
  UPSTREAM_IDLE_TIMEOUT_MS,
} from "../core/limits.ts";

const TYPE = "type.googleapis.com/envoy";

function options(choice: JsonObject, common: JsonObject = {}): JsonObject {
  return {
    typed_extension_protocol_options: {
      http: {
        "@type": `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
        common_http_protocol_options: common,
        ...choice,
      },
    },
  };
}

const EXPLICIT_2: JsonObject = { explicit_http_config: { http2_protocol_options: {} } };
const HTTP2 = options(EXPLICIT_2);
const AUTO: JsonObject = {
  ...options({ auto_config: {} }),
  transport_socket: {
    name: "tls",
    typed_config: {
      "@type": `${TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
      common_tls_context: {},
    },
  },
};

function limits(thresholds: JsonObject): JsonObject {
  return { circuit_breakers: { thresholds: [thresholds] } };
}

test("requests that come while the first connection is made all go onto it", () => {
  const pool = new PoolFixture(HTTP2);
  pool.request(20);
  assert.equal(pool.dials.length, 1);
  assert.deepEqual(pool.dials[0]?.alpn, ["h2"]);
  pool.connect();
  assert.deepEqual(pool.loads, [20]);
  assert.equal(pool.endpoint.waitingCount, 0);
  pool.request();
  assert.deepEqual(pool.loads, [21]);
  assert.equal(pool.dials.length, 0);
});

test("above the soft limit another connection is made, for which nobody waits", () => {
  const pool = new PoolFixture(HTTP2);
  pool.request();
  pool.connect();
  pool.request(SOFT - 1);
  assert.equal(pool.dials.length, 0);
  const [next] = pool.request();
  assert.ok(next?.connection);
  pool.request(3);
  assert.deepEqual(pool.loads, [SOFT + 4]);
  assert.equal(pool.dials.length, 1);
  pool.connect();
  pool.request(2);
  assert.deepEqual(pool.loads, [SOFT + 4, 2]);
});

test("the fullest below the soft limit is used, so that the others become idle and end", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.request();
  const first = pool.connect();
  pool.request(SOFT);
  const second = pool.connect();
  pool.request(2);
  assert.deepEqual(pool.loads, [SOFT + 1, 2]);
  second.answer(2);
  first.answer(11);
  pool.nowMs += UPSTREAM_IDLE_TIMEOUT_MS;
  pool.endpoint.sweep();
  assert.equal(second.isClosed, false, "not before its limit");
  pool.request(5);
  assert.deepEqual(pool.loads, [SOFT - 5, 0]);
  pool.nowMs += 1;
  pool.endpoint.sweep();
  await turn();
  assert.equal(second.isClosed, true);
  assert.equal(first.isClosed, false, "it has requests");
  assert.equal(pool.endpoint.connectionCount, 1);
  assert.equal(pool.cluster.connectionCount, 1);
});

test("a connection whose peer does not read is used only when there is no other", () => {
  const pool = new PoolFixture(HTTP2);
  pool.request();
  const first = pool.connect();
  first.isBlocked = true;
  pool.request();
  assert.deepEqual(pool.loads, [2]);
  pool.connect();
  pool.request();
  assert.deepEqual(pool.loads, [2, 1]);
});

test("few are made for load; then they are shared, and more are made only when all are full", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.request();
  pool.connect();
  while (pool.connections.length < 4) {
    while (pool.dials.length === 0) pool.request();
    pool.connect();
  }
  assert.deepEqual(pool.loads, [SOFT + 1, SOFT + 1, SOFT + 1, 0]);
  pool.request(400 - 3 * (SOFT + 1));
  assert.deepEqual(pool.loads, [100, 100, 100, 100]);
  assert.equal(pool.dials.length, 0);
  const [a, b] = pool.request(2);
  assert.equal(pool.endpoint.waitingCount, 2);
  assert.equal(pool.dials.length, 1);
  pool.connections[2]?.answer();
  await turn();
  assert.equal(a?.connection, pool.connections[2], "who waits longest is first");
  pool.connect();
  assert.equal(b?.connection, pool.connections[4]);
});

test("what one handshake agreed on is expected of the next", () => {
  const pool = new PoolFixture(AUTO);
  pool.request(3);
  assert.equal(pool.dials.length, 1, "nothing is known yet");
  assert.deepEqual(pool.dials[0]?.alpn, ["h2", "http/1.1"]);
  const first = pool.connect("h2");
  assert.equal(first.codec, "http2");
  assert.deepEqual(pool.loads, [3]);
  const older = new PoolFixture(AUTO);
  older.request(3);
  assert.equal(older.connect("http/1.1").codec, "http1");
  assert.equal(older.dials.length, 2, "one for each that still waits");
  older.connect("http/1.1");
  assert.equal(older.connect().codec, "http1", "a peer that agrees on nothing");
  older.request(2);
  assert.equal(older.dials.length, 2);
});

test("a connection that goes away is not used any more, and those that wait get another", async () => {
  const pool = new PoolFixture({ ...HTTP2, ...limits({ max_connections: 1 }) });
  pool.streamsMax = 2;
  pool.request(2);
  const first = pool.connect();
  const [waiting] = pool.request();
  assert.equal(pool.dials.length, 0, "the limit of the cluster");
  first.goAway();
  assert.equal(pool.dials.length, 1, "each endpoint may have one that takes requests");
  const second = pool.connect();
  assert.equal(waiting?.connection, second);
  first.answer(2);
  await turn();
  assert.equal(pool.cluster.connectionCount, 1);
});

test("an old connection makes way once its successor is there", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.request(2);
  const old = pool.connect();
  pool.nowMs += SHARED_CONNECTION_AGE_MS * 0.9;
  pool.endpoint.sweep();
  assert.equal(pool.dials.length, 0);
  pool.nowMs += 1;
  pool.endpoint.sweep();
  pool.endpoint.sweep();
  assert.equal(pool.dials.length, 1);
  pool.failDial();
  pool.request();
  assert.deepEqual(pool.loads, [3], "where none can be made it carries on");
  pool.endpoint.sweep();
  assert.equal(pool.dials.length, 0, "not at once again");
  pool.nowMs += 1_000;
  pool.endpoint.sweep();
  pool.connect();
  assert.equal(old.isDraining, true);
  pool.request();
  assert.deepEqual(pool.loads, [3, 1]);
  old.answer(3);
  await turn();
  assert.equal(pool.endpoint.connectionCount, 1);
});

test("an old connection makes way at once when it is idle, or when no other may be made", async () => {
  const common = { max_connection_duration: "60s", idle_timeout: "0s" };
  const pool = new PoolFixture({
    ...options(EXPLICIT_2, common),
    ...limits({ max_connections: 1 }),
  });
  pool.request();
  const busy = pool.connect();
  pool.nowMs += 60_001;
  pool.endpoint.sweep();
  assert.equal(busy.isDraining, true);
  pool.request();
  const idle = pool.connect();
  idle.answer();
  pool.nowMs += 60_001;
  pool.endpoint.sweep();
  await turn();
  assert.equal(idle.isClosed, true);
  assert.equal(pool.dials.length, 0);
});

test("a connection takes as many requests as it may, of either version", async () => {
  const common = { max_requests_per_connection: 2 };
  const pool = new PoolFixture(options(EXPLICIT_2, common));
  pool.request(3);
  const first = pool.connect();
  assert.deepEqual(pool.loads, [2]);
  assert.equal(first.isDraining, true);
  pool.connect();
  assert.deepEqual(pool.loads, [2, 1]);
  const http1 = new PoolFixture(
    options({ explicit_http_config: { http_protocol_options: {} } }, common),
  );
  http1.request();
  const only = http1.connect();
  only.answer();
  http1.request();
  assert.deepEqual(http1.loads, [1]);
  only.answer();
  await turn();
  assert.equal(only.isClosed, true);
});

test("a failed dial fails all that waited for it", () => {
  const pool = new PoolFixture(HTTP2);
  const waiting = pool.request(5);
  pool.failDial();
  assert.deepEqual(
    waiting.map(({ failure }) => failure?.kind),
    waiting.map(() => "connect-failed"),
  );
  assert.equal(pool.endpoint.connectFailures, 1);
  assert.equal(pool.cluster.counts.connectFailures, 1);
  assert.equal(pool.cluster.connectionCount, 0);
});

test("a peer that closes each connection before its use is not dialled for ever", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.streamsMax = 0;
  const [request] = pool.request();
  const connection = pool.connect();
  connection.destroy();
  await turn();
  assert.equal(request?.failure?.kind, "connection-closed");
  assert.equal(pool.endpoint.connectFailures, 1);
});

test("requests beyond max_pending_requests are turned away only while there is no connection", () => {
  const pool = new PoolFixture({ ...HTTP2, ...limits({ max_pending_requests: 2 }) });
  pool.request(3);
  assert.equal(pool.endpoint.waitingCount, 2);
  assert.equal(pool.cluster.counts.overflows, 1);
  pool.connect();
  pool.request(10);
  assert.deepEqual(pool.loads, [12]);
  assert.equal(pool.cluster.counts.overflows, 1);
});

test("who waits is not failed by a connection that ends behind its requests", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.streamsMax = 1;
  pool.request();
  const used = pool.connect();
  const [waiting] = pool.request();
  used.destroy();
  await turn();
  assert.equal(waiting?.failure, undefined);
  assert.equal(pool.connect(), waiting?.connection);
});

test("nothing is dialled for a request that the next turn serves", async () => {
  const pool = new PoolFixture();
  pool.request();
  const first = pool.connect();
  pool.request();
  assert.equal(pool.dials.length, 1);
  first.answer();
  pool.request();
  await turn();
  assert.deepEqual(pool.loads, [1]);
  assert.equal(pool.dials.length, 1);
});

test("a shared connection is idle since its last request", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.request();
  const connection = pool.connect();
  pool.nowMs += UPSTREAM_IDLE_TIMEOUT_MS;
  connection.answer();
  pool.nowMs += UPSTREAM_IDLE_TIMEOUT_MS;
  pool.endpoint.sweep();
  await turn();
  assert.equal(connection.isClosed, false);
});

test("an endpoint that leaves drains its connections, those on their way too", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.request();
  const busy = pool.connect();
  pool.request(SOFT);
  pool.endpoint.remove();
  assert.equal(busy.isDraining, true);
  assert.equal(busy.isClosed, false);
  assert.equal(pool.connect().isClosed, true);
  busy.answer(SOFT + 1);
  await turn();
  assert.equal(busy.isClosed, true);
  assert.equal(pool.endpoint.connectionCount, 0);
});

test("nothing is left of a pool that is aborted, and nothing is begun", async () => {
  const pool = new PoolFixture(HTTP2);
  pool.streamsMax = 1;
  pool.request();
  pool.connect();
  pool.request(2);
  pool.endpoint.abort();
  await turn();
  assert.equal(pool.dials.length, 0);
  assert.equal(pool.endpoint.connectionCount, 0);
  assert.equal(pool.endpoint.waitingCount, 0);
  assert.equal(pool.cluster.connectionCount, 0);
});

test("an exchange that throws ends alone", () => {
  const pool = new PoolFixture(HTTP2);
  const [broken] = pool.request(2);
  assert.ok(broken);
  broken.onReady = () => {
    throw new Error("broken");
  };
  pool.connect();
  assert.deepEqual(pool.loads, [1]);
  assert.deepEqual(broken.failure, {
    kind: "protocol-error",
    reason: "an error of this proxy",
  });
});

test("a cluster that speaks what its clients do keeps connections of both kinds", () => {
  const pool = new PoolFixture(options({ use_downstream_protocol_config: {} }));
  pool.request(2, true);
  pool.request(2, false);
  assert.deepEqual(
    pool.dials.map(({ alpn }) => alpn),
    [["h2"], ["http/1.1"], ["http/1.1"]],
  );
  for (let i = 0; i < 3; i++) pool.connect();
  assert.deepEqual(
    pool.connections.map(({ codec, requests }) => [codec, requests.length]),
    [
      ["http2", 2],
      ["http1", 1],
      ["http1", 1],
    ],
  );
});

test("who gives up leaves the queue, and the connection is there for the next", () => {
  const pool = new PoolFixture(HTTP2);
  const [request] = pool.request();
  assert.ok(request);
  pool.endpoint.cancel(request);
  assert.equal(pool.endpoint.waitingCount, 0);
  pool.connect();
  assert.deepEqual(pool.loads, [0]);
  assert.equal(pool.endpoint.idleCount, 1);
  pool.request();
  assert.deepEqual(pool.loads, [1]);
});
