/** The ADS client against our server over loopback gRPC. */
import assert from "node:assert/strict";
import test, { afterEach, describe } from "node:test";
import {
  AdsClientFixture,
  type AdsClientFixtureOptions,
} from "../../test/support/ads-client-fixture.ts";
import { AdsServerFixture } from "../../test/support/ads-server-fixture.ts";
import { until } from "../../test/support/until.ts";
import {
  assignment,
  edsCluster,
  listener,
  routeTo,
  secret,
} from "../../test/support/xds-resources.ts";
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
  SECRET_TYPE_URL as SDS,
} from "./type-urls.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop();
});

async function startServer(port = 0): Promise<AdsServerFixture> {
  const server = await new AdsServerFixture().listen(port);
  stops.push(() => server.stop());
  return server;
}

function createProxy(options: AdsClientFixtureOptions): AdsClientFixture {
  const proxy = new AdsClientFixture(options);
  stops.push(() => proxy.client.stop());
  return proxy;
}

const acknowledged = (server: AdsServerFixture, revision: number): Promise<void> =>
  until(() => server.acknowledged.includes(revision));

for (const protocol of ["delta", "sotw"] as const) {
  describe(protocol, () => {
    test("takes everything in make-before-break order and acknowledges it", async () => {
      const server = await startServer();
      server.set(edsCluster("c"), assignment("c"), listener("l"), routeTo("l", "c"));
      const proxy = createProxy({ port: server.port, protocol }).startProxy();
      await acknowledged(server, 1);
      const order = proxy.updates.map(({ typeUrl }) => typeUrl);
      assert.deepEqual(order, [CDS, EDS, LDS, RDS]);
      const { connected, types } = proxy.client.state;
      assert.equal(connected, true);
      assert.equal(types.get(CDS)?.updates, 1);
      assert.equal(types.get(CDS)?.resourceCount, 1);
      assert.equal(server.peers[0]?.node.id, "sidecar-1");
    });

    test("follows changes and removals", async () => {
      const server = await startServer();
      server.set(edsCluster("c"), edsCluster("d"), assignment("c"), listener("l"));
      const proxy = createProxy({ port: server.port, protocol }).startProxy();
      await acknowledged(server, 1);
      server.set(edsCluster("d", 2), edsCluster("e"), assignment("d"), listener("l", 2));
      await acknowledged(server, 2);
      assert.deepEqual(proxy.namesOf(CDS), ["d", "e"]);
      assert.deepEqual(proxy.namesOf(EDS), ["d", "e"]);
      assert.deepEqual(proxy.applied.get(LDS)?.get("l"), Uint8Array.from(listener("l", 2).bytes));
    });

    test("keeps everything while the server is away and catches up when it is back", async () => {
      const first = await startServer();
      const resources = [edsCluster("c"), assignment("c"), listener("l"), routeTo("l", "c")];
      first.set(...resources);
      const proxy = createProxy({ port: first.port, protocol }).startProxy();
      await acknowledged(first, 1);
      const updates = proxy.updates.length;
      first.stop();
      await until(() => !proxy.client.state.connected);
      assert.equal(proxy.updates.length, updates, "nothing was taken away");
      assert.deepEqual(proxy.namesOf(CDS), ["c"]);
      assert.notEqual(proxy.client.state.lastError, undefined);

      const second = await startServer(first.port);
      second.set(edsCluster("c"), assignment("c", 2), listener("m"), routeTo("m", "c"));
      await until(() => {
        proxy.clock.advance(30_000);
        return second.acknowledged.includes(1);
      });
      assert.deepEqual(proxy.namesOf(LDS), ["m"]);
      assert.deepEqual(proxy.namesOf(RDS), ["m"]);
      const bytes = proxy.applied.get(EDS)?.get("c");
      assert.deepEqual(bytes, Uint8Array.from(assignment("c", 2).bytes));
      assert.equal(proxy.client.state.connected, true);
    });

    test("a refusal lists every bad field of every bad resource, and the good ones are applied", async () => {
      const server = await startServer();
      server.set(listener("good"), listener("bad"), listener("worse"));
      const violations: Readonly<Record<string, readonly string[]>> = {
        bad: ["filter_chains[0].name: not supported"],
        worse: ["address: missing", "freebind: not supported"],
      };
      let isStrict = false;
      const proxy = createProxy({
        port: server.port,
        protocol,
        judge: (_typeUrl, { name }) => (isStrict ? (violations[name] ?? []) : []),
      }).startProxy();
      await acknowledged(server, 1);
      isStrict = true;
      server.set(listener("good", 2), listener("bad", 2), listener("worse", 2));
      await until(() => server.refused.length === 1);
      assert.equal(
        server.refused[0]?.message,
        "bad: filter_chains[0].name: not supported | worse: address: missing; freebind: not supported",
      );
      assert.deepEqual(server.refused[0]?.names, ["bad", "worse"]);
      const applied = (name: string): Uint8Array | undefined => proxy.applied.get(LDS)?.get(name);
      assert.deepEqual(applied("good"), Uint8Array.from(listener("good", 2).bytes));
      assert.deepEqual(applied("bad"), Uint8Array.from(listener("bad", 1).bytes));
      const type = proxy.client.state.types.get(LDS);
      assert.equal(type?.rejections, 1);
      assert.match(type.lastRejection?.message ?? "", /freebind/);

      isStrict = false;
      server.set(listener("good", 2), listener("bad", 3), listener("worse", 1));
      await acknowledged(server, 3);
      assert.deepEqual(applied("bad"), Uint8Array.from(listener("bad", 3).bytes));
      assert.deepEqual(applied("worse"), Uint8Array.from(listener("worse", 1).bytes));
    });

    test("a consumer that throws makes a refusal, not a crash", async () => {
      const server = await startServer();
      server.set(listener("l"));
      let isBroken = true;
      const proxy = createProxy({
        port: server.port,
        protocol,
        judge: () => {
          if (isBroken) throw new Error("cannot compile");
          return [];
        },
      });
      proxy.client.subscribe(LDS, "*");
      proxy.client.start();
      await until(() => server.refused.length === 1);
      assert.match(server.refused[0]?.message ?? "", /l: internal error: cannot compile/);
      isBroken = false;
      server.clock.advance(5_000);
      await acknowledged(server, 1);
      assert.deepEqual(proxy.namesOf(LDS), ["l"]);
    });

    test("names given up are forgotten and come again when wanted again", async () => {
      const server = await startServer();
      server.set(secret("a"), secret("b"));
      const proxy = createProxy({ port: server.port, protocol });
      proxy.client.subscribe(SDS, ["a", "b"]);
      proxy.client.start();
      await until(() => proxy.updates.length === 1);
      proxy.client.unsubscribe(SDS, ["a"]);
      assert.equal(proxy.client.state.types.get(SDS)?.resourceCount, 1);
      server.set(secret("a", "new"), secret("b", "new"));
      await until(() => proxy.updates.length === 2);
      assert.deepEqual(
        proxy.updates[1]?.changed.map(({ name }) => name),
        ["b"],
      );
      proxy.client.subscribe(SDS, ["a"]);
      await until(() => proxy.updates.length === 3);
      assert.deepEqual(
        proxy.updates[2]?.changed.map(({ name }) => name),
        ["a"],
      );
    });

    test("what does not come in time is reported missing, and taken when it comes later", async () => {
      const server = await startServer();
      const proxy = createProxy({ port: server.port, protocol });
      proxy.client.subscribe(SDS, ["slow"]);
      proxy.client.subscribe(CDS, "*");
      proxy.client.start();
      await until(() => server.peers.length === 1);
      proxy.clock.advance(14_999);
      assert.deepEqual(proxy.missing, []);
      proxy.clock.advance(1);
      assert.deepEqual(proxy.missing, ["slow", "*"]);
      server.set(secret("slow"));
      await until(() => proxy.updates.length > 0);
      assert.deepEqual(proxy.namesOf(SDS), ["slow"]);
      proxy.clock.advance(60_000);
      assert.deepEqual(proxy.missing, ["slow", "*"], "said once");
    });

    test("an empty answer to the wildcard ends the wait for it", async () => {
      const server = await startServer();
      server.set(listener("l"));
      const proxy = createProxy({ port: server.port, protocol }).startProxy();
      await acknowledged(server, 1);
      assert.deepEqual(proxy.missing.includes("*"), true);
      server.set(edsCluster("c"), listener("l"));
      await acknowledged(server, 2);
      assert.deepEqual(proxy.namesOf(CDS), ["c"]);
    });

    test("giving up the wildcard leaves what was asked for by name", async () => {
      const server = await startServer();
      server.set(listener("a"), listener("b"));
      const proxy = createProxy({ port: server.port, protocol });
      proxy.client.subscribe(LDS, "*");
      proxy.client.start();
      await acknowledged(server, 1);
      proxy.client.subscribe(LDS, ["a"]);
      proxy.client.unsubscribe(LDS, "*");
      assert.equal(proxy.client.state.types.get(LDS)?.resourceCount, 1);
      const updates = proxy.updates.length;
      await until(() => server.record.types.get(LDS)?.sent !== undefined);
      server.set(listener("a", 2), listener("b", 2));
      await until(
        () =>
          proxy.updates.at(-1)?.changed[0]?.version !== listener("a").version &&
          proxy.updates.length > updates,
      );
      assert.ok(
        proxy.updates
          .slice(updates)
          .every(({ changed }) => changed.every(({ name }) => name === "a")),
      );
    });
  });
}

test("on reconnect over delta only the difference is sent", async () => {
  const first = await startServer();
  const resources = [listener("a"), listener("b"), listener("c")];
  first.set(...resources);
  const proxy = createProxy({ port: first.port, protocol: "delta" });
  proxy.client.subscribe(LDS, "*");
  proxy.client.start();
  await acknowledged(first, 1);
  first.stop();
  await until(() => !proxy.client.state.connected);
  const second = await startServer(first.port);
  second.set(listener("a"), listener("b", 2), listener("d"));
  await until(() => {
    proxy.clock.advance(30_000);
    return second.acknowledged.includes(1);
  });
  const update = proxy.updates.at(-1);
  assert.deepEqual(
    update?.changed.map(({ name }) => name),
    ["b", "d"],
  );
  assert.deepEqual(update?.removed, ["c"]);
});

test("over delta a name that does not exist is reported missing at once", async () => {
  const server = await startServer();
  server.set();
  const proxy = createProxy({ port: server.port, protocol: "delta" });
  proxy.client.subscribe(RDS, ["nowhere"]);
  proxy.client.start();
  await until(() => proxy.missing.length > 0);
  assert.deepEqual(proxy.missing, ["nowhere"]);
  assert.equal(proxy.updates.length, 0);
  server.set(routeTo("nowhere", "c"));
  await until(() => proxy.updates.length === 1);
});

test("a stopped client stays stopped", async () => {
  const server = await startServer();
  server.set(edsCluster("c"), listener("l"), routeTo("l", "c"));
  const proxy = createProxy({ port: server.port, protocol: "delta" }).startProxy();
  await acknowledged(server, 1);
  const gone = server.nextDisconnect();
  proxy.client.stop();
  await gone;
  proxy.clock.advance(120_000);
  assert.equal(proxy.client.state.connectAttempts, 1);
  assert.equal(proxy.client.state.connected, false);
  assert.deepEqual(proxy.missing, []);
});
