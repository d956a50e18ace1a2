import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SNIFFED_BYTES_MAX } from "../../core/limits.ts";
import { CLIENT_PREFACE } from "../../http2/preface.ts";
import { type SniffedProtocol, sniffProtocol } from "./protocol-sniffer.ts";

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

/** The verdict and the count of bytes that it took, fed one byte more each time. */
function sniffSlowly(bytes: Buffer): [SniffedProtocol, number] {
  for (let end = 0; end <= bytes.length; end++) {
    const verdict = sniffProtocol(bytes, 0, end);
    if (verdict !== "undecided") return [verdict, end];
  }
  return ["undecided", bytes.length];
}

const TLS_HELLO = hex("16 03 01 00 c8 01 00 00 c4 03 03 00 11 22");

const OPAQUE: Readonly<Record<string, Buffer>> = {
  // RFC 4253 section 4.2: identification string; its comment is behind a space.
  "SSH client": latin1("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
  "SSH client without a comment": latin1("SSH-2.0-Go\r\n"),
  // PostgreSQL protocol, message formats: StartupMessage 3.0, SSLRequest, GSSENCRequest, CancelRequest.
  "PostgreSQL startup": Buffer.concat([
    hex("00 00 00 23 00 03 00 00"),
    latin1("user\0app\0database\0shop\0\0"),
  ]),
  "PostgreSQL SSLRequest": hex("00 00 00 08 04 d2 16 2f"),
  "PostgreSQL GSSENCRequest": hex("00 00 00 08 04 d2 16 30"),
  "PostgreSQL cancel": hex("00 00 00 10 04 d2 16 2e 00 00 30 39 12 34 56 78"),
  // MySQL protocol: HandshakeResponse41 and SSLRequest, which answer the server's greeting.
  "MySQL handshake response": hex("54 00 00 01 8d a6 0f 00 00 00 00 01 08 00 00 00"),
  "MySQL SSLRequest": hex("20 00 00 01 85 ae 03 00 00 00 00 01 08 00 00 00"),
  // RESP: an array of bulk strings, an inline command. `*` and digits are token bytes.
  "Redis command": latin1("*1\r\n$4\r\nPING\r\n"),
  "Redis HELLO": latin1("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"),
  "Redis inline PING": latin1("PING\r\n"),
  "Redis inline SET": latin1("SET key some value\r\n"),
  "Redis inline GET of a path": latin1("GET /key\r\n"),
  // Kafka protocol: size, ApiVersions (18) version 3, correlation id, client id.
  "Kafka ApiVersions": hex("00 00 00 2c 00 12 00 03 00 00 00 00 00 07 72 64 6b 61 66 6b 61"),
  // MongoDB wire protocol: OP_MSG (2013) and OP_QUERY (2004), numbers in little-endian order.
  "MongoDB OP_MSG": hex("4f 00 00 00 01 00 00 00 00 00 00 00 dd 07 00 00 00 00 00 00 00"),
  "MongoDB OP_QUERY": hex("16 03 00 00 2a 01 00 00 00 00 00 00 d4 07 00 00 04 00 00 00"),
  "memcached get": latin1("get user:1\r\n"),
  "memcached set": latin1("set user:1 0 900 5\r\nhello\r\n"),
  "memcached binary": hex("80 0a 00 00 00 00 00 00 00 00 00 00"),
  // MQTT 3.1.1 section 3.1, AMQP 0-9-1 section 4.2.2, Cassandra native protocol 4 OPTIONS.
  "MQTT CONNECT": hex("10 10 00 04 4d 51 54 54 04 02 00 3c 00 04 74 65 73 74"),
  "AMQP header": hex("41 4d 51 50 00 00 09 01"),
  "Cassandra OPTIONS": hex("04 00 00 00 05 00 00 00 00"),
  // LDAP bind (RFC 4511), DNS over TCP (RFC 7766), SMB2 negotiate, RDP.
  "LDAP bind": hex("30 0c 02 01 01 60 07 02 01 03 04 00 80 00"),
  "DNS query": hex("00 1d 12 34 01 00 00 01 00 00 00 00 00 00"),
  "SMTP EHLO": latin1("EHLO client.example\r\n"),
  "FTP USER": latin1("USER anonymous\r\n"),
  "IMAP login": latin1("a001 LOGIN user password\r\n"),
  "NATS CONNECT": latin1('CONNECT {"verbose":false, "name":"x"}\r\n'),
  "SIP INVITE": latin1("INVITE sip:bob@example.com SIP/2.0\r\n"),
  "RTSP OPTIONS": latin1("OPTIONS rtsp://example.com/a RTSP/1.0\r\n"),
  "PROXY header, version 1": latin1("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
  "PROXY header, version 2": hex("0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 0c"),
  "HTTP/0.9": latin1("GET /\r\n"),
  "HTTP response": latin1("HTTP/1.1 200 OK\r\n"),
  "SSL 2.0 ClientHello": hex("80 2e 01 03 01 00 15 00 00 00 10"),
  "TLS alert": hex("15 03 03 00 02 02 28"),
  ServerHello: hex("16 03 03 00 7a 02 00 00 76 03 03"),
  "version other than HTTP's": latin1("GET / HTTQ/1.1\r\n"),
  "two spaces": latin1("GET  / HTTP/1.1\r\n"),
  "a space first": latin1(" GET / HTTP/1.1\r\n"),
  NUL: hex("00"),
};

for (const [name, bytes] of Object.entries(OPAQUE)) {
  test(`opaque: ${name}`, () => {
    assert.equal(sniffSlowly(bytes)[0], "opaque");
    assert.equal(sniffProtocol(bytes, 0, bytes.length), "opaque");
  });
}

test("opaque protocols are known by their first bytes", () => {
  const taken = (name: string) => sniffSlowly(OPAQUE[name]!)[1];
  assert.equal(taken("PostgreSQL startup"), 1);
  assert.equal(taken("Kafka ApiVersions"), 1);
  assert.equal(taken("Redis command"), 3);
  assert.equal(taken("Redis inline PING"), 5);
  assert.equal(taken("MySQL handshake response"), 2);
  assert.equal(taken("SSH client without a comment"), 11);
  assert.equal(taken("TLS alert"), 1);
});

test("HTTP/1 is known by its version, whatever the method and target", () => {
  for (const line of [
    "GET / HTTP/1.1",
    "GET / HTTP/1.0",
    "OPTIONS * HTTP/1.1",
    "CONNECT example.com:443 HTTP/1.1",
    "GET http://example.com/ HTTP/1.1",
    "M-SEARCH * HTTP/1.1",
    "x!#$%&'*+-.^_`|~9 /a?b HTTP/1.1",
    "PRI * HTTP/1.1",
    "PRI / HTTP/1.1",
    "PRINT /job HTTP/1.1",
    "PRI* / HTTP/1.1",
    // What a codec refuses is still the codec's.
    "GET /caf\xe9#x HTTP/1.1",
    "GET / HTTP/3.0",
    "PRI * HTTP/2.1",
  ]) {
    const [verdict, taken] = sniffSlowly(latin1(`${line}\r\n`));
    assert.equal(verdict, "http1", line);
    // At the digit of the major version, or where the preface is left.
    assert.ok(taken === line.length - 2 || line === "PRI * HTTP/2.1", line);
  }
});

test("empty lines before a request are the codec's matter (RFC 9112 section 2.2)", () => {
  for (const lead of ["\r\n", "\n", "\r\n".repeat(20)]) {
    assert.equal(sniffSlowly(latin1(`${lead}GET / HTTP/1.1\r\n`))[0], "http1");
  }
  assert.equal(sniffSlowly(latin1("\r\n".repeat(20)))[0], "undecided");
  assert.equal(sniffSlowly(latin1("\r\n".repeat(SNIFFED_BYTES_MAX)))[0], "opaque");
});

test("HTTP/2 is known by all 24 bytes of its preface", () => {
  assert.deepEqual(sniffSlowly(CLIENT_PREFACE), ["http2", CLIENT_PREFACE.length]);
  const broken = latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
  assert.deepEqual(sniffSlowly(broken), ["http1", broken.length]);
  assert.deepEqual(sniffSlowly(latin1("PRI *\r\n")), ["opaque", 6]);
});

test("TLS is known by the version within its ClientHello", () => {
  assert.deepEqual(sniffSlowly(TLS_HELLO), ["tls", 10]);
  // A first record of one byte has no version within (RFC 8446 section 5.1).
  assert.deepEqual(sniffSlowly(hex("16 03 01 00 01 01 16 03 01 00 c7 00")), ["tls", 6]);
  for (const bytes of [
    "16 02",
    "16 03 05",
    "16 03 01 00 00",
    "16 03 01 40 01",
    "16 03 01 00 c8 00",
  ]) {
    assert.deepEqual(sniffSlowly(hex(bytes)), ["opaque", hex(bytes).length], bytes);
  }
});

test("typed by hand, a request is undecided until its version", () => {
  const pieces = ["G", "ET", " ", "/index", ".html", " HT", "TP/"];
  let text = "";
  for (const piece of pieces) {
    text += piece;
    assert.equal(sniffProtocol(latin1(text), 0, text.length), "undecided");
  }
  text += "1";
  assert.equal(sniffProtocol(latin1(text), 0, text.length), "http1");
});

test("at the bound a path or URL is a request's, all else is opaque", () => {
  const long = "a".repeat(2 * SNIFFED_BYTES_MAX);
  const cases: readonly [string, SniffedProtocol][] = [
    [`GET /${long}`, "http1"],
    [`GET https://example.com/${long}`, "http1"],
    // The bound lies within the version.
    [`GET /${"a".repeat(SNIFFED_BYTES_MAX - 8)} HTTP/1.1`, "http1"],
    [`GET ${"a".repeat(SNIFFED_BYTES_MAX - 7)} HTTP/1.1`, "opaque"],
    [`GET ${long}`, "opaque"],
    [long, "opaque"],
    [`${"a".repeat(SNIFFED_BYTES_MAX - 2)} /${long}`, "http1"],
    [`${"a".repeat(SNIFFED_BYTES_MAX - 3)} ht`, "opaque"],
    [`${"a".repeat(SNIFFED_BYTES_MAX - 1)} /`, "opaque"],
  ];
  for (const [text, expected] of cases) {
    assert.deepEqual(sniffSlowly(latin1(text)), [expected, SNIFFED_BYTES_MAX], text.slice(0, 12));
    assert.equal(sniffProtocol(latin1(text), 0, text.length), expected);
  }
});

/** Bytes near to what the sniffer knows: random ones differ at the first. */
const nearProtocol = fc
  .record({
    base: fc.constantFrom(
      ...[CLIENT_PREFACE, TLS_HELLO, latin1("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")],
      ...Object.values(OPAQUE),
    ),
    at: fc.nat(40),
    inserted: fc.uint8Array({ maxLength: 3 }),
    removed: fc.nat(3),
  })
  .map(({ base, at, inserted, removed }) =>
    Buffer.concat([base.subarray(0, at), inserted, base.subarray(at + removed)]),
  );

test("a verdict never changes, whatever comes behind and before", () => {
  const bytes = fc.oneof(
    nearProtocol,
    fc.uint8Array({ maxLength: 64 }).map((raw) => Buffer.from(raw)),
  );
  fc.assert(
    fc.property(bytes, fc.nat(5), fc.nat(255), (input, offset, filler) => {
      let decided: SniffedProtocol = "undecided";
      for (let count = 0; count <= input.length; count++) {
        const verdict = sniffProtocol(input, 0, count);
        if (decided !== "undecided") assert.equal(verdict, decided);
        decided = verdict;
        // The same bytes within others: nothing outside the range is looked at.
        const within = Buffer.alloc(offset + count + 32, filler);
        input.copy(within, offset, 0, count);
        assert.equal(sniffProtocol(within, offset, offset + count), verdict);
      }
    }),
  );
});
