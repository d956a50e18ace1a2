import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  FIELD_BLOCK_BYTES_MAX,
  HEAD_SIZE_BYTES_MAX,
  HEADER_COUNT_MAX,
  HPACK_LIST_BYTES_MAX,
} from "../../core/limits.ts";
import { HEADER } from "../../http/header-name.ts";
import { ERROR_CODE } from "../error-code.ts";
import { HpackDecoder } from "./decoder.ts";
import { FieldSection, PSEUDO } from "./field-section.ts";
import {
  HPACK_ERROR,
  HPACK_MALFORMED,
  HPACK_OK,
  HPACK_TOO_LARGE,
  hpackErrorInfo,
} from "./hpack-error.ts";
import { HpackScratch } from "./hpack-scratch.ts";
import { encodeInteger } from "./integer.ts";

const scratch = new HpackScratch();
const section = new FieldSection();

function newDecoder(listSizeBytesMax = HEAD_SIZE_BYTES_MAX): HpackDecoder {
  return new HpackDecoder({ scratch, listSizeBytesMax });
}

function decode(decoder: HpackDecoder, block: Buffer | string): number {
  const bytes = typeof block === "string" ? Buffer.from(block, "hex") : block;
  return decoder.decode(bytes, 0, bytes.length, section);
}

/** An integer in hexadecimal digits. */
function integer(mask: number, flags: number, value: number): Buffer {
  const out = Buffer.alloc(8);
  return out.subarray(0, encodeInteger(out, 0, mask, flags, value));
}

function string(text: string): Buffer {
  return Buffer.concat([integer(0x7f, 0, text.length), Buffer.from(text, "latin1")]);
}

/** A literal with a new name: 0x40 with, 0x00 without indexing, 0x10 never indexed. */
function literal(name: string, value: string, flags = 0): Buffer {
  return Buffer.concat([Buffer.from([flags]), string(name), string(value)]);
}

function indexed(index: number): Buffer {
  return integer(0x7f, 0x80, index);
}

test("fields are laid out as lines, with their numbers and a mask of the framing ones", () => {
  const decoder = newDecoder();
  const block = Buffer.concat([
    indexed(2),
    literal(":path", "/a?b"),
    literal(":authority", "x:1", 0x40),
    literal("te", "trailers", 0x40),
    literal("x-a", "1"),
  ]);
  assert.equal(decode(decoder, block), HPACK_OK);
  const { headers } = section;
  assert.equal(headers.toLines(), "te: trailers\r\nx-a: 1\r\n");
  assert.equal(headers.idOf(0), HEADER.te);
  assert.equal(section.flaggedIds, (1 << HEADER.te) | 1);
  assert.deepEqual(
    [section.method, section.path, section.authority, section.scheme],
    ["GET", "/a?b", "x:1", ""],
  );
  const present = (1 << PSEUDO.method) | (1 << PSEUDO.path) | (1 << PSEUDO.authority);
  assert.equal(section.present, present);
  assert.equal(section.listSizeBytes, 7 + 3 + 5 + 4 + 10 + 3 + 10 + 4 + 5 * 32);
  // By index: the same.
  assert.equal(decode(decoder, Buffer.concat([indexed(63), indexed(62)])), HPACK_OK);
  assert.equal(section.authority, "x:1");
  assert.equal(section.headers.toLines(), "te: trailers\r\n");
});

test("a field section of nothing is well formed", () => {
  assert.equal(decode(newDecoder(), ""), HPACK_OK);
  assert.equal(section.headers.count, 0);
  assert.equal(section.present, 0);
});

test("the never-indexed form is told for each field", () => {
  const decoder = newDecoder();
  const block = Buffer.concat([literal("a", "1"), literal("b", "2", 0x10), literal("c", "3")]);
  assert.equal(decode(decoder, block), HPACK_OK);
  assert.deepEqual(
    [0, 1, 2].map((i) => section.headers.isNeverIndexed(i)),
    [false, true, false],
  );
  assert.equal(decode(decoder, block.subarray(0, 5)), HPACK_OK);
  assert.equal(section.headers.isNeverIndexed(0), false);
});

test("broken blocks are compression errors", () => {
  for (const [wire, error] of [
    ["80", HPACK_ERROR.indexInvalid],
    ["be", HPACK_ERROR.indexInvalid],
    ["7e0161", HPACK_ERROR.indexInvalid],
    ["ff", HPACK_ERROR.truncated],
    ["ff8080808000", HPACK_ERROR.integerTooLarge],
    ["00", HPACK_ERROR.truncated],
    ["000161", HPACK_ERROR.truncated],
    ["00016105", HPACK_ERROR.truncated],
    ["0001617f", HPACK_ERROR.truncated],
    ["00016181fe", HPACK_ERROR.huffmanInvalid],
    ["00016184ffffffff", HPACK_ERROR.huffmanInvalid],
    ["0081ff0161", HPACK_ERROR.huffmanInvalid],
  ] as const) {
    assert.equal(decode(newDecoder(), wire), error, wire);
  }
  const long = Buffer.alloc(FIELD_BLOCK_BYTES_MAX + 1, 0x82);
  assert.equal(decode(newDecoder(), long), HPACK_ERROR.blockTooLong);
});

test("malformed fields refuse the stream and leave the table in step", () => {
  for (const [block, fault] of [
    [literal("Host", "a", 0x40), HPACK_MALFORMED.fieldNameInvalid],
    [literal("", "a", 0x40), HPACK_MALFORMED.fieldNameInvalid],
    [literal("a b", "a", 0x40), HPACK_MALFORMED.fieldNameInvalid],
    [literal("a:", "a", 0x40), HPACK_MALFORMED.fieldNameInvalid],
    [literal("a", "b\r\nc: d", 0x40), HPACK_MALFORMED.fieldValueInvalid],
    [literal("a", "b\0", 0x40), HPACK_MALFORMED.fieldValueInvalid],
    [literal(":path", "/ HTTP/1.1\r\nx: y", 0x40), HPACK_MALFORMED.fieldValueInvalid],
    [literal("a", " b", 0x40), HPACK_MALFORMED.fieldValuePadded],
    [literal("a", "b\t", 0x40), HPACK_MALFORMED.fieldValuePadded],
    [literal(":other", "a", 0x40), HPACK_MALFORMED.pseudoFieldUnknown],
    [literal(":", "a", 0x40), HPACK_MALFORMED.pseudoFieldUnknown],
    [literal(":status", "20", 0x40), HPACK_MALFORMED.statusInvalid],
    [literal(":status", "099", 0x40), HPACK_MALFORMED.statusInvalid],
    [literal(":status", "2000", 0x40), HPACK_MALFORMED.statusInvalid],
  ] as const) {
    const decoder = newDecoder();
    const where = block.toString("latin1");
    const rest = literal("x-after", "kept", 0x40);
    assert.equal(decode(decoder, Buffer.concat([block, rest])), fault, where);
    // The entry behind the malformed one is there, and the malformed one stays what it is.
    assert.equal(decode(decoder, indexed(62)), HPACK_OK, where);
    assert.equal(section.headers.toLines(), "x-after: kept\r\n");
    assert.equal(decode(decoder, indexed(63)), fault, where);
  }
});

test("a bad value does not spoil its name, a bad name spoils every value", () => {
  const decoder = newDecoder();
  decode(decoder, literal("x-a", "b\0", 0x40));
  assert.equal(decode(decoder, Buffer.concat([integer(0x0f, 0, 62), string("good")])), HPACK_OK);
  assert.equal(section.headers.toLines(), "x-a: good\r\n");
  decode(decoder, literal("X-A", "b", 0x40));
  const again = Buffer.concat([integer(0x0f, 0, 62), string("good")]);
  assert.equal(decode(decoder, again), HPACK_MALFORMED.fieldNameInvalid);
});

test("pseudo fields come once, and before the others", () => {
  const twice = Buffer.concat([indexed(2), indexed(3)]);
  assert.equal(decode(newDecoder(), twice), HPACK_MALFORMED.pseudoFieldRepeated);
  const late = Buffer.concat([literal("a", "b"), indexed(2)]);
  assert.equal(decode(newDecoder(), late), HPACK_MALFORMED.pseudoFieldLate);
});

test("table size updates stand at the start, at most two, within the setting", () => {
  assert.equal(decode(newDecoder(), "3fe11f82"), HPACK_OK);
  assert.equal(decode(newDecoder(), "203fe11f82"), HPACK_OK);
  assert.equal(decode(newDecoder(), "20202082"), HPACK_ERROR.tableSizeMisplaced);
  assert.equal(decode(newDecoder(), "8220"), HPACK_ERROR.tableSizeMisplaced);
  assert.equal(decode(newDecoder(), "3fe21f82"), HPACK_ERROR.tableSizeTooLarge);
});

test("a lowered table size must be confirmed in the next block", () => {
  const lowered = newDecoder();
  lowered.acknowledgeTableSize(1000);
  assert.equal(decode(lowered, "82"), HPACK_ERROR.tableSizeMissing);
  const loweredTwice = newDecoder();
  loweredTwice.acknowledgeTableSize(0);
  loweredTwice.acknowledgeTableSize(4096);
  assert.equal(decode(loweredTwice, "3fe11f82"), HPACK_ERROR.tableSizeMissing);
  const confirmed = newDecoder();
  confirmed.acknowledgeTableSize(0);
  confirmed.acknowledgeTableSize(4096);
  assert.equal(decode(confirmed, "203fe11f82"), HPACK_OK);
  assert.equal(decode(confirmed, "82"), HPACK_OK);
  const raised = newDecoder();
  raised.acknowledgeTableSize(65_536);
  assert.equal(decode(raised, "82"), HPACK_OK);
});

test("as many fields as are allowed pass, one more is too large", () => {
  const fields = (count: number) => Buffer.concat(Array.from({ length: count }, () => indexed(19)));
  assert.equal(decode(newDecoder(), fields(HEADER_COUNT_MAX)), HPACK_OK);
  assert.equal(section.headers.count, HEADER_COUNT_MAX);
  assert.equal(decode(newDecoder(), fields(HEADER_COUNT_MAX + 1)), HPACK_TOO_LARGE);
});

test("the decoded list is bounded to the byte, and the table stays in step behind it", () => {
  const decoder = newDecoder(1000);
  assert.equal(decode(decoder, literal("a", "x".repeat(1000 - 33))), HPACK_OK);
  assert.equal(decode(decoder, literal("a", "x".repeat(1000 - 32))), HPACK_TOO_LARGE);
  const big = Buffer.concat([
    literal("a", "x".repeat(2000)),
    literal("b", "2", 0x40),
    literal("c", "3", 0x40),
  ]);
  assert.equal(decode(decoder, big), HPACK_TOO_LARGE);
  assert.equal(section.listSizeBytes, 2033 + 34 + 34);
  assert.equal(decode(decoder, Buffer.concat([indexed(63), indexed(62)])), HPACK_OK);
  assert.equal(section.headers.toLines(), "b: 2\r\nc: 3\r\n");
});

test("the largest Huffman strings in the largest block fit the scratch buffer", () => {
  const decoder = newDecoder();
  // Name from a full table, value of the shortest codes, behind a list that is nearly full.
  const name = "n".repeat(4000);
  assert.equal(decode(decoder, literal(name, "", 0x40)), HPACK_OK);
  const nearlyFull = literal("a", "x".repeat(30_000));
  const length = FIELD_BLOCK_BYTES_MAX - nearlyFull.length - 6;
  // "0" is 00000: five bytes hold eight of them.
  const huffman = Buffer.concat([
    integer(0x0f, 0, 62),
    integer(0x7f, 0x80, length - (length % 5)),
    Buffer.alloc(length - (length % 5)),
  ]);
  assert.equal(decode(decoder, Buffer.concat([nearlyFull, huffman])), HPACK_TOO_LARGE);
  assert.equal(decode(decoder, indexed(62)), HPACK_OK);
});

test("references to a large entry refuse the stream, too many of them the connection", () => {
  const decoder = newDecoder();
  assert.equal(decode(decoder, literal("bomb", "x".repeat(4000), 0x40)), HPACK_OK);
  const refused = Math.floor(HPACK_LIST_BYTES_MAX / 4036);
  assert.equal(decode(decoder, Buffer.alloc(refused, 0xbe)), HPACK_TOO_LARGE);
  assert.equal(section.headers.text, "");
  assert.equal(section.listSizeBytes, refused * 4036);
  assert.equal(decode(decoder, Buffer.alloc(refused + 1, 0xbe)), HPACK_ERROR.listAbusive);
});

test("1 MiB of bombs costs less than 8 MiB", () => {
  const usedBytes = () => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  let grown = 0;
  // The name of a large entry again and again, with and without an entry of its own.
  for (const reference of ["7e00", "0f2f00"]) {
    let sent = 0;
    while (sent < 1024 * 1024) {
      const decoder = newDecoder();
      assert.equal(decode(decoder, literal("n".repeat(4000), "", 0x40)), HPACK_OK);
      const bomb = Buffer.from(reference.repeat(200), "hex");
      // Only what the bomb takes: each ends its connection, and the collector comes when it likes.
      const before = usedBytes();
      assert.equal(decode(decoder, bomb), HPACK_ERROR.listAbusive);
      grown += Math.max(0, usedBytes() - before);
      sent += bomb.length + 4000;
    }
  }
  assert.ok(grown < 8 * 1024 * 1024, `${grown} bytes`);
});

test("each result has a code and a sentence", () => {
  const numbers = [
    HPACK_TOO_LARGE,
    ...Object.values(HPACK_MALFORMED),
    ...Object.values(HPACK_ERROR),
  ];
  const infos = numbers.map((number) => hpackErrorInfo(number));
  assert.equal(new Set(infos.map(({ code }) => code)).size, numbers.length);
  assert.deepEqual(hpackErrorInfo(HPACK_ERROR.indexInvalid), {
    code: "index_invalid",
    message: "an index is 0 or points behind the tables",
    errorCode: ERROR_CODE.compressionError,
  });
  assert.throws(() => hpackErrorInfo(HPACK_OK), RangeError);
});

test("random bytes never throw and never exceed the bounds", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.nat(80).map((index) => indexed(index)),
    fc
      .tuple(
        fc.string({ maxLength: 20 }),
        fc.string({ maxLength: 2000 }),
        fc.constantFrom(0, 16, 64),
      )
      .map(([name, value, flags]) => literal(name.replace(/[^\x20-\x7e]/g, "-"), value, flags)),
  );
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 30 }), { maxLength: 8 }), (blocks) => {
      const decoder = newDecoder(4096);
      for (const pieces of blocks) {
        const result = decode(decoder, Buffer.concat(pieces));
        assert.ok(decoder.tableSize <= 4096);
        assert.ok(section.headers.count <= HEADER_COUNT_MAX);
        assert.ok(section.headers.text.length <= 4096);
        if (result === HPACK_OK) {
          assert.ok(section.listSizeBytes <= 4096);
          assert.match(section.headers.toLines(), /^([!-9;-~]+: [\t -~\x80-\xff]*\r\n)*$/);
        }
        if (result < 0) break;
      }
    }),
    { numRuns: 500 },
  );
});
