/**
 * Abuse of HTTP/2 over real sockets (T12 to T20): each attack is cut off or held within its bound, while an honest
 * client goes on as if nothing was; it costs the proxy no more than ten times what honest bytes cost.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { HTTP2_ATTACKS, type Http2Attack } from "../support/http2-attacks.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { literalBlock, RawHttp2Client, requestFields } from "../support/raw-http2-client.ts";

const MB = 1024 * 1024;
const LARGE_BODY = "x".repeat(MB);
/** Connections of each attacker, one after the other. */
const ROUNDS = 10;
/** How long the proxy waits for a head or a body. */
const PATIENCE = "0.5s";
const HONEST_REQUEST_BYTES = literalBlock(requestFields("/small")).length + 9;
/** Requests of the honest client during each attack, one after the other. */
const HONEST_REQUESTS = 100;
/** Requests that tell what honest bytes cost: long enough for a clock of 10 ms. */
const BASELINE_REQUESTS = 4_000;
const BASELINE_CONCURRENCY = 50;
const AMPLIFICATION_MAX = 10;
/** What the young generation takes in any case. */
const HEAP_NOISE_MB = 24;
const ENHANCE_YOUR_CALM = 0xb;
/** What collecting garbage and giving memory back may cost meanwhile, whoever made the garbage. */
const HOUSEKEEPING_SECONDS = 0.3;
/** `/proc` counts processor time in these. */
const TICKS_PER_SECOND = 100;
/** Idle proxies give memory back after some seconds. */
const SETTLE_MS_MAX = 60_000;
const LOOK_INTERVAL_MS = 100;
/** What may stay for good after attacks. */
const LEFT_OVER_RATIO = 1.05;

async function startProxy(context: TestContext): Promise<ProxyProcess> {
  const app = createServer((request, response) => {
    request.resume();
    request.on("error", () => {});
    request.on("end", () => response.end(request.url === "/large" ? LARGE_BODY : "ok"));
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  context.after(() => app.close().closeAllConnections());
  const manager = { request_headers_timeout: PATIENCE, stream_idle_timeout: PATIENCE };
  return await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ routes: "app", manager }],
      [{ name: "app", endpoints: [(app.address() as AddressInfo).port] }],
    ),
  );
}

/** Processor time of the process so far, in seconds. */
function cpuSeconds({ child }: ProxyProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Requests one after the other on one connection, each answered in full. */
async function honestRequests(port: number, count: number): Promise<void> {
  const client = await RawHttp2Client.connect(port);
  for (let i = 0; i < count; i++) {
    const streamId = 2 * i + 1;
    client.request(streamId, requestFields("/small"));
    await client.until(() => client.isOver(streamId));
    const how = client.hasEnded ? "the connection ended" : "it was reset";
    assert.equal(client.bodyOf(streamId), "ok", `request ${i} of an honest client: ${how}`);
  }
  client.close();
}

/** Processor seconds for a byte of honest requests. */
async function honestCost(proxy: ProxyProcess): Promise<number> {
  const port = proxy.port("main");
  const each = BASELINE_REQUESTS / BASELINE_CONCURRENCY;
  await Promise.all(Array.from({ length: BASELINE_CONCURRENCY }, () => honestRequests(port, each)));
  const before = cpuSeconds(proxy);
  await Promise.all(Array.from({ length: BASELINE_CONCURRENCY }, () => honestRequests(port, each)));
  return (cpuSeconds(proxy) - before) / (BASELINE_REQUESTS * HONEST_REQUEST_BYTES);
}

async function attackOnce(port: number, attack: Http2Attack): Promise<RawHttp2Client> {
  const { bytes, options = {}, isDeaf = false, outcome } = attack;
  const client = await RawHttp2Client.connect(port, options);
  if (isDeaf) client.socket.pause();
  client.send(bytes);
  if (Array.isArray(outcome)) {
    await client.until(() => outcome.every((id: number) => client.isOver(id)));
    return client;
  }
  if (isDeaf) {
    // Only when all is on its way does it look at what came of it.
    while (client.socket.writableLength > 0 && !client.hasEnded) {
      await Promise.race([once(client.socket, "drain"), once(client.socket, "close")]);
    }
    client.socket.resume();
  }
  await client.until(() => client.hasEnded || client.goawayCode !== undefined);
  if (outcome === "calm") assert.equal(client.goawayCode, ENHANCE_YOUR_CALM);
  else assert.ok(client.hasEnded || client.goawayCode !== undefined);
  return client;
}

/** Looks now and then until it is true, or nobody would wait any longer. */
async function becomes(isTrue: () => boolean): Promise<boolean> {
  const endMs = performance.now() + SETTLE_MS_MAX;
  while (!isTrue() && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
  return isTrue();
}

test("attacks over HTTP/2", async (t) => {
  const proxy = await startProxy(t);
  const port = proxy.port("main");
  const honest = await honestCost(proxy);
  const restMb = proxy.privateMb;
  for (const attack of HTTP2_ATTACKS) {
    await t.test(attack.name, async () => {
      const { rounds = ROUNDS } = attack;
      const before = { cpu: cpuSeconds(proxy), mb: proxy.residentMb };
      let peakMb = before.mb;
      const look = setInterval(() => {
        peakMb = Math.max(peakMb, proxy.residentMb);
      }, LOOK_INTERVAL_MS);
      const attackers: RawHttp2Client[] = [];
      const one = async (): Promise<void> => {
        attackers.push(await attackOnce(port, attack));
      };
      const assault = async (): Promise<void> => {
        for (let i = 0; i < rounds; i++) await one();
      };
      try {
        const all = attack.isSlow === true ? Array.from({ length: rounds }, one) : [assault()];
        await Promise.all([...all, honestRequests(port, HONEST_REQUESTS)]);
      } finally {
        clearInterval(look);
        for (const client of attackers) client.close();
      }
      const bytes = rounds * attack.bytes.length;
      const honestBytes = HONEST_REQUESTS * HONEST_REQUEST_BYTES;
      const heldMb = (rounds * (attack.heldBytesMax ?? 0)) / MB;
      const allowedMb = HEAP_NOISE_MB + heldMb + (AMPLIFICATION_MAX * bytes) / MB;
      assert.ok(peakMb - before.mb <= allowedMb, `${peakMb - before.mb} MB for ${bytes} bytes`);
      const cpu = cpuSeconds(proxy) - before.cpu;
      const allowedCpu = AMPLIFICATION_MAX * honest * (bytes + honestBytes);
      assert.ok(cpu <= allowedCpu + HOUSEKEEPING_SECONDS, `${cpu} s for ${bytes} bytes`);
    });
  }
  await t.test("memory comes back", async () => {
    const isBack = await becomes(() => proxy.privateMb <= restMb * LEFT_OVER_RATIO);
    assert.ok(isBack, `${proxy.privateMb} MB after ${restMb} MB`);
  });
});
