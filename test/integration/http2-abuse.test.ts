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
import { CONNECTION_SEND_BYTES_MAX } from "../../src/core/limits.ts";
import { frame, uint32 } from "../support/http2-frame-recorder.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  type Http2ClientOptions,
  literalBlock,
  RawHttp2Client,
  requestFields,
} from "../support/raw-http2-client.ts";

const MB = 1024 * 1024;
const LARGE_BODY = "x".repeat(MB);
/** Connections of each attacker, one after the other. */
const ROUNDS = 10;
/** How long the proxy waits for a head or a body. */
const PATIENCE = "0.5s";
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

interface Attack {
  readonly name: string;
  /** What each connection sends behind its opening. */
  readonly bytes: Buffer;
  readonly options?: Http2ClientOptions;
  /** Whether the attacker leaves unread what the proxy sends. */
  readonly isDeaf?: boolean;
  /** The proxy ends the connection; otherwise all streams of this one come to their end. */
  readonly outcome: "connection ends" | "calm" | readonly number[];
  /** What the proxy may hold for each connection by its own bounds. */
  readonly heldBytesMax?: number;
  /** It makes the proxy wait, so that its connections are there at the same time. */
  readonly isSlow?: boolean;
  /** Connections one after the other, ROUNDS when left out. */
  readonly rounds?: number;
}

function times(count: number, make: (i: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
}

const GET = literalBlock(requestFields("/small"));
const GET_LARGE = literalBlock(requestFields("/large"));
const POST = literalBlock(requestFields("/small", ["content-length", "1000"]));
const SECRET = "a".repeat(4_000);
/** A field that goes into the dynamic table, then references to it: 4 KB for each byte. */
const BOMB = Buffer.concat([
  literalBlock(requestFields("/small")),
  Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
  Buffer.from(SECRET, "latin1"),
  Buffer.alloc(10_000, 0xbe),
]);

const ATTACKS: readonly Attack[] = [
  {
    name: "rapid reset",
    bytes: times(2_000, (i) =>
      Buffer.concat([
        frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * i + 1, GET),
        frame(FRAME.rstStream, 0, 2 * i + 1, uint32(8)),
      ]),
    ),
    outcome: "calm",
  },
  {
    name: "resets that the peer provokes",
    bytes: times(2_000, (i) =>
      Buffer.concat([
        frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * i + 1, GET),
        frame(FRAME.windowUpdate, 0, 2 * i + 1, uint32(0)),
      ]),
    ),
    outcome: "calm",
  },
  {
    name: "CONTINUATION flood",
    bytes: Buffer.concat([
      frame(FRAME.headers, 0, 1, GET),
      times(100, () => frame(FRAME.continuation, 0, 1, literalBlock([["x-a", SECRET]]))),
    ]),
    outcome: "calm",
  },
  {
    name: "CONTINUATION flood without a byte",
    bytes: Buffer.concat([
      frame(FRAME.headers, 0, 1, GET),
      times(10_000, () => frame(FRAME.continuation, 0, 1)),
    ]),
    outcome: "calm",
  },
  {
    name: "SETTINGS flood",
    bytes: times(20_000, () => frame(FRAME.settings, 0, 0)),
    outcome: "calm",
  },
  {
    name: "PING flood",
    bytes: times(20_000, () => frame(FRAME.ping, 0, 0, "12345678")),
    outcome: "calm",
  },
  {
    name: "PING flood of one who does not read",
    bytes: times(100_000, () => frame(FRAME.ping, 0, 0, "12345678")),
    isDeaf: true,
    outcome: "connection ends",
  },
  {
    name: "DATA without a byte",
    bytes: Buffer.concat([
      frame(FRAME.headers, END_HEADERS, 1, GET),
      times(10_000, () => frame(FRAME.data, 0, 1)),
    ]),
    outcome: "calm",
  },
  {
    name: "PRIORITY flood",
    bytes: times(10_000, (i) => frame(FRAME.priority, 0, 2 * i + 1, Buffer.alloc(5))),
    outcome: "calm",
  },
  {
    name: "WINDOW_UPDATE flood",
    bytes: times(10_000, () => frame(FRAME.windowUpdate, 0, 0, uint32(1))),
    outcome: "calm",
  },
  {
    name: "frames of unknown type",
    bytes: times(10_000, () => frame(0xbb, 0, 0, "x")),
    outcome: "calm",
  },
  {
    name: "HPACK bomb",
    bytes: frame(FRAME.headers, END_HEADERS | END_STREAM, 1, BOMB),
    outcome: "calm",
  },
  {
    name: "a hundred answers of 1 MB, none of which is read",
    bytes: times(100, (i) => frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * i + 1, GET_LARGE)),
    options: { windowBytes: 0 },
    outcome: [],
    heldBytesMax: 2 * CONNECTION_SEND_BYTES_MAX,
    // More would use up the connections to the app, of which a cluster has 1,024.
    rounds: 4,
  },
  {
    name: "fields that do not come to their end",
    bytes: frame(FRAME.headers, 0, 1, GET),
    // An acknowledgement would stand within the fields.
    options: { answers: false },
    outcome: "calm",
    isSlow: true,
  },
  {
    name: "a body that does not come to its end",
    bytes: Buffer.concat([
      frame(FRAME.headers, END_HEADERS, 1, POST),
      frame(FRAME.data, 0, 1, "x"),
    ]),
    outcome: [1],
    isSlow: true,
  },
];

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
  return (cpuSeconds(proxy) - before) / (BASELINE_REQUESTS * (GET.length + 9));
}

async function attackOnce(port: number, attack: Attack): Promise<RawHttp2Client> {
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
  for (const attack of ATTACKS) {
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
      const honestBytes = HONEST_REQUESTS * (GET.length + 9);
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
