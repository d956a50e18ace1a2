import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { tlsSocketPair } from "../../test/support/socket-pair.ts";
import { SocketReader } from "./socket-reader.ts";

/** Takes all that comes in parts of 1,000 bytes, one in a turn, and ends with it. */
async function readInParts(server: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  const reader = new SocketReader(server, {
    onRead(bytes, length) {
      const used = Math.min(1_000, length);
      parts.push(Buffer.from(bytes.subarray(0, used)));
      if (used < length) reader.giveLater(bytes, used, length);
      return true;
    },
  });
  await once(server, "end");
  return Buffer.concat(parts);
}

/** Both ends of a connection; nothing is read of either yet. */
async function socketPair(): Promise<readonly [client: Socket, server: Socket]> {
  const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  assert.ok(address !== null && typeof address === "object");
  const client = connect(address.port, "127.0.0.1");
  const [server] = (await once(listener, "connection")) as [Socket];
  listener.close();
  return [client, server];
}

test("what a reader leaves of a read comes again, in order, with other turns between", async (t) => {
  const [client, server] = await socketPair();
  t.after(() => {
    client.destroy();
    server.destroy();
  });
  const sent = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251));
  const parts: Buffer[] = [];
  let turn = 0;
  let lastTurn = -1;
  let isInTurns = true;
  function count(): void {
    turn += 1;
    if (!server.destroyed) setImmediate(count);
  }
  setImmediate(count);
  const reader = new SocketReader(server, {
    onRead(bytes, length) {
      if (turn === lastTurn) isInTurns = false;
      lastTurn = turn;
      const used = Math.min(1_000, length);
      parts.push(Buffer.from(bytes.subarray(0, used)));
      if (used < length) reader.giveLater(bytes, used, length);
      return true;
    },
  });
  const ended = once(server, "end");
  client.end(sent);
  await ended;
  assert.deepEqual(Buffer.concat(parts), sent);
  assert.ok(parts.length >= 50);
  assert.ok(isInTurns, "each part came in a turn of its own");
});

test("what TLS has read with it, up to the end, comes behind it", async (t) => {
  const [client, server] = await tlsSocketPair(t);
  const sent = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));
  const received = readInParts(server);
  client.end(sent);
  assert.deepEqual(await received, sent);
});

test("nothing is given again of a socket that is gone", async (t) => {
  const [client, server] = await socketPair();
  t.after(() => client.destroy());
  let reads = 0;
  const reader = new SocketReader(server, {
    onRead(bytes, length) {
      reads += 1;
      reader.giveLater(bytes, 0, length);
      server.destroy();
      return true;
    },
  });
  client.write("some bytes");
  await once(server, "close");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(reads, 1);
});
