import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DynamicTable, ENTRY_OVERHEAD_BYTES } from "./dynamic-table.ts";
import { viewOf } from "./hpack-scratch.ts";

function insert(table: DynamicTable, bytes: Uint8Array, nameLength: number): boolean {
  const padded = new Uint8Array(bytes.length + 4);
  padded.set(bytes);
  const valueLength = bytes.length - nameLength;
  const view = viewOf(padded);
  return table.insert(nameLength, valueLength, 7, 9, view, 0, bytes.length, "");
}

function entryBytes(table: DynamicTable, index: number): Buffer {
  const slot = table.slotOf(index);
  const { buffer, byteOffset } = table.view;
  return Buffer.from(
    buffer as ArrayBuffer,
    byteOffset + table.offset(slot),
    table.storedBytes(slot),
  );
}

test("a table takes memory with its first entry", () => {
  const table = new DynamicTable(4096);
  assert.equal(table.slotOf(0), -1);
  assert.equal(table.view.byteLength, 0);
  assert.equal(insert(table, new Uint8Array([1, 2, 3]), 1), true);
  assert.deepEqual([...entryBytes(table, 0)], [1, 2, 3]);
  assert.equal(new DynamicTable(4096).view.byteLength, 0);
});

test("the table agrees with a plain list through insertions, evictions and changes of size", () => {
  const step = fc.oneof(
    { weight: 9, arbitrary: fc.record({ bytes: fc.uint8Array({ maxLength: 300 }) }) },
    { weight: 1, arbitrary: fc.record({ size: fc.nat(4096) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const table = new DynamicTable(4096);
      let model: Uint8Array[] = [];
      const sizeOf = () =>
        model.reduce((sum, bytes) => sum + bytes.length + ENTRY_OVERHEAD_BYTES, 0);
      for (const next of steps) {
        if ("size" in next) {
          table.resize(next.size);
        } else {
          const fits = next.bytes.length + ENTRY_OVERHEAD_BYTES <= table.sizeMax;
          assert.equal(insert(table, next.bytes, next.bytes.length >>> 1), fits);
          model = fits ? [next.bytes, ...model] : [];
        }
        while (sizeOf() > table.sizeMax) model.pop();
        assert.equal(table.count, model.length);
        assert.equal(table.size, sizeOf());
        for (const [index, bytes] of model.entries()) {
          assert.deepEqual(entryBytes(table, index), Buffer.from(bytes));
        }
        assert.equal(table.slotOf(model.length), -1);
      }
    }),
    { numRuns: 60 },
  );
});

test("many generations of entries use the same memory", () => {
  const table = new DynamicTable(4096);
  for (let i = 0; i < 20_000; i++) insert(table, new Uint8Array(i % 97), 0);
  assert.ok(table.view.byteLength <= 4 * 4096 + 4);
  assert.ok(table.count >= 32);
});

test("an entry larger than the table empties it", () => {
  const table = new DynamicTable(100);
  assert.equal(insert(table, new Uint8Array(68), 10), true);
  assert.equal(insert(table, new Uint8Array(69), 10), false);
  assert.equal(table.count, 0);
  assert.equal(table.size, 0);
});
