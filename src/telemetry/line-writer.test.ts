/** Log lines in batches, bounded, whatever the sink does. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { type TestContext, test } from "node:test";
import { until } from "../../test/support/until.ts";
import { ManualClock } from "../core/clock.ts";
import { LineWriter } from "./line-writer.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tulle-lines-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A sink that takes nothing until `release` is called. */
class StuckSink extends Writable {
  readonly chunks: string[] = [];
  release: () => void = () => {};

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.chunks.push(chunk.toString());
    this.release = callback;
  }
}

test("lines wait for the second, then leave in one write", () => {
  const clock = new ManualClock();
  const sink = new PassThrough();
  const writer = new LineWriter(sink, clock);
  writer.write("a\n");
  writer.write("b\n");
  assert.equal(sink.read(), null);
  clock.advance(1_000);
  assert.equal(String(sink.read()), "a\nb\n");
  assert.equal(clock.pendingCount, 0);
  writer.write("c\n");
  clock.advance(1_000);
  assert.equal(String(sink.read()), "c\n");
});

test("a full batch leaves at once, and its timer with it", () => {
  const clock = new ManualClock();
  const sink = new PassThrough();
  const writer = new LineWriter(sink, clock);
  writer.write("first\n");
  writer.write(`${"x".repeat(64 * 1024)}\n`);
  assert.ok(String(sink.read()).startsWith("first\nx"));
  assert.equal(clock.pendingCount, 0);
});

test("flushing writes what waits, and nothing when nothing does", () => {
  const clock = new ManualClock();
  const sink = new PassThrough();
  const writer = new LineWriter(sink, clock);
  writer.flush();
  assert.equal(sink.read(), null);
  writer.write("a\n");
  writer.flush();
  assert.equal(String(sink.read()), "a\n");
  assert.equal(clock.pendingCount, 0);
});

test("behind a sink that is stuck lines are dropped and counted, and memory stays bounded", () => {
  const sink = new StuckSink();
  const writer = new LineWriter(sink, new ManualClock());
  const line = `${"x".repeat(1_023)}\n`;
  for (let i = 0; i < 3_000; i++) writer.write(line);
  assert.ok(writer.dropped > 1_900 && writer.dropped < 2_000, String(writer.dropped));
  assert.ok(sink.writableLength <= 1024 * 1024 + 32 * 1024);
  const before = writer.dropped;
  sink.release();
  writer.write(line);
  assert.ok(writer.dropped <= before + 1);
});

test("a sink that breaks costs its lines, never an exception", async () => {
  const sink = new PassThrough();
  const clock = new ManualClock();
  const writer = new LineWriter(sink, clock);
  writer.write("lost\n");
  sink.destroy(new Error("disk full"));
  await new Promise<void>((resolve) => {
    sink.once("close", resolve);
  });
  writer.write("a\n");
  writer.write("b\n");
  clock.advance(1_000);
  assert.equal(writer.dropped, 2);
});

test("a file is appended to, and closing it leaves every line there", async (t) => {
  const path = join(folderFor(t), "access.log");
  const clock = new ManualClock();
  for (const line of ["first\n", "second\n"]) {
    const writer = new LineWriter(path, clock);
    writer.write(line);
    await writer.close();
  }
  assert.equal(readFileSync(path, "utf8"), "first\nsecond\n");
});

test("a file that was rotated is opened anew", async (t) => {
  const path = join(folderFor(t), "log");
  const clock = new ManualClock();
  const writer = new LineWriter(path, clock);
  writer.write("one\n");
  writer.flush();
  await until(() => existsSync(path) && readFileSync(path, "utf8") === "one\n");
  renameSync(path, `${path}.1`);
  clock.advance(10_000);
  // It is noticed behind this batch, which belongs to the old file.
  writer.write("two\n");
  writer.flush();
  await until(() => existsSync(path));
  writer.write("three\n");
  await writer.close();
  assert.equal(readFileSync(path, "utf8"), "three\n");
  await until(() => readFileSync(`${path}.1`, "utf8") === "one\ntwo\n");
  assert.equal(writer.dropped, 0);
});

test("a sink that takes nothing does not keep the process from ending", async () => {
  const clock = new ManualClock();
  const writer = new LineWriter(new StuckSink(), clock);
  writer.write("lost\n");
  const closed = writer.close();
  clock.advance(1_000);
  await closed;
});

test("a file that cannot be opened drops lines", async (t) => {
  const writer = new LineWriter(join(folderFor(t), "no", "such", "folder"), new ManualClock());
  writer.write("a\n");
  await writer.close();
  writer.write("b\n");
  assert.equal(writer.dropped, 1);
});

test("the process's own streams are used, and never closed", async () => {
  for (const [path, stream] of [
    ["/dev/stdout", process.stdout],
    ["/dev/stderr", process.stderr],
  ] as const) {
    const listeners = stream.listenerCount("error");
    const writer = new LineWriter(path, new ManualClock());
    assert.equal(stream.listenerCount("error"), listeners + 1);
    await writer.close();
    assert.equal(stream.writableEnded, false);
    assert.equal(stream.listenerCount("error"), listeners);
  }
});
