/** The reader on hellos built by hand (RFC 8446 section 4.1.2): splits, lengths that lie, single fields. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALPN_PROTOCOLS_MAX, CLIENT_HELLO_BYTES_MAX } from "../../core/limits.ts";
import { CLIENT_HELLO_FAULTS, type ClientHelloFault } from "./client-hello-fault.ts";
import { ClientHelloReader, type ClientHelloVerdict } from "./client-hello-reader.ts";

const SERVER_NAME = 0;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;
const KEY_SHARE = 51;

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** `value` behind its length of `width` bytes. */
function vector(width: 1 | 2 | 3, ...value: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(value);
  const length = Buffer.alloc(width);
  length.writeUIntBE(content.length, 0, width);
  return Buffer.concat([length, content]);
}

function extension(type: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 0xff]), vector(2, data)]);
}

function serverName(name: string | Buffer, type = 0): Buffer {
  const bytes = typeof name === "string" ? latin1(name) : name;
  return extension(SERVER_NAME, vector(2, Buffer.from([type]), vector(2, bytes)));
}

function alpn(...names: readonly string[]): Buffer {
  return extension(ALPN, vector(2, ...names.map((name) => vector(1, latin1(name)))));
}

function supportedVersions(...versions: readonly number[]): Buffer {
  const bytes = versions.map((version) => Buffer.from([version >> 8, version & 0xff]));
  return extension(SUPPORTED_VERSIONS, vector(1, ...bytes));
}

interface Parts {
  readonly version?: number;
  readonly sessionId?: Buffer;
  readonly suites?: Buffer;
  readonly compression?: Buffer;
  /** In place of the extensions with their length. */
  readonly end?: Buffer;
}

function message(extensions: readonly Buffer[], parts: Parts = {}): Buffer {
  const version = parts.version ?? 0x0303;
  return Buffer.concat([
    Buffer.from([1]),
    vector(
      3,
      Buffer.from([version >> 8, version & 0xff]),
      Buffer.alloc(32, 0xaa),
      vector(1, parts.sessionId ?? Buffer.alloc(32, 0xbb)),
      vector(2, parts.suites ?? Buffer.from("130113021303", "hex")),
      vector(1, parts.compression ?? Buffer.alloc(1)),
      parts.end ?? vector(2, ...extensions),
    ),
  ]);
}

/** `bytes` in records of these sizes, the rest in records as large as they may be. */
function records(bytes: Buffer, sizes: readonly number[] = []): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const payload = bytes.subarray(at, at + (sizes[index] ?? 16_384));
    parts.push(Buffer.from([22, 3, 1]), vector(2, payload));
    at += payload.length;
  }
  return Buffer.concat(parts);
}

function read(bytes: Buffer): ClientHelloVerdict {
  return new ClientHelloReader().read(bytes, 0, bytes.length);
}

/** The first verdict other than need-more of a reader that is called at these counts of bytes. */
function readInSteps(bytes: Buffer, counts: Iterable<number>): [ClientHelloVerdict, number] {
  const reader = new ClientHelloReader();
  for (const count of counts) {
    // A copy each time, at another place: what is not there cannot be looked at.
    const offset = count % 3;
    const copy = Buffer.concat([Buffer.alloc(offset, 22), bytes.subarray(0, count)]);
    const verdict = reader.read(copy, offset, copy.length);
    if (verdict.kind !== "need-more") return [verdict, count];
  }
  return [{ kind: "need-more" }, bytes.length];
}

function* eachCount(bytes: Buffer): Generator<number> {
  for (let count = 0; count <= bytes.length; count++) yield count;
}

/** Plain data, so that it can be compared. */
function plain(verdict: ClientHelloVerdict): unknown {
  return JSON.parse(JSON.stringify(verdict));
}

function faultOf(bytes: Buffer): ClientHelloFault | undefined {
  const verdict = read(bytes);
  const [slow] = readInSteps(bytes, eachCount(bytes));
  assert.deepEqual(plain(slow), plain(verdict));
  return verdict.kind === "malformed" ? verdict.fault : undefined;
}

const FULL = message([
  extension(0x1a1a, Buffer.alloc(0)),
  serverName("Shop.Example"),
  alpn("h2", "http/1.1"),
  supportedVersions(0x2a2a, 0x0304, 0x0303),
  // As large as the key share of X25519MLKEM768.
  extension(KEY_SHARE, vector(2, Buffer.from("11ec", "hex"), vector(2, Buffer.alloc(1216, 1)))),
]);
const FULL_HELLO = {
  serverName: "shop.example",
  alpnProtocols: ["h2", "http/1.1"],
  versions: [0x0304, 0x0303],
};

test("a hello gives its server name, ALPN protocols and versions", () => {
  assert.deepEqual(plain(read(records(FULL))), { kind: "hello", hello: FULL_HELLO });
});

test("a hello without extensions is TLS 1.2 or before (RFC 8446 section 4.2.1)", () => {
  const withoutAny = (version: number) =>
    plain(read(records(message([], { version, end: Buffer.alloc(0) }))));
  const hello = (version: number) => ({ alpnProtocols: [], versions: [version] });
  assert.deepEqual(withoutAny(0x0301), { kind: "hello", hello: hello(0x0301) });
  assert.deepEqual(withoutAny(0x0304), { kind: "hello", hello: hello(0x0303) });
  assert.deepEqual(plain(read(records(message([])))), { kind: "hello", hello: hello(0x0303) });
});

test("bytes behind the hello's record are left alone", () => {
  const bytes = Buffer.concat([records(FULL), Buffer.from("170303000100", "hex")]);
  assert.equal(read(bytes).kind, "hello");
});

test("the verdict comes with the last byte, whatever the records and reads", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 12 }),
      (sizes, steps) => {
        const bytes = records(FULL, sizes);
        const counts: number[] = [];
        for (let count = 0, i = 0; count < bytes.length; i++) {
          count = Math.min(bytes.length, count + steps[i % steps.length]!);
          counts.push(count);
        }
        const [verdict, taken] = readInSteps(bytes, counts);
        assert.deepEqual(plain(verdict), { kind: "hello", hello: FULL_HELLO });
        assert.equal(taken, bytes.length);
      },
    ),
  );
});

test("records of one byte each, read byte by byte", () => {
  const bytes = records(message([serverName("a.example")]), new Array(200).fill(1));
  const [verdict, taken] = readInSteps(bytes, eachCount(bytes));
  assert.equal(verdict.kind === "hello" && verdict.hello.serverName, "a.example");
  assert.equal(taken, bytes.length);
});

test("what is no TLS is told on its first byte", () => {
  for (const hex of ["00", "47", "1602", "160305", "160301000002", "1603010000", "160301400101"]) {
    const bytes = Buffer.from(hex, "hex");
    assert.equal(read(bytes).kind, "not-tls", hex);
    assert.notEqual(read(bytes.subarray(0, 1)).kind, "malformed");
  }
  assert.equal(read(Buffer.alloc(0)).kind, "need-more");
});

test("a hello of another major version is no TLS, and malformed where TLS was already seen", () => {
  const bytes = message([], { version: 0x0203 });
  assert.equal(read(records(bytes)).kind, "not-tls");
  assert.equal(faultOf(records(bytes, [4])), "versionInvalid");
});

test("records must carry the hello alone (RFC 8446 section 5.1)", () => {
  const bytes = records(FULL, [100]);
  const second = 105;
  const altered = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(bytes);
    change(copy);
    return faultOf(copy);
  };
  assert.equal(
    altered((copy) => copy.writeUInt8(23, second)),
    "recordInvalid",
  );
  assert.equal(
    altered((copy) => copy.writeUInt16BE(0, second + 3)),
    "recordInvalid",
  );
  assert.equal(
    altered((copy) => copy.writeUInt16BE(16_385, second + 3)),
    "recordInvalid",
  );
  assert.equal(faultOf(records(Buffer.concat([FULL, Buffer.alloc(1)]))), "trailingBytes");
  assert.equal(faultOf(records(Buffer.concat([FULL, Buffer.alloc(1)]), [100])), "trailingBytes");
});

test("a hello is bounded, by what it says and by what comes", () => {
  const padding = (size: number) => message([extension(21, Buffer.alloc(size))]);
  const overhead = records(padding(0)).length;
  const largest = records(padding(CLIENT_HELLO_BYTES_MAX - overhead));
  assert.equal(largest.length, CLIENT_HELLO_BYTES_MAX);
  assert.equal(read(largest).kind, "hello");
  const larger = records(padding(CLIENT_HELLO_BYTES_MAX - overhead + 1));
  const [verdict, taken] = readInSteps(larger, eachCount(larger.subarray(0, 12)));
  assert.deepEqual(verdict, { kind: "malformed", fault: "tooLarge" });
  // Said as soon as its length is there, behind the version that makes it TLS.
  assert.equal(taken, 10);
  // Small records are refused for the bytes of their headers.
  const scattered = records(padding(10_000), new Array(11_000).fill(1));
  const counts = [1000, 5000, CLIENT_HELLO_BYTES_MAX, scattered.length];
  const [late, lateTaken] = readInSteps(scattered, counts);
  assert.deepEqual(late, { kind: "malformed", fault: "tooLarge" });
  assert.ok(lateTaken <= CLIENT_HELLO_BYTES_MAX);
});

const MALFORMED: readonly [string, ClientHelloFault, Buffer][] = [
  ["session id over 32 bytes", "lengthInvalid", message([], { sessionId: Buffer.alloc(33) })],
  ["no cipher suite", "lengthInvalid", message([], { suites: Buffer.alloc(0) })],
  ["half a cipher suite", "lengthInvalid", message([], { suites: Buffer.alloc(3) })],
  ["no compression method", "lengthInvalid", message([], { compression: Buffer.alloc(0) })],
  ["one byte for extensions", "lengthInvalid", message([], { end: Buffer.alloc(1) })],
  ["extensions too short", "lengthInvalid", message([], { end: Buffer.from("000100", "hex") })],
  ["extensions too long", "lengthInvalid", message([], { end: Buffer.from("00050000", "hex") })],
  ["bytes behind extensions", "lengthInvalid", message([], { end: Buffer.from("000000", "hex") })],
  ["two server_name", "extensionRepeated", message([serverName("a.b"), serverName("a.b")])],
  ["two ALPN", "extensionRepeated", message([alpn("h2"), alpn("h2")])],
  ["two versions", "extensionRepeated", message(new Array(2).fill(supportedVersions(0x0304)))],
  [
    "two versions of GREASE",
    "extensionRepeated",
    message(new Array(2).fill(supportedVersions(0x0a0a))),
  ],
  ["empty server_name", "lengthInvalid", message([extension(SERVER_NAME, Buffer.alloc(0))])],
  ["empty name list", "serverNameListInvalid", message([extension(SERVER_NAME, vector(2))])],
  ["empty name", "serverNameInvalid", message([serverName("")])],
  ["name of another type", "serverNameListInvalid", message([serverName("a.b", 1)])],
  [
    "two names in the list",
    "serverNameListInvalid",
    message([
      extension(
        SERVER_NAME,
        vector(
          2,
          Buffer.alloc(1),
          vector(2, latin1("a.b")),
          Buffer.alloc(1),
          vector(2, latin1("c.d")),
        ),
      ),
    ]),
  ],
  [
    "name beyond its list",
    "serverNameListInvalid",
    message([extension(SERVER_NAME, Buffer.from("0005000004612e", "hex")), alpn("h2")]),
  ],
  ["name with NUL", "serverNameInvalid", message([serverName("a.example\0.evil.example")])],
  ["name in UTF-8", "serverNameInvalid", message([serverName(Buffer.from("café.example"))])],
  ["IPv4 literal", "serverNameInvalid", message([serverName("192.0.2.1")])],
  ["IPv6 literal", "serverNameInvalid", message([serverName("2001:db8::1")])],
  ["trailing dot", "serverNameInvalid", message([serverName("a.example.")])],
  ["no ALPN list", "lengthInvalid", message([extension(ALPN, Buffer.alloc(0))])],
  ["empty ALPN list", "alpnInvalid", message([alpn()])],
  ["empty ALPN name", "alpnInvalid", message([alpn("h2", "")])],
  [
    "ALPN name beyond the list",
    "lengthInvalid",
    message([extension(ALPN, vector(2, latin1("\x05h2")))]),
  ],
  [
    "bytes behind the ALPN list",
    "lengthInvalid",
    message([extension(ALPN, Buffer.from("0002016100", "hex"))]),
  ],
  [
    "too many ALPN names",
    "alpnInvalid",
    message([alpn(...new Array(ALPN_PROTOCOLS_MAX + 1).fill("x"))]),
  ],
  ["no version", "versionsInvalid", message([supportedVersions()])],
  [
    "half a version",
    "versionsInvalid",
    message([extension(SUPPORTED_VERSIONS, Buffer.from("03030403", "hex"))]),
  ],
  [
    "versions too long",
    "lengthInvalid",
    message([extension(SUPPORTED_VERSIONS, Buffer.from("040304", "hex"))]),
  ],
];

for (const [name, fault, bytes] of MALFORMED) {
  test(`malformed: ${name}`, () => {
    assert.equal(faultOf(records(bytes)), fault);
    assert.equal(faultOf(records(bytes, [1, 2, 3, 40])), fault);
    assert.ok(CLIENT_HELLO_FAULTS[fault].length > 0);
  });
}

test("cut off anywhere, a hello needs more", () => {
  const bytes = records(FULL, [50, 60]);
  for (let count = 0; count < bytes.length; count++) {
    assert.equal(read(bytes.subarray(0, count)).kind, "need-more");
  }
});

test("a message cut off anywhere within its declared length is malformed", () => {
  const body = FULL.subarray(4);
  for (let count = 1; count < body.length; count++) {
    const cut = Buffer.concat([Buffer.from([1]), vector(3, body.subarray(0, count))]);
    const verdict = read(records(cut));
    // Version, random, session id, cipher suites, compression: a hello may end here.
    const isWithoutExtensions = count === 2 + 32 + 33 + 8 + 2;
    assert.equal(verdict.kind, isWithoutExtensions ? "hello" : "malformed", String(count));
  }
});

test("each byte and each length altered: never a throw, the same in any split", () => {
  const small = records(
    message([serverName("a.example"), alpn("h2"), supportedVersions(0x0304)]),
    [70],
  );
  for (let at = 0; at < small.length; at++) {
    for (const value of [0, 1, 0x7f, 0xff, small[at]! ^ 1, (small[at]! + 1) & 0xff]) {
      const copy = Buffer.from(small);
      copy[at] = value;
      const [slow, taken] = readInSteps(copy, eachCount(copy));
      assert.deepEqual(plain(read(copy)), plain(slow));
      // What is behind the bytes changes nothing.
      const behind = Buffer.concat([copy.subarray(0, taken), Buffer.alloc(300, value)]);
      const verdict = new ClientHelloReader().read(behind, 0, taken);
      assert.deepEqual(plain(verdict), plain(slow));
    }
  }
});

test("random bytes behind a record's header never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), fc.nat(50), (raw, first) => {
      const random = Buffer.from(raw);
      const hello = Buffer.concat([
        Buffer.from([1]),
        vector(3, Buffer.from("0303", "hex"), random),
      ]);
      for (const bytes of [records(random), records(hello, [first + 1]), random]) {
        const [slow] = readInSteps(bytes, eachCount(bytes));
        assert.deepEqual(plain(read(bytes)), plain(slow));
      }
    }),
  );
});
