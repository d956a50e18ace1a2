/** An ADS client whose consumer takes its time: the acknowledgement and the next response wait for it. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import {
  AdsClientFixture,
  type AdsClientFixtureOptions,
} from "../../test/support/ads-client-fixture.ts";
import { AdsServerFixture } from "../../test/support/ads-server-fixture.ts";
import { until } from "../../test/support/until.ts";
import { assignment, edsCluster, listener, routeTo } from "../../test/support/xds-resources.ts";
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
} from "./type-urls.ts";

/** Lets a test say when an update has been applied. */
class Gate {
  readonly #waiting: (() => void)[] = [];
  isOpen = false;

  get length(): number {
    return this.#waiting.length;
  }

  readonly pass = (): Promise<void> => {
    if (this.isOpen) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  };

  open(): void {
    this.isOpen = true;
    this.step();
  }

  step(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

async function startServer(context: TestContext, port = 0): Promise<AdsServerFixture> {
  const server = await new AdsServerFixture().listen(port);
  context.after(() => server.stop());
  return server;
}

function createProxy(context: TestContext, options: AdsClientFixtureOptions): AdsClientFixture {
  const proxy = new AdsClientFixture(options);
  context.after(() => proxy.client.stop());
  return proxy;
}

for (const protocol of ["delta", "sotw"] as const) {
  test(`${protocol}: nothing is acknowledged before it is applied, and updates come one by one`, async (context) => {
    const server = await startServer(context);
    server.set(edsCluster("c"), assignment("c"), listener("l"), routeTo("l", "c"));
    const gate = new Gate();
    const { port } = server;
    const proxy = createProxy(context, { port, protocol, onApplied: gate.pass }).startProxy();
    for (const typeUrl of [CDS, EDS, LDS, RDS]) {
      await until(() => gate.length === 1 && proxy.updates.at(-1)?.typeUrl === typeUrl);
      assert.deepEqual(server.acknowledged, []);
      assert.equal(proxy.client.state.types.get(typeUrl)?.updates, 0);
      gate.step();
    }
    await until(() => server.acknowledged.includes(1));
    assert.equal(proxy.updates.length, 4);
  });

  test(`${protocol}: what comes while one is applied is not lost`, async (context) => {
    const server = await startServer(context);
    server.set(edsCluster("c"), listener("l"));
    const gate = new Gate();
    const { port } = server;
    const proxy = createProxy(context, { port, protocol, onApplied: gate.pass }).startProxy();
    await until(() => gate.length === 1);
    for (let i = 2; i < 6; i++) server.set(edsCluster("c", i), listener("l", i));
    gate.open();
    await until(() => server.acknowledged.includes(5));
    assert.deepEqual(proxy.applied.get(LDS)?.get("l"), Uint8Array.from(listener("l", 5).bytes));
    assert.deepEqual(proxy.applied.get(CDS)?.get("c"), Uint8Array.from(edsCluster("c", 5).bytes));
  });

  test(`${protocol}: refusals that come late are told`, async (context) => {
    const server = await startServer(context);
    server.set(edsCluster("good"), edsCluster("bad"));
    const proxy = createProxy(context, {
      ...{ port: server.port, protocol },
      judge: (_type, { name }) => (name === "bad" ? ["is bad"] : []),
      onApplied: () => new Promise((resolve) => setImmediate(resolve)),
    }).startProxy();
    await until(() => server.refused.length === 1);
    assert.match(server.refused[0]?.message ?? "", /is bad/);
    assert.equal(proxy.client.state.types.get(CDS)?.resourceCount, 1);
  });

  test(`${protocol}: a stream that ends while an update is applied gets no answer on the next`, async (context) => {
    const first = await startServer(context);
    first.set(edsCluster("c"), assignment("c"));
    const gate = new Gate();
    const { port } = first;
    const proxy = createProxy(context, { port, protocol, onApplied: gate.pass }).startProxy();
    await until(() => gate.length === 1);
    first.stop();
    await until(() => !proxy.client.state.connected);
    const second = await startServer(context, port);
    second.set(edsCluster("c", 2), assignment("c"));
    await until(() => {
      proxy.clock.advance(30_000);
      return second.peers.length === 1;
    });
    gate.open();
    await until(() => second.acknowledged.includes(1));
    assert.deepEqual(second.refused, []);
    assert.deepEqual(proxy.applied.get(CDS)?.get("c"), Uint8Array.from(edsCluster("c", 2).bytes));
    assert.deepEqual(proxy.namesOf(EDS), ["c"]);
  });
}
