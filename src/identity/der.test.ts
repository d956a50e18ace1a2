/** DER reader and writer against each other, and the reader against what DER forbids. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../core/errors.ts";
import {
  bitsFrom,
  booleanFrom,
  DER_TAG,
  DerReader,
  integerBytesFrom,
  octetsFromBitString,
  oidFrom,
  readSingleElement,
  smallIntegerFrom,
  timeFrom,
} from "./der-reader.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derTime,
} from "./der-writer.ts";

function element(encoded: Buffer) {
  return readSingleElement(encoded, encoded[0] ?? 0);
}

function refuses(read: () => unknown, what: string): void {
  assert.throws(read, (error: unknown) => hasCode(error, "der-malformed"), what);
}

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70_000 }), (bytes) => {
      assert.deepEqual(element(derOctetString(bytes)).contents, Buffer.from(bytes));
      assert.deepEqual(octetsFromBitString(element(derBitString(bytes))), Buffer.from(bytes));
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.nat({ max: 0xffff_ffff }), (number) => {
      assert.equal(smallIntegerFrom(element(derInteger(number))), number);
    }),
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 15 })), (bits) => {
      assert.deepEqual(
        [...bitsFrom(element(derNamedBits(bits)))],
        bits.toSorted((a, b) => a - b),
      );
    }),
  );
  fc.assert(
    fc.property(
      fc.nat({ max: 2 }),
      fc.nat({ max: 39 }),
      fc.array(fc.nat()),
      (top, second, rest) => {
        const oid = [top, second, ...rest].join(".");
        assert.equal(oidFrom(element(derOid(oid))), oid);
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(1950) / 1000, max: Date.UTC(9999) / 1000 }),
      (seconds) => {
        assert.equal(timeFrom(element(derTime(seconds * 1000))), seconds * 1000);
      },
    ),
  );
  assert.equal(booleanFrom(element(derBoolean(true))), true);
  assert.equal(booleanFrom(element(derBoolean(false))), false);
});

test("times change form in 2050", () => {
  assert.equal(derTime(Date.UTC(2049, 11, 31, 23, 59, 59)).toString("latin1", 2), "491231235959Z");
  assert.equal(derTime(Date.UTC(2050, 0, 1)).toString("latin1", 2), "20500101000000Z");
  assert.equal(
    timeFrom(element(derElement(DER_TAG.utcTime, Buffer.from("500101000000Z")))),
    Date.UTC(1950),
  );
});

test("random bytes are read or refused, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const reader = new DerReader(Buffer.from(bytes));
      try {
        while (!reader.isDone) reader.readAny();
      } catch (error) {
        assert.ok(hasCode(error, "der-malformed"));
      }
    }),
    { numRuns: 2000 },
  );
});

test("what DER forbids is refused", () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
  for (const [what, bytes] of [
    ["indefinite length", hex("30 80 00 00")],
    ["length 127 in two bytes", Buffer.concat([hex("04 81 7f"), Buffer.alloc(127)])],
    ["length 255 in three bytes", Buffer.concat([hex("04 82 00 ff"), Buffer.alloc(255)])],
    ["length of four bytes", hex("04 84 01 00 00 00")],
    ["reserved length", hex("04 ff")],
    ["tag of more bytes", hex("1f 81 01 00")],
    ["no length", hex("04")],
    ["length cut off", hex("04 82 01")],
    ["contents cut off", hex("04 02 00")],
    ["bytes left over", hex("04 00 00")],
  ] as const) {
    refuses(() => element(bytes), what);
  }
  refuses(() => integerBytesFrom(element(hex("02 00"))), "empty integer");
  refuses(() => integerBytesFrom(element(hex("02 02 00 7f"))), "padded integer");
  refuses(() => integerBytesFrom(element(hex("02 02 ff 80"))), "padded negative integer");
  refuses(() => smallIntegerFrom(element(hex("02 01 ff"))), "negative number");
  refuses(() => smallIntegerFrom(element(hex("02 06 01 00 00 00 00 00"))), "large number");
  refuses(() => oidFrom(element(hex("06 00"))), "empty identifier");
  refuses(() => oidFrom(element(hex("06 02 2a 80"))), "identifier cut off");
  refuses(() => oidFrom(element(hex("06 03 2a 80 01"))), "padded identifier");
  refuses(() => oidFrom(element(hex("06 0b 2a ff ff ff ff ff ff ff ff ff 7f"))), "huge identifier");
  refuses(() => bitsFrom(element(hex("03 00"))), "no count of unused bits");
  refuses(() => bitsFrom(element(hex("03 02 08 00"))), "eight unused bits");
  refuses(() => bitsFrom(element(hex("03 01 01"))), "unused bits of nothing");
  refuses(() => octetsFromBitString(element(hex("03 02 01 02"))), "key with unused bits");
  refuses(() => booleanFrom(element(hex("01 02 ff ff"))), "long boolean");
  refuses(() => new DerReader(hex("05 00")).read(DER_TAG.boolean), "another tag");
});
