/**
 * The two stores, given the same random transactions, answer the same and end in the same state; and
 * both keep what is promised of revisions and generations.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { sampleService, sampleWorkload } from "../../test/support/store-samples.ts";
import { ManualClock } from "../core/clock.ts";
import { MeshError } from "../core/errors.ts";
import type { AnyObject } from "../resource/kind-map.ts";
import { formatKey, keyOf, type ObjectKey } from "../resource/object.ts";
import { registry } from "../resource/registry.ts";
import { createMemoryStore } from "./memory-store.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { type Change, revisionOf, type Store, type WatchEvent } from "./store.ts";

/** Small, so that the log is compacted all the time. */
const LOG_EVENTS_MAX = 8;

const name = fc.constantFrom("a", "b", "c");
const key = fc.record({
  kind: fc.constantFrom("Service" as const, "Workload" as const),
  namespace: fc.constant("default"),
  name,
});
const object: fc.Arbitrary<AnyObject> = fc.oneof(
  fc
    .record({ name, port: fc.integer({ min: 1, max: 2 }), team: fc.constantFrom("x", "y") })
    .map((options) =>
      sampleService(options.name, { port: options.port, labels: { team: options.team } }),
    ),
  name.map(sampleWorkload),
);
const expectedRevision = fc.integer({ min: 0, max: 12 });
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant("create" as const), object }),
  fc.record({ type: fc.constant("update" as const), object, expectedRevision }),
  fc.record({ type: fc.constant("put" as const), object }),
  fc.record({ type: fc.constant("put" as const), object, expectedRevision }),
  fc.record({
    type: fc.constant("status" as const),
    key: key as fc.Arbitrary<ObjectKey<"Service">>,
    status: fc.record({ serviceIndex: fc.integer({ min: 0, max: 1 }) }),
  }),
  fc.record({ type: fc.constant("delete" as const), key }),
  fc.record({ type: fc.constant("delete" as const), key, expectedRevision }),
);
const step = fc.record({
  changes: fc.array(change, { maxLength: 4 }),
  dryRun: fc.constantFrom(false, false, false, true),
});

test("memory and SQLite answer the same transactions alike", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-properties-"));
  t.after(() => rmSync(folder, { recursive: true }));
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      runs += 1;
      const file = join(folder, `${runs}.db`);
      let sqlite = openSqliteStore({ file, ...dependencies() });
      const memory = createMemoryStore(dependencies());
      for (const { changes, dryRun } of steps) {
        const before = (await memory.list()).objects;
        const inMemory = await answerOf(memory.apply(changes, { dryRun }));
        assert.deepEqual(await answerOf(sqlite.apply(changes, { dryRun })), inMemory);
        checkPromises(before, (await memory.list()).objects, memory.revision());
        assert.deepEqual(await stateOf(sqlite), await stateOf(memory));
      }
      await sqlite.close();
      sqlite = openSqliteStore({ file, ...dependencies() });
      assert.deepEqual(await stateOf(sqlite), await stateOf(memory), "a restart changes nothing");
      await Promise.all([memory.close(), sqlite.close()]);
    }),
    { numRuns: 60 },
  );
});

function dependencies() {
  let uidCount = 0;
  const newUid = () => {
    uidCount += 1;
    return `uid-${uidCount}`;
  };
  return { clock: new ManualClock(), registry, newUid, logEventsMax: LOG_EVENTS_MAX };
}

async function answerOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error));
    return { refused: error.detail };
  }
}

/** Everything that can be seen of a store. */
async function stateOf(store: Store): Promise<unknown> {
  const events: (readonly WatchEvent[])[] = [];
  const compactedRevision = store.compactedRevision();
  const watch = store.watch({ fromRevision: compactedRevision });
  while ((events.at(-1)?.[0]?.revision ?? compactedRevision) < store.revision()) {
    const { value } = await watch.next();
    if (value !== undefined) events.push(value);
  }
  await watch.return?.();
  return { compactedRevision, events, ...(await store.list()) };
}

/** An object that was written has the newest revision; its generation rises exactly with its spec. */
function checkPromises(
  before: readonly AnyObject[],
  after: readonly AnyObject[],
  revision: number,
): void {
  const earlier = new Map(before.map((each) => [formatKey(keyOf(each)), each]));
  for (const each of after) {
    assert.ok(revisionOf(each) <= revision);
    const old = earlier.get(formatKey(keyOf(each)));
    if (old === undefined || old.metadata.uid !== each.metadata.uid) {
      assert.equal(each.metadata.generation, 1);
      assert.equal(revisionOf(each), revision);
      continue;
    }
    const isSameSpec = JSON.stringify(old.spec) === JSON.stringify(each.spec);
    const rise = (each.metadata.generation ?? 0) - (old.metadata.generation ?? 0);
    assert.equal(rise, isSameSpec ? 0 : 1);
    const isSame = JSON.stringify(old) === JSON.stringify(each);
    assert.equal(revisionOf(each), isSame ? revisionOf(old) : revision);
  }
}
