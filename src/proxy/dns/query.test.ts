/** Queries as clients send them, and whatever else may arrive: reading ends, and says what is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emptyAnswer, soaRecord, srvData, writeAnswer } from "./answer.ts";
import { answers, readQuery } from "./query.ts";
import { encodeName, RCODE_BAD_VERSION, RCODE_FORMAT_ERROR, readName, TYPE_A } from "./wire.ts";

function query(
  name: string,
  records: readonly number[][] = [],
  counts = [1, 0, 0, records.length],
) {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0x1234, 0);
  head.writeUInt16BE(0x0100, 2);
  for (const [index, count] of counts.entries()) head.writeUInt16BE(count, 4 + index * 2);
  const question = [...(encodeName(name) ?? []), 0, 1, 0, 1];
  return Buffer.from([...head, ...question, ...records.flat()]);
}

const OPT = [0, 0, 41, 0x10, 0x00, 0, 0, 0, 0, 0, 0];

function read(bytes: Uint8Array) {
  const result = readQuery(bytes);
  assert.equal(result.kind, "query");
  return result.query;
}

function codeOf(bytes: Uint8Array): number {
  const result = readQuery(bytes);
  assert.equal(result.kind, "faulty");
  return result.code;
}

test("a question, with EDNS and without", () => {
  const plain = read(query("Catalog.Default"));
  assert.equal(plain.name, "catalog.default");
  assert.equal(plain.id, 0x1234);
  assert.equal(plain.type, TYPE_A);
  assert.equal(plain.wantsRecursion, true);
  assert.equal(plain.udpBytesMax, 512);
  const edns = read(query("catalog", [OPT]));
  assert.equal(edns.hasEdns, true);
  assert.equal(edns.udpBytesMax, 4096);
});

test("a pointer leads back or nowhere: loops end", () => {
  const loop = Uint8Array.of(0xc0, 0);
  assert.equal(readName(loop, 0), undefined);
  const pair = Uint8Array.of(0xc0, 2, 0xc0, 0);
  assert.equal(readName(pair, 2), undefined);
  const ahead = Uint8Array.of(0xc0, 2, 1, 0x61, 0);
  assert.equal(readName(ahead, 0), undefined);
  const back = Uint8Array.of(1, 0x61, 0, 1, 0x62, 0xc0, 0);
  assert.deepEqual(readName(back, 3), { text: "b.a", end: 7 });
  // A label that a pointer to itself would repeat for ever.
  const growing = Uint8Array.of(1, 0x61, 0xc0, 0);
  assert.equal(readName(growing, 0), undefined);
});

test("a dot within a label is no separator", () => {
  assert.equal(readName(Uint8Array.of(3, 0x61, 0x2e, 0x62, 0), 0)?.text, "a\\.b");
});

test("names and labels that are too long", () => {
  const label = [63, ...Array.from({ length: 63 }, () => 0x61)];
  const fits = Uint8Array.from([...label, ...label, ...label, 61, ...label.slice(1, 62), 0]);
  assert.equal(readName(fits, 0)?.end, 255);
  const long = Uint8Array.from([...label, ...label, ...label, 62, ...label.slice(1, 63), 0]);
  assert.equal(readName(long, 0), undefined);
  assert.equal(encodeName("a".repeat(64)), undefined);
  assert.equal(encodeName("a..b"), undefined);
});

test("what is no query is answered with its fault, or not at all", () => {
  assert.equal(readQuery(new Uint8Array(11)).kind, "ignored");
  const response = query("a");
  response[2] = 0x81;
  assert.equal(readQuery(response).kind, "ignored");
  assert.equal(codeOf(query("a", [], [2, 0, 0, 0])), RCODE_FORMAT_ERROR);
  assert.equal(codeOf(query("a", [], [0, 0, 0, 0])), RCODE_FORMAT_ERROR);
  assert.equal(codeOf(query("a", [], [1, 0, 0, 1])), RCODE_FORMAT_ERROR);
  assert.equal(codeOf(query("a", [OPT, OPT])), RCODE_FORMAT_ERROR);
  assert.equal(codeOf(query("a", [], [1, 0xffff, 0, 0])), RCODE_FORMAT_ERROR);
  const version = OPT.with(6, 1);
  assert.equal(codeOf(query("a", [version])), RCODE_BAD_VERSION);
  const update = query("a");
  update[2] = 0x28;
  assert.equal(codeOf(update), 4);
});

test("any bytes at all are read to an end, and what is wrong with them can be said", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(20), (bytes, start) => {
      readName(bytes, start);
      const result = readQuery(bytes);
      if (result.kind === "ignored") return;
      const code = result.kind === "faulty" ? result.code : 0;
      const answer = writeAnswer(bytes, result.query, emptyAnswer(code), 512);
      assert.ok(answer.length <= Math.max(512, result.query.questionEnd + 11));
    }),
  );
});

test("damaged queries never read as another name's", () => {
  const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 6 }), (labels) => {
      const name = labels.join(".");
      assert.equal(read(query(name, [OPT])).name, name);
      const bytes = query(name);
      for (let size = 0; size < bytes.length; size++) {
        assert.notEqual(readQuery(bytes.subarray(0, size)).kind, "query");
      }
    }),
  );
});

test("what does not fit is left out and said to be cut; what is additional just goes", () => {
  const bytes = query("catalog", [OPT]);
  const asked = read(bytes);
  const target = encodeName("catalog.default.svc.tulle.local") ?? new Uint8Array();
  const records = Array.from({ length: 40 }, (_, port) => ({
    type: 33,
    ttlSeconds: 30,
    data: srvData(target, port),
  }));
  const authority = soaRecord("svc.tulle.local", 5);
  const whole = { code: 0, isAuthoritative: true, records, authority, additional: records };
  const cut = Buffer.from(writeAnswer(bytes, asked, whole, 512));
  assert.ok(cut.length <= 512);
  assert.equal((cut[2] ?? 0) & 0x02, 0x02);
  const full = Buffer.from(writeAnswer(bytes, asked, whole, 65_535));
  assert.equal((full[2] ?? 0) & 0x02, 0);
  assert.equal(full.readUInt16BE(6), 40);
  assert.equal(full.readUInt16BE(8), 1);
  assert.equal(full.readUInt16BE(10), 41);
});

test("an answer belongs to a query by id and question, whatever the case of its letters", () => {
  const asked = query("Catalog");
  const answer = query("cAtalog");
  answer[2] = 0x81;
  assert.equal(answers(answer, 0x1234, asked, asked.length), true);
  assert.equal(answers(answer, 0x1235, asked, asked.length), false);
  assert.equal(answers(query("catalog"), 0x1234, asked, asked.length), false);
  const other = query("catalof");
  other[2] = 0x81;
  assert.equal(answers(other, 0x1234, asked, asked.length), false);
});
