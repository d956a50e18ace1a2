/** A responder on real sockets, asked by Node's own resolver; another one stands for the name server of the system. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { promises as dns } from "node:dns";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { CallbackFaults } from "../callback-faults.ts";
import type { DnsForwarding } from "../config/dns-filter-config.ts";
import { createDnsMetrics } from "./dns-metrics.ts";
import { DnsServer } from "./dns-server.ts";
import { NameTable, type NameTableInput } from "./name-table.ts";
import { encodeName } from "./wire.ts";

const HOST = "127.0.0.1";

async function start(
  t: TestContext,
  { domains, zones }: NameTableInput,
  forwarding?: Partial<DnsForwarding>,
) {
  const registry = new MetricRegistry();
  const metrics = createDnsMetrics(registry);
  const failures: string[] = [];
  const server = await DnsServer.listen({
    address: { host: HOST, port: 0 },
    config: {
      table: new NameTable({ domains, zones }),
      forwarding:
        forwarding === undefined
          ? undefined
          : { servers: [], timeoutMs: 5_000, retries: 0, pendingMax: 16, ...forwarding },
    },
    clock: systemClock,
    metrics: { ...metrics, onForwardFailure: (reason) => failures.push(reason) },
    faults: new CallbackFaults(registry, silentLogger),
  });
  t.after(() => server.close());
  const resolver = new dns.Resolver({ timeout: 5_000, tries: 1 });
  resolver.setServers([`${HOST}:${server.port}`]);
  return { server, resolver, failures };
}

function named(name: string, ...addresses: number[][]) {
  const bytes = addresses.map((address) => Uint8Array.from(address));
  return { kind: "addresses", name, ttlSeconds: 30, addresses: bytes } as const;
}

test("names of the mesh are answered here, all others elsewhere", async (t) => {
  const outside = await start(t, {
    zones: [],
    domains: [named("www.example.com", [192, 0, 2, 7])],
  });
  const servers = [{ host: HOST, port: outside.server.port }];
  const domains = [named("catalog", [127, 1, 65, 0])];
  const { resolver } = await start(t, { zones: ["svc.tulle.local"], domains }, { servers });
  const [record] = await resolver.resolve4("catalog", { ttl: true });
  assert.deepEqual(record, { address: "127.1.65.0", ttl: 30 });
  await assert.rejects(resolver.resolve6("catalog"), { code: "ENODATA" });
  await assert.rejects(resolver.resolve4("no.default.svc.tulle.local"), { code: "ENOTFOUND" });
  assert.deepEqual(await resolver.resolve4("www.example.com"), ["192.0.2.7"]);
  await assert.rejects(resolver.resolve4("no.example.com"), { code: "ENOTFOUND" });
});

test("what no datagram holds is asked for again by TCP, here and elsewhere", async (t) => {
  const many = Array.from({ length: 200 }, (_, index) => [127, 1, 1, index]);
  const outside = await start(t, { zones: [], domains: [named("many.example.com", ...many)] });
  const servers = [{ host: HOST, port: outside.server.port }];
  const domains = [named("many", ...many)];
  const { resolver } = await start(t, { zones: [], domains }, { servers });
  assert.equal((await resolver.resolve4("many")).length, 200);
  assert.equal((await resolver.resolve4("many.example.com")).length, 200);
});

test("a name server that is silent or gone costs a try, and the next one is asked", async (t) => {
  const silent = createSocket("udp4");
  silent.bind(0, HOST);
  await once(silent, "listening");
  t.after(() => silent.close());
  const outside = await start(t, {
    zones: [],
    domains: [named("www.example.com", [192, 0, 2, 7])],
  });
  const ports = [silent.address().port, outside.server.port];
  const servers = ports.map((port) => ({ host: HOST, port }));
  const { resolver, failures } = await start(
    t,
    { zones: [], domains: [] },
    { servers, timeoutMs: 50 },
  );
  assert.deepEqual(await resolver.resolve4("www.example.com"), ["192.0.2.7"]);
  assert.deepEqual(failures, ["timeout"]);
});

test("answers that nobody asked for are passed over", async (t) => {
  const liar = createSocket("udp4");
  liar.bind(0, HOST);
  await once(liar, "listening");
  t.after(() => liar.close());
  liar.on("message", (query, from) => {
    // Another id, then another question, then the answer.
    const forged = Buffer.from(query);
    forged[2] = 0x81;
    forged.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff, 0);
    liar.send(forged, from.port, from.address);
    const other = Buffer.from(query);
    other[2] = 0x81;
    other[13] = 0x7a;
    liar.send(other, from.port, from.address);
    const real = Buffer.from(query);
    real[2] = 0x81;
    real[3] = 0x83;
    liar.send(real, from.port, from.address);
  });
  const servers = [{ host: HOST, port: liar.address().port }];
  const { resolver } = await start(t, { zones: [], domains: [] }, { servers });
  await assert.rejects(resolver.resolve4("www.example.com"), { code: "ENOTFOUND" });
});

test("more queries than may wait are refused, not kept", async (t) => {
  const silent = createSocket("udp4");
  silent.bind(0, HOST);
  await once(silent, "listening");
  t.after(() => silent.close());
  const servers = [{ host: HOST, port: silent.address().port }];
  const { resolver } = await start(t, { zones: [], domains: [] }, { servers, pendingMax: 1 });
  const first = resolver.resolve4("a.example.com").catch(() => {});
  await once(silent, "message");
  await assert.rejects(resolver.resolve4("b.example.com"), { code: "ESERVFAIL" });
  resolver.cancel();
  await first;
});

test("several queries of one TCP connection are answered in order; what is none ends it", async (t) => {
  const domains = [named("a", [127, 0, 0, 2]), named("b", [127, 0, 0, 3])];
  const { server } = await start(t, { zones: [], domains });
  const socket = connect(server.port, HOST);
  const ask = (id: number, name: string) => {
    const body = [0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...(encodeName(name) ?? []), 0, 1, 0, 1];
    return [0, body.length, ...body];
  };
  const bytes = Buffer.from([...ask(1, "a"), ...ask(2, "b")]);
  socket.write(bytes.subarray(0, 5));
  socket.end(bytes.subarray(5));
  const received = Buffer.concat(await socket.toArray());
  const size = received.readUInt16BE(0);
  assert.equal(received.readUInt16BE(2), 1);
  assert.equal(received.readUInt16BE(size + 4), 2);
  assert.equal(received.at(-1), 3);

  const other = connect(server.port, HOST);
  other.on("error", () => {});
  other.write(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  await once(other, "close");
});
