/** What the store has acknowledged survives `kill -9` at any moment, and revisions go on from there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { take } from "../../test/support/store-samples.ts";
import { type Acknowledgement, LOG_EVENTS_MAX } from "../../test/support/store-writer.ts";
import { systemClock } from "../core/clock.ts";
import { SeededPrng } from "../core/prng.ts";
import { registry } from "../resource/registry.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { Store } from "./store.ts";

const WRITER = join(import.meta.dirname, "../../test/support/store-writer.ts");
const KILLS = 22;

test(`every acknowledged write is there after each of ${KILLS} kills`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-crash-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "store.db");
  const seed = Date.now() % 2 ** 31;
  t.diagnostic(`seed ${seed}`);
  const prng = new SeededPrng(seed);
  const expected = new Map<string, number | null>();
  let acknowledgedRevision = 0;
  let lines = 0;
  let revisionBefore = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    // The first ones are killed while they open, or migrate, the file.
    const linesBeforeKill = kill < 2 ? 0 : Math.floor(prng.next() * 40);
    for (const { revision, ports } of await writeUntilKilled(file, linesBeforeKill)) {
      lines += 1;
      acknowledgedRevision = Math.max(acknowledgedRevision, revision);
      for (const [name, port] of Object.entries(ports)) expected.set(name, port);
    }
    const store = openSqliteStore({
      file,
      clock: systemClock,
      registry,
      logEventsMax: LOG_EVENTS_MAX,
    });
    assert.ok(store.revision() >= acknowledgedRevision, "no acknowledged revision is lost");
    assert.ok(store.revision() >= revisionBefore, "revisions never fall");
    await checkObjects(store, expected);
    await checkLog(store, revisionBefore);
    revisionBefore = store.revision();
    await store.close();
  }
  assert.ok(lines > KILLS, `${lines} acknowledgements were judged`);
  t.diagnostic(`${lines} acknowledgements, revision ${revisionBefore}`);
});

/** Runs a writer, kills it after that many lines, and returns every whole line that it printed. */
async function writeUntilKilled(file: string, linesBeforeKill: number): Promise<Acknowledgement[]> {
  const child = spawn(process.execPath, [WRITER, file], { stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged: Acknowledgement[] = [];
  if (linesBeforeKill === 0) child.once("spawn", () => child.kill("SIGKILL"));
  const exited = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("close", (_code, signal) => resolve(signal)),
  );
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.endsWith("}}")) continue;
    acknowledged.push(JSON.parse(line) as Acknowledgement);
    if (acknowledged.length === linesBeforeKill) child.kill("SIGKILL");
  }
  assert.equal(await exited, "SIGKILL", "the writer ran until it was killed");
  return acknowledged;
}

/**
 * Objects that are written once are exactly as acknowledged; those written again and again are there,
 * perhaps newer, for a write that was made may not have been acknowledged any more.
 */
async function checkObjects(
  store: Store,
  expected: ReadonlyMap<string, number | null>,
): Promise<void> {
  const { objects } = await store.list("Service");
  const ports = new Map(objects.map(({ metadata, spec }) => [metadata.name, spec.ports[0]?.port]));
  for (const [name, port] of expected) {
    if (port === null) assert.equal(ports.get(name), undefined, `${name} stays deleted`);
    else if (name.startsWith("hot-")) assert.ok(ports.has(name), `${name} is there`);
    else if (ports.has(name)) assert.equal(ports.get(name), port, `${name} is as acknowledged`);
    else await assertDeleted(store, name);
  }
}

/** A service whose creation was acknowledged may be gone only by a delete that was not acknowledged. */
async function assertDeleted(store: Store, name: string): Promise<void> {
  const batches = await take(store.watch({ fromRevision: 0 }), store.revision());
  const events = batches.flat().filter(({ object }) => object.metadata.name === name);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["put", "delete"],
    `${name} is there or was deleted`,
  );
}

/** The log holds each revision once, without a gap. */
async function checkLog(store: Store, fromRevision: number): Promise<void> {
  const count = store.revision() - fromRevision;
  const batches = await take(store.watch({ fromRevision }), count);
  assert.deepEqual(
    batches.map(([first]) => first?.revision),
    Array.from({ length: count }, (_, index) => fromRevision + 1 + index),
  );
}
