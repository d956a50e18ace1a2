/** A pool under thousands of random events: nothing is lost, nothing is counted twice, nobody waits beside room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  type FakeConnection,
  type FakeRequest,
  PoolFixture,
  turn,
} from "../../test/support/pool-fixture.ts";
import { SeededPrng } from "../core/prng.ts";

const HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const CONNECTIONS_MAX = 6;
const PENDING_MAX = 40;

/** ALPN decides, so that one pool has both kinds. */
const CLUSTER: JsonObject = {
  typed_extension_protocol_options: {
    http: {
      "@type": `type.googleapis.com/${HTTP}`,
      auto_config: {},
      common_http_protocol_options: {
        idle_timeout: "20s",
        max_connection_duration: "60s",
        max_requests_per_connection: 200,
      },
    },
  },
  transport_socket: {
    name: "tls",
    typed_config: { "@type": `type.googleapis.com/${TLS}`, common_tls_context: {} },
  },
  circuit_breakers: {
    thresholds: [{ max_connections: CONNECTIONS_MAX, max_pending_requests: PENDING_MAX }],
  },
};

class Run {
  readonly pool = new PoolFixture(CLUSTER);
  readonly #prng: SeededPrng;
  #requests: FakeRequest[] = [];
  /** How often the peer speaks HTTP/2. */
  readonly #http2Share: number;

  constructor(seed: number) {
    this.#prng = new SeededPrng(seed);
    this.#http2Share = this.#prng.next();
    this.pool.streamsMax = 1 + Math.floor(this.#prng.next() * 80);
  }

  step(): void {
    const { pool } = this;
    const open = this.open;
    switch (Math.floor(this.#prng.next() * 12)) {
      case 0:
      case 1:
        this.#requests.push(...pool.request(1 + Math.floor(this.#prng.next() * 30)));
        break;
      case 2:
      case 3:
      case 4:
        for (const { connection } of this.#some()) connection?.answer();
        break;
      case 5:
      case 6:
        if (pool.dials.length > 0) pool.connect(this.#prng.next() < this.#http2Share ? "h2" : "");
        break;
      case 7:
        if (pool.dials.length > 0) pool.failDial();
        break;
      case 8:
        for (const request of this.#some()) pool.endpoint.cancel(request);
        break;
      case 9:
        pool.nowMs += this.#prng.next() * 20_000;
        pool.endpoint.sweep();
        break;
      case 10:
        this.#end(open[Math.floor(this.#prng.next() * open.length)]);
        break;
      case 11:
        for (const connection of open) connection.isBlocked = this.#prng.next() < 0.2;
        break;
    }
  }

  get open(): readonly FakeConnection[] {
    return this.pool.connections.filter(({ isClosed }) => !isClosed);
  }

  /** What must hold between two turns of the event loop. */
  check(): void {
    const { endpoint, cluster, dials } = this.pool;
    assert.equal(endpoint.connectionCount, this.open.length);
    assert.equal(cluster.connectionCount, this.open.length + dials.length);
    const usable = this.open.filter(({ isDraining }) => !isDraining).length + dials.length;
    assert.ok(usable <= CONNECTIONS_MAX, `${usable} connections`);
    if (endpoint.waitingCount === 0) return;
    assert.ok(
      this.open.every(({ room }) => room === 0),
      "a request waits beside a connection with room",
    );
    assert.ok(
      dials.length > 0 || cluster.connectionCount >= CONNECTIONS_MAX,
      "a request waits for nothing",
    );
  }

  /** Everything is answered or given up: nothing is left in any count. */
  async finish(): Promise<void> {
    const { pool } = this;
    pool.endpoint.remove();
    for (const request of this.#requests) pool.endpoint.cancel(request);
    while (pool.dials.length > 0) pool.failDial();
    for (const connection of this.open) connection.answer(connection.requests.length);
    await turn();
    assert.equal(this.open.length, 0);
    assert.equal(pool.endpoint.connectionCount, 0);
    assert.equal(pool.cluster.connectionCount, 0);
    for (let i = 0; i < PENDING_MAX; i++) assert.ok(pool.cluster.admitPending());
    assert.equal(pool.cluster.admitPending(), false);
  }

  #some(): readonly FakeRequest[] {
    this.#requests = this.#requests.filter(
      (request) => request.failure === undefined && request.connection?.isClosed !== true,
    );
    return this.#requests.filter(() => this.#prng.next() < 0.3);
  }

  #end(connection: FakeConnection | undefined): void {
    if (connection === undefined) return;
    if (this.#prng.next() < 0.5) connection.destroy();
    else if (connection.isMultiplexed && !connection.isDraining) connection.goAway();
  }
}

test("whatever happens, in whatever order", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const run = new Run(seed);
    for (let i = 0; i < 100; i++) {
      run.step();
      // Several events may share a turn.
      if (i % 3 !== 0) continue;
      await turn();
      try {
        run.check();
      } catch (error) {
        throw new Error(`seed ${seed}, step ${i}`, { cause: error });
      }
    }
    await run.finish();
  }
});
