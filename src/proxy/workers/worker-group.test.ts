/** Updates and workers that refuse, die or hang: all have the same in the end, whatever happens on the way. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { WORKER_ANSWER_MS_MAX } from "../../core/limits.ts";
import { createLogger } from "../../core/logger.ts";
import { SeededPrng } from "../../core/prng.ts";
import { CLUSTER_TYPE_URL } from "../../xds/type-urls.ts";
import type { StartInput } from "./calls.ts";
import { Configuration } from "./configuration.ts";
import { WorkerGroup } from "./worker-group.ts";

const STAND_IN = join(import.meta.dirname, "../../../test/support/stand-in-worker.ts");
/** Longer than any delay before a restart. */
const RESTART_MS = 20_000;

const START: StartInput = {
  place: { index: 0, count: 1 },
  ...{ bootstrap: new Uint8Array(), bootstrapFile: "", trustDomain: "", version: "" },
  ...{ logLevel: "info", identity: undefined, updates: [], missing: [], drains: [] },
};

class Workers {
  readonly clock = new ManualClock();
  readonly configuration = new Configuration();
  readonly log: Readonly<Record<string, unknown>>[] = [];
  readonly wanted: string[] = [];
  readonly group: WorkerGroup;

  static async start(context: TestContext, count: number): Promise<Workers> {
    const workers = new Workers(count);
    context.after(() => workers.group.stop());
    await workers.group.start();
    return workers;
  }

  private constructor(count: number) {
    const { clock } = this;
    const sink = { write: (line: string) => this.log.push(JSON.parse(line)) };
    this.group = new WorkerGroup({
      ...{ count, clock, prng: new SeededPrng(1) },
      command: [process.execPath, STAND_IN],
      log: createLogger({ clock, sink, threshold: { level: "info" }, format: "json" }),
      startInput: () => ({ ...START, updates: this.configuration.updates() }),
      onWanted: (wanted) => this.wanted.push([...(wanted.get("applied") ?? [])].join(" ")),
      onReady: () => {},
      onGone: () => {},
    });
  }

  /** Resolves with what is refused, `name: message`. */
  async update(...names: readonly string[]): Promise<readonly string[]> {
    const changed = names.map((name) => ({ name, version: "1", bytes: Buffer.from(name) }));
    const update = { typeUrl: CLUSTER_TYPE_URL, changed, removed: [] };
    const errors = await this.group.update(update, (refused) => {
      this.configuration.apply(update, refused);
    });
    return errors.map(({ name, message }) => `${name}: ${message}`);
  }

  /** What each worker that serves has applied. */
  async applied(): Promise<readonly string[]> {
    const statuses = await this.group.ask("status", undefined, WORKER_ANSWER_MS_MAX);
    return statuses.map(({ secretNames }) => secretNames.join(" "));
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Workers that have died start again, and take what is in force. */
  async restarted(count: number): Promise<void> {
    const ended = (): number => this.log.filter(({ delayMs }) => delayMs !== undefined).length;
    await this.until(() => ended() === count);
    this.clock.advance(RESTART_MS);
    await this.until(() => this.group.restarts === count && this.group.live.length === 2);
  }
}

test("all take what all accept, and what one refuses none takes", async (context) => {
  const workers = await Workers.start(context, 2);
  assert.deepEqual(await workers.update("a"), []);
  assert.deepEqual(await workers.update("b", "wrong", "c"), ["wrong: is wrong"]);
  assert.deepEqual(await workers.update("wrong-for-1", "d"), ["wrong-for-1: is wrong"]);
  assert.deepEqual(await workers.applied(), ["a b c d", "a b c d"]);
  assert.equal(workers.wanted.at(-1), "a b c d");
});

test("updates that come together are taken one after the other", async (context) => {
  const workers = await Workers.start(context, 2);
  const names = Array.from({ length: 20 }, (_, index) => String(index));
  await Promise.all(names.map((name) => workers.update(name)));
  assert.deepEqual(await workers.applied(), [names.join(" "), names.join(" ")]);
});

test("a worker that dies of an update does not keep the others from it", async (context) => {
  const workers = await Workers.start(context, 2);
  assert.deepEqual(await workers.update("a", "poison-for-0"), []);
  assert.deepEqual(await workers.applied(), ["a poison-for-0"]);
  await workers.restarted(1);
  assert.deepEqual(await workers.applied(), ["a poison-for-0", "a poison-for-0"]);
});

test("an update that workers die of is refused, and they come back with the one before", async (context) => {
  const workers = await Workers.start(context, 2);
  await workers.update("a");
  const message = "workers end while they compile this update; see the proxy's log";
  assert.deepEqual(await workers.update("b", "poison"), [`b: ${message}`, `poison: ${message}`]);
  assert.equal(workers.group.live.length, 0);
  // The next one waits for somebody to take it.
  const next = workers.update("c");
  await workers.restarted(2);
  assert.deepEqual(await next, []);
  await workers.until(() => workers.group.live.length === 2);
  assert.deepEqual(await workers.applied(), ["a c", "a c"]);
});

test("a worker that dies while it takes an update has it when it is back", async (context) => {
  const workers = await Workers.start(context, 2);
  assert.deepEqual(await workers.update("a", "poison-later-for-0"), []);
  await workers.restarted(1);
  assert.deepEqual(await workers.applied(), ["a poison-later-for-0", "a poison-later-for-0"]);
});

test("a worker that hangs is ended, and the others go on", async (context) => {
  const workers = await Workers.start(context, 2);
  const [hung] = workers.group.live;
  const update = workers.update("a", "hang-in-0");
  // Calls are answered in order: after this the other has answered.
  await new Promise((resolve) => setImmediate(resolve));
  await workers.applied();
  workers.clock.advance(WORKER_ANSWER_MS_MAX);
  assert.deepEqual(await update, []);
  assert.equal(await hung?.ended, "SIGKILL");
  assert.deepEqual(await workers.applied(), ["a hang-in-0"]);
});

test("what cannot start as a worker is an error, not a wait", async (context) => {
  const clock = new ManualClock();
  const group = new WorkerGroup({
    ...{ count: 1, clock, prng: new SeededPrng(1) },
    command: [process.execPath, "-e", "process.exit(3)"],
    log: createLogger({
      ...{ clock, sink: { write: () => {} } },
      ...{ threshold: { level: "off" }, format: "json" },
    }),
    startInput: () => START,
    onWanted: () => {},
    onReady: () => {},
    onGone: () => {},
  });
  context.after(() => group.stop());
  await assert.rejects(group.start(), /the process is gone/);
});
