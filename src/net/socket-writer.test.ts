import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { received, socketPair, tlsSocketPair } from "../../test/support/socket-pair.ts";
import { SocketWriter } from "./socket-writer.ts";
import type { StreamHandle, WriteRequest } from "./stream-handle.ts";
import { beginRead, endRead } from "./turn-writer.ts";

/** Sends 26 MB from one buffer, partly faster than the peer reads. */
async function assertStreamArrives(near: Socket, far: Socket): Promise<void> {
  let resume = (): void => {};
  let drainCount = 0;
  const writer = new SocketWriter(near, () => {
    drainCount += 1;
    assert.equal(writer.isBlocked, false);
    resume();
  });
  const shared = Buffer.alloc(64 * 1024);
  const expected = createHash("sha256");
  const total = 400 * (shared.length + 5);
  const reading = received(far, total);
  for (let i = 0; i < 400; i++) {
    shared.fill(i % 251);
    writer.bytes("<<", shared, 0, shared.length, ">>");
    writer.text(".");
    expected.update("<<").update(shared).update(">>.");
    shared.fill(0xff);
    if (!writer.isBlocked) continue;
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
  }
  const bytes = await reading;
  assert.ok(drainCount > 0);
  assert.equal(writer.unsentBytes, 0);
  assert.equal(writer.bytesWritten, total);
  assert.equal(createHash("sha256").update(bytes).digest("hex"), expected.digest("hex"));
}

test("text and small bodies of one turn leave together", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new SocketWriter(near, () => {});
  writer.text("head\r\n");
  writer.bytes("4\r\n", Buffer.from("xbodyx"), 1, 5, "\r\n");
  writer.text("end");
  assert.equal(near.bytesWritten, 0);
  assert.equal((await received(far, 18)).toString(), "head\r\n4\r\nbody\r\nend");
  assert.equal(writer.bytesWritten, 18);
});

test("what goes first leaves before the turn's others, whoever gave theirs before", async (context) => {
  const left: string[] = [];
  class Told extends SocketWriter {
    protected override write(handle: StreamHandle, request: WriteRequest): number {
      left.push(this.goesFirst ? "first" : "other");
      return super.write(handle, request);
    }
  }
  const pairs = [await socketPair(context), await socketPair(context)];
  const [other, first] = pairs.map(([near]) => new Told(near, () => {}));
  if (other === undefined || first === undefined) assert.fail();
  first.goesFirst = true;
  for (let turn = 0; turn < 2; turn++) {
    other.text("answer");
    first.text("request");
    await Promise.all(pairs.map(([, far], index) => received(far, index === 0 ? 6 : 7)));
  }
  assert.deepEqual(left, ["first", "other", "first", "other"]);
});

test("what waits for others leaves with the turn in which there is nothing more to wait for", async (context) => {
  const left: string[] = [];
  class Told extends SocketWriter {
    name = "";
    protected override write(handle: StreamHandle, request: WriteRequest): number {
      left.push(this.name);
      return super.write(handle, request);
    }
  }
  const pairs = [await socketPair(context), await socketPair(context), await socketPair(context)];
  const [patient, sated, plain] = pairs.map(([near]) => new Told(near, () => {}));
  if (patient === undefined || sated === undefined || plain === undefined) assert.fail();
  patient.name = "patient";
  sated.name = "sated";
  plain.name = "plain";
  for (let turn = 0; turn < 2; turn++) {
    patient.isPatient = true;
    sated.isPatient = true;
    patient.text("one");
    sated.text("one");
    plain.text("one");
    // Its last message has come: what it has leaves, and the other goes on waiting.
    sated.isPatient = false;
    await Promise.all(pairs.map(([, far]) => received(far, 3)));
  }
  assert.deepEqual(left, ["sated", "plain", "patient", "sated", "plain", "patient"]);
});

test("who waits for others and has nothing left to send waits no longer", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new SocketWriter(near, () => {});
  writer.isPatient = true;
  writer.text("one");
  assert.equal(writer.goesOnWaiting(0), true);
  writer.flush();
  assert.equal(writer.goesOnWaiting(0), false);
  await received(far, 3);
});

test("what a read gathers leaves with the read as soon as turns have brought a single one each", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new SocketWriter(near, () => {});
  const left: boolean[] = [];
  for (let turn = 0; turn < 65; turn++) {
    beginRead();
    writer.text("x");
    const bytesBefore = near.bytesWritten;
    endRead();
    left.push(near.bytesWritten > bytesBefore);
    await received(far, 1);
  }
  assert.deepEqual(left, [...Array<boolean>(64).fill(false), true]);
});

test("the bytes may change as soon as they were given, and arrive unchanged in order", async (context) => {
  const [near, far] = await socketPair(context);
  await assertStreamArrives(near, far);
});

test("the bytes may change as soon as they were given, and arrive unchanged in order over TLS", async (context) => {
  const [near, far] = await tlsSocketPair(context);
  await assertStreamArrives(near, far);
});

test("the end of a connection comes behind everything that was given", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new SocketWriter(near, () => {});
  const shared = Buffer.alloc(64 * 1024, "x");
  // More than the kernel takes from a peer that does not read.
  far.pause();
  let given = 0;
  while (!writer.isBlocked) {
    writer.bytes("", shared, 0, shared.length, "");
    given += shared.length;
  }
  writer.text("end");
  const ended = new Promise<void>((resolve) => writer.end(resolve));
  assert.ok(writer.unsentBytes > 0);
  const reading = received(far, given + 3);
  far.resume();
  const [bytes] = await Promise.all([reading, ended, once(far, "end")]);
  assert.equal(bytes.toString("latin1", given), "end");
});

test("a peer that is gone ends the socket with an error, and nothing is thrown", async (context) => {
  const [near, far] = await socketPair(context);
  const writer = new SocketWriter(near, () => {});
  const failed = once(near, "error");
  near.pause();
  far.resetAndDestroy();
  const shared = Buffer.alloc(64 * 1024, "x");
  const writing = setInterval(() => writer.bytes("", shared, 0, shared.length, ""), 1);
  const [error] = await failed;
  clearInterval(writing);
  assert.match(error.code, /^(EPIPE|ECONNRESET)$/);
  writer.text("more");
});
