import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededPrng } from "../core/prng.ts";
import { StreamTable } from "./stream-table.ts";

interface Opened {
  readonly id: number;
}

/** Holds the table against a Map, with streams that live for one or for hundreds of others. */
test("streams are found by their identifiers, however long they live", () => {
  const prng = new SeededPrng(42);
  for (let round = 0; round < 50; round++) {
    const table = new StreamTable<Opened>();
    const expected = new Map<number, Opened>();
    const atOnceMax = 1 + Math.floor(prng.next() * 200);
    let lastId = 1;
    for (let step = 0; step < 1_000; step++) {
      if (expected.size < atOnceMax && prng.next() < 0.6) {
        lastId += 2 * (1 + Math.floor(prng.next() * 3));
        const stream = { id: lastId };
        table.add(lastId, stream);
        expected.set(lastId, stream);
      } else {
        const ids = [...expected.keys()];
        // Often the newest, so that the oldest ones stay.
        const id = ids[Math.floor(Math.sqrt(prng.next()) * ids.length)];
        if (id === undefined) continue;
        table.delete(id);
        expected.delete(id);
        assert.equal(table.get(id), undefined);
      }
      assert.equal(table.size, expected.size);
      const probe = 1 + 2 * Math.floor(prng.next() * (lastId / 2 + 40));
      assert.equal(table.get(probe), expected.get(probe));
    }
    assert.deepEqual(table.all(), [...expected.values()]);
    for (const [id, stream] of expected) assert.equal(table.get(id), stream);
  }
});

test("nothing stands where no stream does", () => {
  const table = new StreamTable<Opened>();
  assert.equal(table.get(0), undefined);
  assert.deepEqual(table.all(), []);
  table.add(1, { id: 1 });
  assert.equal(table.get(33), undefined);
  assert.throws(() => table.delete(33), /deleted once/);
  assert.equal(table.size, 1);
});
