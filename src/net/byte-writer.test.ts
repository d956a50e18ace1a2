import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { received, socketPair, tlsSocketPair } from "../../test/support/socket-pair.ts";
import { ByteWriter } from "./byte-writer.ts";

function put(writer: ByteWriter, bytes: Buffer): void {
  writer.reserve(bytes.length);
  bytes.copy(writer.bytes, writer.at);
  writer.commit(writer.at + bytes.length);
}

test("what one turn commits leaves together, and memory is held in between only", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new ByteWriter(near, () => {});
  put(writer, Buffer.from("one "));
  put(writer, Buffer.from("two"));
  assert.equal(near.bytesWritten, 0);
  assert.equal(writer.unsentBytes, 7);
  assert.equal((await received(far, 7)).toString(), "one two");
  assert.equal(writer.unsentBytes, 0);
  assert.equal(writer.bytes.length, 0);
  assert.equal(writer.bytesWritten, 7);
});

test("what was committed can be changed until the turn is over", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new ByteWriter(near, () => {});
  put(writer, Buffer.from("abc"));
  writer.bytes[0] = 0x41;
  assert.equal((await received(far, 3)).toString(), "Abc");
});

async function assertStreamArrives(near: Socket, far: Socket): Promise<void> {
  let resume = (): void => {};
  let drainCount = 0;
  const writer = new ByteWriter(near, () => {
    drainCount += 1;
    resume();
  });
  const expected = createHash("sha256");
  const sizes = Array.from({ length: 900 }, (_, i) => [9, 17_000, 1, 70_000, 300][i % 5]!);
  const reading = received(
    far,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  for (const [i, size] of sizes.entries()) {
    const bytes = Buffer.alloc(size, i % 251);
    put(writer, bytes);
    expected.update(bytes);
    if (!writer.isBlocked) continue;
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
  }
  const bytes = await reading;
  assert.ok(drainCount > 0);
  assert.equal(createHash("sha256").update(bytes).digest("hex"), expected.digest("hex"));
}

test("pieces of all sizes arrive unchanged in order, faster than the peer reads", async (context) => {
  const [near, far] = await socketPair(context);
  await assertStreamArrives(near, far);
});

test("the same over TLS", async (context) => {
  const [near, far] = await tlsSocketPair(context);
  await assertStreamArrives(near, far);
});

test("a peer that does not read blocks the writer, which still takes what cannot wait", async (context) => {
  const [near, far] = await socketPair(context);
  far.pause();
  const writer = new ByteWriter(near, () => {});
  const bytes = Buffer.alloc(60_000);
  let given = 0;
  while (!writer.isBlocked) {
    put(writer, bytes);
    given += bytes.length;
  }
  assert.equal(writer.isFlushed, false);
  put(writer, Buffer.from("end"));
  const ended = new Promise<void>((resolve) => writer.end(resolve));
  const reading = received(far, given + 3);
  far.resume();
  const [all] = await Promise.all([reading, ended, once(far, "end")]);
  assert.equal(all.toString("latin1", given), "end");
});

test("a peer that is gone ends the socket with an error, and nothing is thrown", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new ByteWriter(near, () => {});
  const failed = once(near, "error");
  near.pause();
  far.resetAndDestroy();
  const writing = setInterval(() => put(writer, Buffer.alloc(64 * 1024)), 1);
  const [error] = await failed;
  clearInterval(writing);
  assert.match(error.code, /^(EPIPE|ECONNRESET)$/);
  put(writer, Buffer.from("more"));
});
