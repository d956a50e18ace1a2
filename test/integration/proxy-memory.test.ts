/** Two sidecar processes with mutual TLS between them carry bodies far larger than what they may hold. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { containedTls, idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawHttp2Client, requestFields } from "../support/raw-http2-client.ts";

const MB = 1024 * 1024;
const BODY_BYTES = 200 * MB;
const HEAD_END = Buffer.from("\r\n\r\n", "latin1");
/** More than what objects for requests keep. */
const LARGE_FIELD = "x".repeat(5_000);
/** If each left what it takes, that would be 100 MB. */
const LARGE_FIELD_CLIENTS = 20;
const LARGE_FIELD_REQUESTS = 600;
/** What a transfer may leave behind, once it is over and the proxy has been idle for a while. */
const GROWTH_MB_MAX = 20;
/** What may be resident while a slow peer holds a transfer up. */
const HELD_UP_MB_MAX = 30;
/** Idle proxies give memory back after some seconds. */
const SETTLE_MS_MAX = 40_000;
const LOOK_INTERVAL_MS = 100;
/** Starting takes more than this, and gives it back. */
const TRIMMED_MB_MIN = 5;

interface Measured {
  readonly processes: readonly ProxyProcess[];
  readonly idleMb: readonly number[];
}

interface Chain extends Measured {
  readonly port: number;
}

/** Client, outbound sidecar, mutual TLS, inbound sidecar, app. */
async function chain(context: TestContext, onApp: (socket: Socket) => void): Promise<Chain> {
  const app = createServer(onApp).listen(0, "127.0.0.1");
  await once(app, "listening");
  context.after(() => app.close());
  const root = rootOf();
  const inbound = await ProxyProcess.start(
    context,
    bootstrapOf(
      [
        {
          name: "inbound",
          direction: "INBOUND",
          routes: "app",
          tls: containedTls(keyPair(root, [idFor("app")]), [root]),
        },
      ],
      [{ name: "app", endpoints: [(app.address() as AddressInfo).port] }],
    ),
  );
  const outbound = await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ name: "outbound", routes: "peer" }],
      [
        {
          name: "peer",
          endpoints: [inbound.port("inbound")],
          tls: containedTls(keyPair(root, [idFor("web")]), [root], idFor("app")),
        },
      ],
    ),
  );
  const port = outbound.port("outbound");
  const processes = [outbound, inbound];
  await Promise.all(processes.map(trimmed));
  // What the first request of all loads and allocates is no part of what a transfer leaves.
  const client = await RawClient.connect(port);
  await client.get("/warm-up").response();
  client.close();
  return { port, processes, idleMb: processes.map(({ residentMb }) => residentMb) };
}

/** Resolves when a process that has just started has given back what starting took. */
async function trimmed(process_: ProxyProcess): Promise<void> {
  let peakMb = 0;
  await becomes(() => {
    const mb = process_.residentMb;
    peakMb = Math.max(peakMb, mb);
    return mb < peakMb - TRIMMED_MB_MIN;
  });
}

/** Looks now and then until it is true, or nobody would wait any longer. */
async function becomes(isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + SETTLE_MS_MAX;
  while (!isTrue() && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

function growthMb({ processes, idleMb }: Measured): number[] {
  return processes.map(({ residentMb }, index) => residentMb - (idleMb[index] ?? 0));
}

async function assertSettles(mesh: Measured): Promise<void> {
  await becomes(() => growthMb(mesh).every((mb) => mb <= GROWTH_MB_MAX));
  for (const mb of growthMb(mesh)) assert.ok(mb <= GROWTH_MB_MAX, `${mb} MB more than idle`);
}

function assertHeldUp(mesh: Measured): void {
  for (const mb of growthMb(mesh)) assert.ok(mb <= HELD_UP_MB_MAX, `${mb} MB more than idle`);
}

function answer(socket: Socket, body = ""): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}

/** An app that counts what is uploaded and answers with the number. */
function countingApp(socket: Socket): void {
  let count = -1;
  let want = 0;
  socket.on("error", () => {});
  socket.on("data", (bytes: Buffer) => {
    if (count < 0) {
      const text = bytes.toString("latin1");
      want = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      count = bytes.length - (text.indexOf("\r\n\r\n") + 4);
    } else {
      count += bytes.length;
    }
    if (count < want) return;
    answer(socket, String(count));
    count = -1;
  });
}

/** An app that sends BODY_BYTES. */
function sendingApp(socket: Socket): void {
  const chunk = Buffer.alloc(MB, "x");
  socket.on("error", () => {});
  socket.on("data", (bytes: Buffer) => {
    if (bytes.includes("/warm-up")) {
      answer(socket);
      return;
    }
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`);
    let left = BODY_BYTES;
    const pump = (): void => {
      while (left > 0) {
        left -= chunk.length;
        if (!socket.write(chunk)) break;
      }
    };
    socket.on("drain", pump);
    pump();
  });
}

/** Sends a request with a body of BODY_BYTES as fast as the proxy takes it. */
async function upload(client: RawClient): Promise<void> {
  client.send(`POST /up HTTP/1.1\r\nHost: app\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`);
  const chunk = Buffer.alloc(MB, "x");
  for (let sent = 0; sent < BODY_BYTES; sent += chunk.length) {
    if (!client.socket.write(chunk)) await once(client.socket, "drain");
  }
}

test("requests over HTTP/2 with large fields leave no memory behind", async (context) => {
  const app = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      if (bytes.subarray(-HEAD_END.length).equals(HEAD_END)) answer(socket);
    });
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  context.after(() => app.close());
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ routes: "app" }],
      [{ name: "app", endpoints: [(app.address() as AddressInfo).port] }],
    ),
  );
  await trimmed(proxy);
  const idleMb = proxy.residentMb;
  const fields = requestFields("/", ["x-large", LARGE_FIELD]);
  await Promise.all(
    Array.from({ length: LARGE_FIELD_CLIENTS }, async () => {
      const client = await RawHttp2Client.connect(proxy.port("main"));
      for (let i = 0; i < LARGE_FIELD_REQUESTS; i++) {
        client.request(2 * i + 1, fields);
        await client.until(() => client.isOver(2 * i + 1));
      }
      client.close();
    }),
  );
  await assertSettles({ processes: [proxy], idleMb: [idleMb] });
});

test("an upload of 200 MB leaves no memory behind", async (context) => {
  const mesh = await chain(context, countingApp);
  const client = await RawClient.connect(mesh.port);
  await upload(client);
  assert.equal((await client.response("POST")).body, String(BODY_BYTES));
  client.close();
  await assertSettles(mesh);
});

test("a download of 200 MB leaves no memory behind", async (context) => {
  const mesh = await chain(context, sendingApp);
  const client = await RawClient.connect(mesh.port);
  const { socket } = client;
  socket.removeAllListeners("data");
  let got = 0;
  socket.on("data", (bytes: Buffer) => {
    got += bytes.length;
  });
  client.get("/down");
  while (got < BODY_BYTES) await once(socket, "data");
  client.close();
  await assertSettles(mesh);
});

test("clients that read nothing hold up nobody and little memory", async (context) => {
  const mesh = await chain(context, sendingApp);
  const stalled: RawClient[] = [];
  for (let i = 0; i < 8; i++) {
    const client = await RawClient.connect(mesh.port);
    client.socket.pause();
    stalled.push(client.get("/down"));
  }
  // Others are served while the buffers of those fill up and stay full.
  const client = await RawClient.connect(mesh.port);
  for (let i = 0; i < 200; i++) await client.get("/warm-up").response();
  assertHeldUp(mesh);
  for (const each of [...stalled, client]) each.close();
  await assertSettles(mesh);
});

test("an app that reads nothing holds up its client, and little memory", async (context) => {
  const mesh = await chain(context, (socket) => {
    socket.on("data", (bytes: Buffer) => {
      if (bytes.includes("/warm-up")) answer(socket);
      else socket.pause();
    });
    socket.on("error", () => {});
  });
  const clients = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(mesh.port)));
  for (const client of clients) void upload(client).catch(() => {});
  const other = await RawClient.connect(mesh.port);
  for (let i = 0; i < 100; i++) await other.get("/warm-up").response();
  assertHeldUp(mesh);
  for (const client of [...clients, other]) client.close();
  await assertSettles(mesh);
});
