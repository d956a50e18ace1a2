/** The queue: order, batches, pauses, partial answers, bounds, and what a restart finds on disk. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ManualClock } from "../../../core/clock.ts";
import { silentLogger } from "../../../core/logger.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { DiskBuffer } from "./disk-buffer.ts";
import { type ExportBuffer, MemoryBuffer } from "./export-buffer.ts";
import { createExportMetrics, pipeMetrics } from "./export-metrics.ts";
import { ExportPipe } from "./export-pipe.ts";
import { type ExportTarget, type SendOutcome, TAKEN } from "./export-target.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-export-"));
after(() => rmSync(folder, { recursive: true }));

/** Answers with what `answers` says, one after the other, then takes everything. */
class FakeTarget implements ExportTarget {
  readonly place = "here";
  readonly batches: string[][] = [];
  answers: (SendOutcome | Error)[] = [];
  #onSent: (() => void) | undefined;

  async send(batch: readonly Buffer[]): Promise<SendOutcome> {
    this.batches.push(batch.map(String));
    const answer = this.answers.shift() ?? TAKEN;
    // Not before the pipe has judged it.
    setImmediate(() => setImmediate(() => this.#onSent?.()));
    if (answer instanceof Error) throw answer;
    return answer;
  }

  sent(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSent = resolve;
    });
  }

  close(): void {}
}

function pipeOf(buffer: ExportBuffer) {
  const target = new FakeTarget();
  const clock = new ManualClock();
  const metrics = pipeMetrics(createExportMetrics(new MetricRegistry()), "out", "audit");
  const pipe = new ExportPipe({
    exporter: "out",
    signal: "audit",
    target,
    buffer,
    settings: {
      batch: { maxRecords: 4, maxBytes: 1000, delayMs: 1000 },
      retry: { initialDelayMs: 100, maxDelayMs: 1000 },
      timeoutMs: 5000,
    },
    metrics,
    clock,
    prng: { next: () => 1 },
    log: silentLogger,
  });
  const add = (...sequence: readonly number[]): void => {
    for (const seq of sequence) pipe.add(Buffer.from(String(seq)));
  };
  const turn = async (ms: number): Promise<void> => {
    const sent = target.sent();
    clock.advance(ms);
    await sent;
  };
  return { pipe, target, clock, metrics, add, turn };
}

test("records go in batches: full ones at once, others after the delay", async () => {
  const { pipe, target, clock, metrics, add, turn } = pipeOf(new MemoryBuffer(10_000));
  add(1, 2);
  clock.advance(999);
  assert.deepEqual(target.batches, []);
  await turn(1);
  assert.deepEqual(target.batches, [["1", "2"]]);
  add(3, 4, 5, 6, 7);
  await turn(0);
  assert.deepEqual(target.batches.slice(1), [["3", "4", "5", "6"]]);
  await turn(1000);
  assert.deepEqual(target.batches.slice(2), [["7"]]);
  assert.equal(metrics.records.value, 7);
  assert.equal(metrics.bufferRecords.value, 0);
  await pipe.stop(0);
});

test("a failure is repeated after growing pauses, in order, and what it asks for counts", async () => {
  const { pipe, target, clock, metrics, add, turn } = pipeOf(new MemoryBuffer(10_000));
  const busy: SendOutcome = {
    kind: "retry",
    indices: "all",
    rejected: 0,
    reason: "busy",
    afterMs: 7000,
  };
  target.answers = [new Error("away"), new Error("away"), busy];
  add(1, 2, 3, 4);
  await turn(0);
  assert.equal(pipe.state.reason, "away");
  assert.equal(pipe.state.failingSinceMs, clock.nowMs());
  add(5);
  clock.advance(99);
  assert.equal(target.batches.length, 1);
  await turn(1);
  clock.advance(199);
  assert.equal(target.batches.length, 2);
  await turn(1);
  clock.advance(6999);
  assert.equal(target.batches.length, 3);
  await turn(1);
  assert.equal(pipe.state.failingSinceMs, undefined);
  await turn(1000);
  assert.deepEqual(target.batches, [...Array(4).fill(["1", "2", "3", "4"]), ["5"]]);
  assert.equal(metrics.failures.value, 3);
  assert.equal(metrics.records.value, 5);
  await pipe.stop(0);
});

test("of a batch that is taken in part the rest is tried again, before what came later", async () => {
  const { pipe, target, metrics, add, turn } = pipeOf(new MemoryBuffer(10_000));
  target.answers = [
    { kind: "retry", indices: [1, 3], rejected: 1, reason: "queue full", afterMs: 0 },
  ];
  add(1, 2, 3, 4, 5, 6, 7, 8);
  await turn(0);
  assert.equal(metrics.records.value, 1);
  assert.equal(metrics.dropped.refused.value, 1);
  await turn(100);
  assert.deepEqual(target.batches, [
    ["1", "2", "3", "4"],
    ["2", "4"],
    ["5", "6", "7", "8"],
  ]);
  assert.equal(metrics.records.value, 7);
  await pipe.stop(0);
});

test("what is too large goes in halves; a single record that is, is dropped", async () => {
  const { pipe, target, metrics, add, turn } = pipeOf(new MemoryBuffer(10_000));
  const large: SendOutcome = { kind: "too-large", reason: "413" };
  target.answers = [large, large];
  add(1, 2, 3, 4);
  await turn(0);
  assert.deepEqual(target.batches, [["1", "2", "3", "4"], ["1", "2"], ["1"], ["2", "3"], ["4"]]);
  target.answers = [large];
  add(5);
  await turn(1000);
  assert.equal(metrics.dropped.refused.value, 1);
  assert.equal(pipe.state.lastDrop?.why, "refused");
  assert.equal(metrics.records.value, 4);
  await pipe.stop(0);
});

test("past the bound the newest are dropped and counted; those that wait arrive", async () => {
  const { pipe, target, metrics, add, turn } = pipeOf(new MemoryBuffer(300));
  target.answers = [new Error("away")];
  add(1, 2, 3, 4, 5);
  assert.equal(metrics.dropped["buffer-full"].value, 2);
  assert.equal(pipe.state.droppedRecords, 2);
  await turn(1000);
  await turn(100);
  assert.deepEqual(target.batches.at(-1), ["1", "2", "3"]);
  await pipe.stop(0);
});

test("a stop gives back what was not sent", async () => {
  const { pipe, target, add } = pipeOf(new MemoryBuffer(10_000));
  add(1, 2);
  assert.deepEqual((await pipe.stop(0)).map(String), ["1", "2"]);
  assert.deepEqual(target.batches, []);
});

const disk = (name: string, bytesMax = 64 * 1024 * 1024): DiskBuffer =>
  new DiskBuffer({ folder: join(folder, name), bytesMax, log: silentLogger });

test("on disk, records outlive the process, and those that were sent do not come again", async () => {
  const first = pipeOf(disk("restart"));
  first.target.answers = [TAKEN, new Error("away")];
  first.add(1, 2, 3, 4, 5, 6, 7, 8, 9);
  await first.turn(0);
  assert.deepEqual(await first.pipe.stop(0), []);
  const second = pipeOf(disk("restart"));
  assert.equal(second.metrics.bufferRecords.value, 5);
  await second.turn(0);
  second.add(10);
  await second.turn(1000);
  await second.turn(1000);
  assert.deepEqual(second.target.batches, [["5", "6", "7", "8"], ["9"], ["10"]]);
  await second.pipe.stop(0);
  const third = disk("restart");
  assert.equal(third.records, 0);
});

test("on disk, the bound holds over many segments, and order is kept", async () => {
  const bytesMax = 3 * 1024 * 1024;
  const buffer = disk("bound", bytesMax);
  const record = (index: number): Buffer => Buffer.from(String(index).padEnd(10_000, "."));
  let count = 0;
  while (buffer.add(record(count))) count += 1;
  assert.ok(count > 300 && buffer.bytes <= bytesMax, String(count));
  const seen: number[] = [];
  for (;;) {
    const batch = await buffer.peek({ maxRecords: 64, maxBytes: 1024 * 1024 });
    if (batch.length === 0) break;
    seen.push(...batch.map((one) => Number.parseInt(String(one), 10)));
    buffer.remove(batch.length);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, index) => index),
  );
  assert.equal(buffer.bytes, 0);
  assert.equal(buffer.records, 0);
  await buffer.close();
  assert.equal(disk("bound").records, 0);
  assert.deepEqual(readdirSync(join(folder, "bound")), ["position"]);
});

test("a record that was torn by a crash is left out, those before it are not", async () => {
  const buffer = disk("torn");
  for (const text of ["a", "b"]) buffer.add(Buffer.from(text));
  await buffer.close();
  const [name = ""] = readdirSync(join(folder, "torn")).filter((one) => one.endsWith(".log"));
  appendFileSync(join(folder, "torn", name), Buffer.from([200, 0, 0, 0, 1, 2, 3, 4, 5]));
  const found = disk("torn");
  assert.equal(found.records, 2);
  found.add(Buffer.from("c"));
  const limits = { maxRecords: 10, maxBytes: 1000 };
  assert.deepEqual((await found.peek(limits)).map(String), ["a", "b"]);
  found.remove(2);
  assert.deepEqual((await found.peek(limits)).map(String), ["c"]);
  await found.close();
});
