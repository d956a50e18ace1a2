/** MessagePack there and back, and against values of its specification; what is no MessagePack ends in an answer, not in a loop. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { packBinary, packEventTime, packMessage } from "./message-pack.ts";
import { unpackMessage } from "./message-unpack.ts";

test("bytes of the specification", () => {
  const hex = (value: unknown): string => packMessage(value).toString("hex");
  assert.deepEqual(
    [hex(null), hex(true), hex(0), hex(127), hex(128)],
    ["c0", "c3", "00", "7f", "ce00000080"],
  );
  assert.deepEqual([hex(-1), hex(-32), hex(-33)], ["ff", "e0", "d3ffffffffffffffdf"]);
  assert.deepEqual([hex("a"), hex([1]), hex({ a: 1, b: undefined })], ["a161", "9101", "81a16101"]);
  assert.equal(hex("x".repeat(32)).slice(0, 4), "d920");
  assert.equal(packBinary(Buffer.alloc(300)).toString("hex", 0, 3), "c5012c");
  assert.equal(packEventTime(1_700_000_000_000_000_042n).toString("hex"), "d7006553f1000000002a");
});

test("what is packed is read back", () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      ...[fc.string({ maxLength: 300 }), fc.integer(), fc.maxSafeInteger(), fc.boolean()],
      ...[fc.constant(null), fc.double({ noNaN: true, noDefaultInfinity: true })],
      fc.array(tie("value"), { maxLength: 20 }),
      fc.dictionary(fc.string({ maxLength: 40 }), tie("value"), {
        maxKeys: 20,
        noNullPrototype: true,
      }),
    ),
  })).value;
  fc.assert(
    fc.property(json, (value) => {
      const bytes = packMessage(value);
      const found = unpackMessage(bytes);
      assert.ok(found.kind === "value" && found.end === bytes.length);
      assert.equal(JSON.stringify(found.value), JSON.stringify(value));
      assert.deepEqual(unpackMessage(bytes.subarray(0, -1)), { kind: "more" });
    }),
    { numRuns: 200 },
  );
});

test("any bytes get an answer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      assert.ok(["value", "more", "malformed"].includes(unpackMessage(Buffer.from(bytes)).kind));
    }),
  );
  assert.equal(unpackMessage(Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])).kind, "malformed");
  assert.equal(unpackMessage(Buffer.alloc(32, 0x91)).kind, "malformed");
});
