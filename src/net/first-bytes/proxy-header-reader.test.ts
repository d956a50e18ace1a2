/** Sections cited are of HAProxy's document on the PROXY protocol. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PROXY_HEADER_BYTES_MAX } from "../../core/limits.ts";
import { crc32c } from "./crc32c.ts";
import {
  findTlv,
  PROXY_HEADER_FAULTS,
  type ProxyHeader,
  type ProxyHeaderFault,
  TLV_ALPN,
  TLV_AUTHORITY,
  TLV_CRC32C,
  TLV_NOOP,
  TLV_SSL,
  TLV_UNIQUE_ID,
  V2_SIGNATURE,
} from "./proxy-header.ts";
import { type ProxyHeaderVerdict, readProxyHeader } from "./proxy-header-reader.ts";

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** The verdict, which must be the same whatever the split and whatever is behind the bytes. */
function read(bytes: Buffer): ProxyHeaderVerdict {
  const verdict = readProxyHeader(bytes, 0, bytes.length);
  let decided: ProxyHeaderVerdict = { kind: "need-more" };
  for (let count = 0; count <= bytes.length; count++) {
    const behind = Buffer.alloc(300 + count, 0x0d);
    bytes.copy(behind, 3, 0, count);
    const slow = readProxyHeader(behind, 3, 3 + count);
    if (decided.kind !== "need-more") assert.deepEqual(slow, decided);
    decided = slow;
  }
  assert.deepEqual(verdict, decided);
  return verdict;
}

function headerOf(bytes: Buffer): ProxyHeader {
  const verdict = read(bytes);
  assert.ok(verdict.kind === "header", JSON.stringify(verdict));
  return verdict.header;
}

function faultOf(bytes: Buffer): ProxyHeaderFault | undefined {
  const verdict = read(bytes);
  return verdict.kind === "malformed" ? verdict.fault : undefined;
}

function tlv(type: number, value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? latin1(value) : Buffer.from(value);
  return Buffer.concat([Buffer.from([type, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function v2(command: number, family: number, ...body: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(body);
  const fixed = Buffer.from([command, family, content.length >> 8, content.length & 0xff]);
  return Buffer.concat([V2_SIGNATURE, fixed, content]);
}

/** 192.0.2.1:56324 to 198.51.100.2:443. */
const TCP4_BODY = Buffer.from("c0000201c6336402dc0401bb", "hex");
const TCP4 = {
  kind: "tcp",
  sourceAddress: "192.0.2.1",
  sourcePort: 56_324,
  destinationAddress: "198.51.100.2",
  destinationPort: 443,
};

function tcp4(...tlvs: readonly Uint8Array[]): Buffer {
  return v2(0x21, 0x11, TCP4_BODY, ...tlvs);
}

/** With the right checksum in its TLV. */
function summed(header: Buffer, valueAt: number): Buffer {
  header.writeUInt32BE(crc32c(header, 0, header.length, valueAt, valueAt + 4), valueAt);
  return header;
}

test("version 1: TCP4 and TCP6 (section 2.1)", () => {
  const line = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
  const header = headerOf(latin1(`${line}GET / HTTP/1.1\r\n`));
  assert.deepEqual(header.endpoints, TCP4);
  assert.equal(header.length, line.length);
  assert.equal(header.version, 1);
  const version6 = headerOf(latin1("PROXY TCP6 2001:DB8::1 ::ffff:1.2.3.4 0 65535\r\n"));
  assert.deepEqual(version6.endpoints, {
    kind: "tcp",
    sourceAddress: "2001:db8::1",
    sourcePort: 0,
    destinationAddress: "::ffff:1.2.3.4",
    destinationPort: 65_535,
  });
  const longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const whole = latin1(`PROXY TCP6 ${longest} ${longest} 65535 65535\r\n`);
  assert.equal(headerOf(whole).length, 104);
});

test("version 1: behind UNKNOWN all is ignored up to CRLF (section 2.1)", () => {
  const longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  for (const rest of ["", " ", " what ever", ` ${longest} ${longest} 65535 65535`]) {
    const header = headerOf(latin1(`PROXY UNKNOWN${rest}\r\nmore`));
    assert.deepEqual(header.endpoints, { kind: "unknown" });
    assert.equal(header.length, 15 + rest.length);
  }
});

test("version 1: malformed lines", () => {
  const cases: readonly [string, ProxyHeaderFault][] = [
    ["PROXYTCP4 ", "lineInvalid"],
    ["PROXY / HTTP/1.1\r\n", "lineInvalid"],
    ["PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "lineInvalid"],
    ["PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", "lineInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", "lineInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", "lineInvalid"],
    ["PROXY TCP4\r\n", "lineInvalid"],
    ["PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n", "lineInvalid"],
    ["PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", "lineInvalid"],
    ["PROXY UNKNOWNS\r\n", "lineInvalid"],
    ["PROXY \r\n", "lineInvalid"],
    ["PROXY TCP4 1.1.1.1\t2.2.2.2 1 2\r\n", "lineInvalid"],
    ["PROXY UNKNOWN \0\r\n", "lineInvalid"],
    ["PROXY UNKNOWN \xe9\r\n", "lineInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "lineEndInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", "lineEndInvalid"],
    ["PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", "addressInvalid"],
    ["PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", "addressInvalid"],
    ["PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", "addressInvalid"],
    ["PROXY TCP4 ::1 ::2 1 2\r\n", "addressInvalid"],
    ["PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", "addressInvalid"],
    // Section 2.1 has no zones; Envoy CVE-2026-26310.
    ["PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n", "addressInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", "addressInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", "addressInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", "addressInvalid"],
    ["PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n", "addressInvalid"],
    [`PROXY UNKNOWN ${"x".repeat(92)}\r\n`, "lineTooLong"],
    [`PROXY UNKNOWN ${"x".repeat(92)}\r`, "lineTooLong"],
    [`PROXY UNKNOWN ${"x".repeat(500)}`, "lineTooLong"],
  ];
  for (const [line, fault] of cases) assert.equal(faultOf(latin1(line)), fault, line);
  assert.equal(headerOf(latin1(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`)).length, 107);
});

test("no signature: absent on the first byte that shows it", () => {
  for (const text of [
    "GET / HTTP/1.1",
    "PROX /",
    "PUT",
    "\r\n\r\nGET",
    "\r\n\r\n\0\r\nQUIT\r",
    "\x16\x03\x01",
  ]) {
    assert.equal(read(latin1(text)).kind, "absent", text);
  }
  assert.equal(readProxyHeader(latin1("GET"), 0, 1).kind, "absent");
  for (const text of ["", "P", "PROXY", "\r\n\r\n\0\r\nQUIT"]) {
    assert.equal(read(latin1(text)).kind, "need-more", text);
  }
});

test("version 2: TCP over IPv4 and IPv6 (section 2.2)", () => {
  const header = headerOf(Buffer.concat([tcp4(), latin1("SSH-2.0-x\r\n")]));
  assert.deepEqual(header.endpoints, TCP4);
  assert.equal(header.length, 28);
  assert.equal(header.version, 2);
  const body = Buffer.from(
    "20010db800000000000000000000000100000000000000000000ffffc000020104d2162e",
    "hex",
  );
  assert.deepEqual(headerOf(v2(0x21, 0x21, body)).endpoints, {
    kind: "tcp",
    sourceAddress: "2001:db8::1",
    sourcePort: 1234,
    destinationAddress: "::ffff:192.0.2.1",
    destinationPort: 5678,
  });
});

test("version 2: Unix sockets", () => {
  const body = Buffer.alloc(216, 0);
  body.write("/run/a.sock", 0);
  body.fill("b", 108);
  assert.deepEqual(headerOf(v2(0x21, 0x31, body)).endpoints, {
    kind: "unix",
    sourcePath: "/run/a.sock",
    destinationPath: "b".repeat(108),
  });
});

test("version 2: LOCAL discards what follows, unjudged (section 2.2)", () => {
  for (const [family, body] of [
    [0, Buffer.alloc(0)],
    [0x11, TCP4_BODY],
    [0x99, Buffer.alloc(5, 0xff)],
  ] as const) {
    const header = headerOf(v2(0x20, family, body));
    assert.deepEqual(header.endpoints, { kind: "local" });
    assert.equal(header.length, 16 + body.length);
  }
});

test("version 2: UNSPEC and datagrams leave the connection's own endpoints", () => {
  for (const [family, length] of [
    [0x00, 0],
    [0x12, 12],
    [0x22, 36],
    [0x32, 216],
  ] as const) {
    const header = headerOf(v2(0x21, family, Buffer.alloc(length), tlv(TLV_AUTHORITY, "a")));
    assert.deepEqual(header.endpoints, { kind: "unknown" });
    assert.equal(header.tlvs.length, 1);
  }
});

test("version 2: what the fixed part shows to be wrong is refused at once", () => {
  const fault = (...tail: readonly number[]) =>
    faultOf(Buffer.concat([V2_SIGNATURE, Buffer.from(tail)]));
  for (const command of [0x00, 0x10, 0x30, 0xf1]) assert.equal(fault(command), "versionInvalid");
  for (const command of [0x22, 0x2f]) assert.equal(fault(command), "commandInvalid");
  for (const family of [0x01, 0x02, 0x10, 0x13, 0x20, 0x30, 0x33, 0x41, 0xff]) {
    assert.equal(fault(0x21, family), "familyInvalid");
  }
  assert.equal(fault(0x21, 0x11, 0, 11), "addressTruncated");
  assert.equal(fault(0x21, 0x21, 0, 35), "addressTruncated");
  assert.equal(fault(0x21, 0x31, 0, 215), "addressTruncated");
  const most = PROXY_HEADER_BYTES_MAX - 16;
  assert.equal(fault(0x20, 0, most >> 8, most & 0xff), undefined);
  assert.equal(fault(0x20, 0, (most + 1) >> 8, (most + 1) & 0xff), "tooLarge");
  assert.equal(fault(0x21, 0x11, 0xff, 0xff), "tooLarge");
});

test("TLVs are ranges counted from the header's start (sections 2.2.1 to 2.2.7)", () => {
  const sub = [tlv(0x21, "TLSv1.3"), tlv(0x22, "client.example")];
  const bytes = tcp4(
    tlv(TLV_ALPN, "h2"),
    tlv(TLV_AUTHORITY, "shop.example"),
    tlv(TLV_UNIQUE_ID, Buffer.alloc(128, 7)),
    tlv(TLV_NOOP, ""),
    tlv(TLV_NOOP, "xx"),
    tlv(TLV_SSL, Buffer.concat([Buffer.from([5, 0, 0, 0, 0]), ...sub])),
    tlv(0xe0, "own"),
    tlv(0xe0, "again"),
  );
  const header = headerOf(bytes);
  const text = (type: number, tlvs = header.tlvs) => {
    const range = findTlv(tlvs, type)!;
    return bytes.toString("latin1", range.start, range.end);
  };
  assert.equal(text(TLV_ALPN), "h2");
  assert.equal(text(TLV_AUTHORITY), "shop.example");
  assert.equal(text(TLV_UNIQUE_ID), "\x07".repeat(128));
  assert.equal(text(0xe0), "own");
  assert.equal(header.tlvs.length, 8);
  const tls = header.tls!;
  assert.equal(tls.clientFlags, 5);
  assert.equal(tls.isVerified, true);
  assert.equal(text(0x21, tls.tlvs), "TLSv1.3");
  assert.equal(text(0x22, tls.tlvs), "client.example");
});

test("a certificate is verified only where there is one (section 2.2.6)", () => {
  const isVerified = (flags: number, verify: number) =>
    headerOf(tcp4(tlv(TLV_SSL, Buffer.from([flags, 0, 0, verify, 0])))).tls?.isVerified;
  assert.equal(isVerified(3, 0), true);
  assert.equal(isVerified(5, 0), true);
  assert.equal(isVerified(3, 1), false);
  // As HAProxy writes it of a client without a certificate.
  assert.equal(isVerified(1, 0), false);
});

test("TLVs that overrun, lie or repeat are refused (Envoy CVE-2026-47692)", () => {
  const cases: readonly [ProxyHeaderFault, Buffer][] = [
    ["tlvTruncated", Buffer.from("01", "hex")],
    ["tlvTruncated", Buffer.from("0100", "hex")],
    ["tlvTruncated", Buffer.from("010001", "hex")],
    ["tlvTruncated", Buffer.from("01ffff6832", "hex")],
    ["tlvTruncated", Buffer.concat([tlv(TLV_ALPN, "h2"), Buffer.from([0])])],
    ["tlvTruncated", tlv(TLV_SSL, Buffer.from("010000000021000261", "hex"))],
    ["tlvTruncated", tlv(TLV_SSL, Buffer.from("010000000021000361", "hex"))],
    ["tlvInvalid", tlv(TLV_SSL, Buffer.alloc(4))],
    ["tlvInvalid", tlv(TLV_CRC32C, Buffer.alloc(3))],
    ["tlvInvalid", tlv(TLV_CRC32C, Buffer.alloc(5))],
    ["tlvInvalid", tlv(TLV_UNIQUE_ID, Buffer.alloc(129))],
    ["tlvInvalid", tlv(TLV_ALPN, "")],
    ["tlvInvalid", tlv(TLV_AUTHORITY, "")],
    ["tlvRepeated", Buffer.concat([tlv(TLV_AUTHORITY, "a"), tlv(TLV_AUTHORITY, "a")])],
    [
      "tlvRepeated",
      Buffer.concat([tlv(TLV_CRC32C, Buffer.alloc(4)), tlv(TLV_CRC32C, Buffer.alloc(4))]),
    ],
    ["checksumInvalid", tlv(TLV_CRC32C, Buffer.alloc(4))],
  ];
  for (const [fault, tlvs] of cases) {
    assert.equal(faultOf(tcp4(tlvs)), fault, tlvs.toString("hex"));
    // Bytes behind the header make no TLV whole.
    assert.equal(faultOf(Buffer.concat([tcp4(tlvs), Buffer.alloc(100)])), fault);
    assert.ok(PROXY_HEADER_FAULTS[fault].length > 0);
  }
});

test("the checksum is that of the header alone, with itself as zeros (section 2.2.3)", () => {
  const bytes = tcp4(tlv(TLV_ALPN, "h2"), tlv(TLV_CRC32C, Buffer.alloc(4)), tlv(TLV_NOOP, "pad"));
  const valueAt = 28 + 5 + 3;
  const right = summed(bytes, valueAt);
  assert.equal(read(Buffer.concat([right, latin1("more")])).kind, "header");
  for (let at = 0; at < right.length; at++) {
    const wrong = Buffer.from(right);
    wrong[at]! ^= 0x10;
    // Where the TLV's own type is altered there is no checksum.
    assert.equal(read(wrong).kind === "header", at === valueAt - 3, String(at));
  }
});

test("cut off anywhere a header needs more; with a length that lies it is refused", () => {
  const right = summed(tcp4(tlv(TLV_AUTHORITY, "a.example"), tlv(TLV_CRC32C, Buffer.alloc(4))), 43);
  for (let count = 0; count < right.length; count++) {
    assert.equal(read(right.subarray(0, count)).kind, "need-more");
    if (count < 16) continue;
    const lying = Buffer.from(right);
    lying.writeUInt16BE(count - 16, 14);
    assert.equal(read(lying).kind, count === 28 || count === 40 ? "header" : "malformed");
  }
});

test("random and altered bytes never throw, and no split changes the verdict", () => {
  const bases = [
    latin1("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
    latin1("PROXY UNKNOWN\r\n"),
    tcp4(tlv(TLV_ALPN, "h2"), tlv(TLV_SSL, Buffer.from("010000000021000361", "hex"))),
    v2(0x21, 0x00, tlv(TLV_NOOP, "")),
    V2_SIGNATURE,
    Buffer.alloc(0),
  ];
  const input = fc.record({
    base: fc.constantFrom(...bases),
    at: fc.nat(60),
    inserted: fc.uint8Array({ maxLength: 40 }),
    removed: fc.nat(4),
  });
  fc.assert(
    fc.property(input, ({ base, at, inserted, removed }) => {
      const bytes = Buffer.concat([base.subarray(0, at), inserted, base.subarray(at + removed)]);
      const verdict = read(bytes);
      if (verdict.kind !== "header") return;
      const { header } = verdict;
      assert.ok(header.length <= bytes.length);
      for (const { start, end } of header.tlvs) {
        assert.ok(start >= 16 && start <= end && end <= header.length);
      }
    }),
    { numRuns: 300 },
  );
});
