import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { SocketWriter } from "./socket-writer.ts";
import { giveWriteBuffer, takeWriteBuffer } from "./write-buffers.ts";

/** Both ends of a connection. */
async function pair(context: TestContext): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = await once(server, "connection");
  context.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

async function received(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  while (got < length) {
    const [chunk] = await once(socket, "data");
    chunks.push(chunk);
    got += chunk.length;
  }
  return Buffer.concat(chunks);
}

test("text and small bodies of one turn leave together", async (context) => {
  const [near, far] = await pair(context);
  const writer = new SocketWriter(near);
  writer.text("head\r\n");
  writer.bytes("4\r\n", Buffer.from("xbodyx"), 1, 5, "\r\n");
  writer.text("end");
  assert.equal(near.bytesWritten, 0);
  writer.flush();
  assert.equal((await received(far, 18)).toString(), "head\r\n4\r\nbody\r\nend");
  assert.equal(writer.bytesWritten, 18);
});

test("the bytes may change as soon as they were given, and arrive unchanged in order", async (context) => {
  const [near, far] = await pair(context);
  const writer = new SocketWriter(near);
  const shared = Buffer.alloc(64 * 1024);
  const expected = createHash("sha256");
  let total = 0;
  const reading = received(far, 400 * (shared.length + 4));
  for (let i = 0; i < 400; i++) {
    shared.fill(i % 251);
    writer.bytes("<<", shared, 0, shared.length, ">>");
    expected.update("<<").update(shared).update(">>");
    total += shared.length + 4;
    shared.fill(0xff);
    // Sometimes the peer reads, sometimes writes pile up.
    if (i % 37 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(writer.isBlocked);
  const bytes = await reading;
  assert.equal(bytes.length, total);
  assert.equal(createHash("sha256").update(bytes).digest("hex"), expected.digest("hex"));
});

test("a write buffer is used again only after it was given back", () => {
  const [a, b] = [takeWriteBuffer(10), takeWriteBuffer(10)];
  assert.notEqual(a, b);
  giveWriteBuffer(a);
  assert.equal(takeWriteBuffer(70_000 - 10_000), a);
  const large = takeWriteBuffer(1_000_000);
  assert.ok(large.length >= 1_000_000);
  giveWriteBuffer(large);
  assert.notEqual(takeWriteBuffer(10), large);
});
