import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HEAD_SIZE_BYTES_MAX } from "../../core/limits.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { HEADER } from "../../http/header-name.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";
import { FieldSection } from "./field-section.ts";
import { HPACK_OK } from "./hpack-error.ts";
import { HpackScratch } from "./hpack-scratch.ts";

const scratch = new HpackScratch();
const out = Buffer.alloc(256 * 1024);

/** An encoder with the decoder of its peer. */
class Pair {
  readonly encoder: HpackEncoder;
  readonly decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
  readonly section = new FieldSection();

  constructor(usesHuffman = true) {
    this.encoder = new HpackEncoder({ scratch, usesHuffman });
  }

  /** Sends one block, which must arrive whole. Returns its bytes in hexadecimal digits. */
  send(write: (encoder: HpackEncoder) => void): string {
    this.encoder.begin(out, 3);
    write(this.encoder);
    const end = this.encoder.end();
    assert.equal(this.decoder.decode(out, 3, end, this.section), HPACK_OK);
    assert.equal(this.encoder.tableSize, this.decoder.tableSize);
    return out.toString("hex", 3, end);
  }

  sendLines(lines: string): string {
    return this.send((encoder) => encoder.addLines(lines));
  }
}

test("pseudo fields use the static table, then the dynamic one", () => {
  const pair = new Pair();
  const write = (encoder: HpackEncoder) => {
    encoder.method("GET");
    encoder.scheme("http");
    encoder.authority("shop");
    encoder.path("/");
  };
  pair.send(write);
  assert.equal(pair.send(write), "8286be84");
  const { method, scheme, authority, path } = pair.section;
  assert.deepEqual([method, scheme, authority, path], ["GET", "http", "shop", "/"]);
});

test("other methods, schemes, statuses and :protocol arrive too", () => {
  const pair = new Pair();
  for (let i = 0; i < 3; i++) {
    pair.send((encoder) => {
      encoder.method("CONNECT");
      encoder.scheme("ws");
      encoder.authority(`a${i}`);
      encoder.path("/chat");
      encoder.protocol("websocket");
    });
    const { method, scheme, authority, path, protocol } = pair.section;
    assert.deepEqual(
      [method, scheme, authority, path, protocol],
      ["CONNECT", "ws", `a${i}`, "/chat", "websocket"],
    );
  }
  for (const status of [200, 204, 206, 304, 400, 404, 500, 100, 418, 503, 503]) {
    pair.send((encoder) => encoder.status(status));
    assert.equal(pair.section.status, status);
  }
});

test("what repeats takes a byte: at once when its name is known for it, else when seen twice", () => {
  const pair = new Pair();
  pair.sendLines("user-agent: a\r\n");
  assert.equal(pair.sendLines("user-agent: a\r\n"), "be");
  pair.sendLines("x-tenant: emea\r\n");
  pair.sendLines("x-tenant: emea\r\n");
  assert.equal(pair.sendLines("x-tenant: emea\r\n"), "be");
});

test("identifiers leave their name in the table and nothing else", () => {
  const pair = new Pair();
  pair.sendLines("x-request-id: 0123456789abcdef\r\n");
  const { tableSize } = pair.encoder;
  for (let i = 0; i < 100; i++) {
    const wire = pair.sendLines(`x-request-id: ${i}0123456789abcdef\r\n`);
    assert.ok(wire.startsWith("0f2f"), wire);
  }
  assert.equal(pair.encoder.tableSize, tableSize);
  const fresh = new Pair();
  for (let i = 0; i < 100; i++) fresh.sendLines(`content-length: ${i}\r\nx-unlisted: ${i}\r\n`);
  assert.equal(fresh.encoder.tableSize, "x-unlisted".length + 1 + 32);
});

test("credentials and short cookies are never indexed, by nobody", () => {
  const pair = new Pair();
  for (const line of ["authorization: Bearer x", "cookie: id=1", "x-api-key: k"]) {
    for (let i = 0; i < 3; i++) {
      pair.sendLines(`${line}\r\n`);
      assert.equal(pair.section.headers.isNeverIndexed(0), true, line);
    }
  }
  assert.equal(pair.encoder.tableSize, 0);
  pair.sendLines(`cookie: ${"c".repeat(40)}\r\n`);
  assert.equal(pair.section.headers.isNeverIndexed(0), false);
  assert.equal(pair.encoder.tableSize, 0);
});

test("a field that came never indexed goes on so", () => {
  const pair = new Pair();
  for (let i = 0; i < 3; i++) {
    pair.send((encoder) => {
      encoder.setText("User-Agent: secret\r\n");
      encoder.addSpan(HEADER["user-agent"], 0, 10, 12, 18, true);
    });
    assert.equal(pair.section.headers.isNeverIndexed(0), true);
    assert.equal(pair.section.headers.toLines(), "user-agent: secret\r\n");
  }
  assert.equal(pair.encoder.tableSize, 0);
});

test("names in upper case and white space around values are sent as HTTP/2 has them", () => {
  const pair = new Pair();
  for (let i = 0; i < 3; i++) {
    pair.send((encoder) => {
      encoder.setText("Server:\tx \r\nX-UPPER:  y\r\n");
      encoder.addSpan(HEADER.server, 0, 6, 8, 9, false);
      encoder.addSpan(0, 12, 19, 22, 23, false);
      encoder.addField(new HeaderField(new HeaderName("X-Request-Id"), "r1"));
      encoder.addField(new HeaderField(new HeaderName("X-Mine"), "z"));
    });
    assert.equal(
      pair.section.headers.toLines(),
      "server: x\r\nx-upper: y\r\nx-request-id: r1\r\nx-mine: z\r\n",
    );
  }
});

test("an added field that is made once is told by its entry, as long as there is one", () => {
  const pair = new Pair();
  const [time, date] = ["x-envoy-upstream-service-time", "date"].map(
    (name) => new HeaderField(new HeaderName(name), "some value"),
  ) as [HeaderField, HeaderField];
  const send = (field: HeaderField): string => {
    const bytes = pair.send((encoder) => encoder.addField(field));
    assert.equal(pair.section.headers.toLines(), field.line);
    return bytes;
  };
  while (send(time).length > 2);
  assert.equal(send(time), "be");
  // The second has the first one's place among the last added ones, not in the table.
  while (send(date).length > 2);
  assert.deepEqual([send(time), send(date), send(time)], ["bf", "be", "bf"]);
  // All entries go; the object is the same.
  for (const size of [0, 4096]) {
    pair.encoder.setPeerTableSize(size);
    pair.decoder.acknowledgeTableSize(size);
  }
  assert.ok(send(time).length > 2 * "some value".length);
  while (send(time).length > 2);
  assert.equal(send(time), "be");
});

test("the peer's table size is confirmed: the smallest and the last", () => {
  const pair = new Pair();
  pair.sendLines("user-agent: a\r\n");
  pair.encoder.setPeerTableSize(0);
  pair.encoder.setPeerTableSize(1000);
  pair.decoder.acknowledgeTableSize(0);
  pair.decoder.acknowledgeTableSize(1000);
  assert.ok(pair.sendLines("user-agent: a\r\n").startsWith("203fc907"));
  assert.equal(pair.sendLines("user-agent: a\r\n"), "be");
  pair.encoder.setPeerTableSize(0);
  pair.decoder.acknowledgeTableSize(0);
  pair.sendLines("user-agent: a\r\n");
  assert.equal(pair.encoder.tableSize, 0);
  // No more than our own bound is used: nothing to tell above it.
  const other = new Pair();
  other.encoder.setPeerTableSize(1_000_000);
  assert.equal(
    other.send((encoder) => encoder.status(200)),
    "88",
  );
});

test("strings are Huffman coded where that is shorter, if at all", () => {
  for (const [usesHuffman, value, wire] of [
    [true, "aaaaaaaa", "0001788518c6318c63"],
    [true, "<<", "000178023c3c"],
    [false, "aaaaaaaa", "000178086161616161616161"],
  ] as const) {
    assert.equal(new Pair(usesHuffman).sendLines(`x: ${value}\r\n`), wire);
  }
  const long = new Pair().sendLines(`x: ${"a".repeat(1000)}\r\n`);
  assert.equal(long.length / 2, 3 + 3 + 625);
});

test("names that only look alike are kept apart", () => {
  const pair = new Pair();
  // All with the hash of content-length (T19).
  const lines = "content-length: 5\r\ncq0tent-length: v\r\ncontent-lengti: v\r\n";
  for (let i = 0; i < 4; i++) {
    pair.sendLines(lines);
    assert.equal(pair.section.headers.toLines(), lines);
  }
});

/** Fields that proxies add to message after message. */
const MADE_ONCE = Object.keys(HEADER).map(
  (name, index) => new HeaderField(new HeaderName(name), "v".repeat(index * 7)),
);

test("any fields arrive, over any sizes of the table", () => {
  const name = fc.oneof(
    fc.constantFrom(...Object.keys(HEADER), "cookie", "__proto__", "constructor", "x-a", "x-b"),
    fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,30}$/),
  );
  const value = fc.oneof(
    fc.constantFrom("", "a", "1", "gzip, deflate"),
    fc.stringMatching(/^[!-~\x80-\xff]([ -~\x80-\xff]{0,60}[!-~\x80-\xff])?$/),
    fc.nat(3000).map((length) => "v".repeat(length)),
  );
  const block = fc.record({
    fields: fc.array(fc.tuple(name, value), { maxLength: 20 }),
    added: fc.array(fc.nat(MADE_ONCE.length - 1), { maxLength: 10 }),
    size: fc.option(fc.nat(5000)),
  });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 12 }), fc.boolean(), (blocks, usesHuffman) => {
      const pair = new Pair(usesHuffman);
      for (const { fields, added, size } of blocks) {
        if (size !== null) {
          pair.encoder.setPeerTableSize(size);
          pair.decoder.acknowledgeTableSize(size);
        }
        const lines = fields.map(([field, text]) => `${field}: ${text}\r\n`).join("");
        const made = added.map((index) => MADE_ONCE[index]!);
        pair.send((encoder) => {
          encoder.addLines(lines);
          for (const field of made) encoder.addField(field);
        });
        const expected = lines + made.map(({ line }) => line).join("");
        assert.equal(pair.section.headers.toLines(), expected);
      }
    }),
    { numRuns: 300 },
  );
});
