import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  findTlv,
  type ProxiedEndpoints,
  TLV_ALPN,
  TLV_AUTHORITY,
  TLV_UNIQUE_ID,
} from "./proxy-header.ts";
import { readProxyHeader } from "./proxy-header-reader.ts";
import { serializeProxyHeaderV1, serializeProxyHeaderV2 } from "./proxy-header-writer.ts";

function tcp(sourceAddress: string, destinationAddress: string): ProxiedEndpoints {
  return {
    kind: "tcp",
    sourceAddress,
    sourcePort: 56_324,
    destinationAddress,
    destinationPort: 443,
  };
}

function line(endpoints: ProxiedEndpoints): string {
  return serializeProxyHeaderV1(endpoints).toString("latin1");
}

test("version 1", () => {
  assert.equal(line(tcp("192.0.2.1", "192.0.2.2")), "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n");
  assert.equal(line(tcp("2001:DB8::1", "::1")), "PROXY TCP6 2001:db8::1 ::1 56324 443\r\n");
  assert.equal(line({ kind: "local" }), "PROXY UNKNOWN\r\n");
  assert.equal(line({ kind: "unknown" }), "PROXY UNKNOWN\r\n");
  assert.equal(
    line({ kind: "unix", sourcePath: "/a", destinationPath: "/b" }),
    "PROXY UNKNOWN\r\n",
  );
});

test("addresses as sockets name them: mapped, of two families, with a zone", () => {
  const mapped = tcp("::ffff:192.0.2.1", "::ffff:192.0.2.2");
  assert.equal(line(mapped), "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n");
  const mixed = tcp("192.0.2.1", "2001:db8::1");
  assert.equal(line(mixed), "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 56324 443\r\n");
  assert.equal(line(tcp("fe80::1%eth0", "fe80::2")), "PROXY TCP6 fe80::1 fe80::2 56324 443\r\n");
});

test("version 2, byte by byte", () => {
  const bytes = serializeProxyHeaderV2({
    endpoints: tcp("192.0.2.1", "198.51.100.2"),
    alpn: "h2",
    hasChecksum: false,
  });
  const expected = "0d0a0d0a000d0a515549540a 21 11 0011 c0000201 c6336402 dc04 01bb 01 0002 6832";
  assert.equal(bytes.toString("hex"), expected.replaceAll(" ", ""));
  const local = serializeProxyHeaderV2({ endpoints: { kind: "local" }, hasChecksum: false });
  assert.equal(local.toString("hex"), "0d0a0d0a000d0a515549540a20000000");
});

test("what no socket has is a broken invariant", () => {
  assert.throws(() => serializeProxyHeaderV1(tcp("localhost", "::1")), /IP address/);
  const wrongPort = { ...tcp("::1", "::1"), sourcePort: 65_536 } as ProxiedEndpoints;
  assert.throws(() => serializeProxyHeaderV1(wrongPort), /16 bits/);
  const uniqueId = Buffer.alloc(129);
  const options = { endpoints: { kind: "unknown" }, uniqueId, hasChecksum: false } as const;
  assert.throws(() => serializeProxyHeaderV2(options), /unique id/);
});

const address = fc.oneof(fc.ipV4(), fc.ipV6());
const port = fc.nat(65_535);
const endpoints: fc.Arbitrary<ProxiedEndpoints> = fc.oneof(
  fc.record({
    kind: fc.constant("tcp" as const),
    sourceAddress: address,
    sourcePort: port,
    destinationAddress: address,
    destinationPort: port,
  }),
  fc.record({
    kind: fc.constant("unix" as const),
    sourcePath: fc.stringMatching(/^[a-z/]{0,108}$/),
    destinationPath: fc.stringMatching(/^[a-z/]{0,108}$/),
  }),
  fc.constant({ kind: "local" } as const),
  fc.constant({ kind: "unknown" } as const),
);

test("what is written is read again", () => {
  const options = fc.record({
    endpoints,
    alpn: fc.option(fc.constantFrom("h2", "http/1.1"), { nil: undefined }),
    authority: fc.option(fc.constantFrom("a.example", "café.example"), { nil: undefined }),
    uniqueId: fc.option(fc.uint8Array({ maxLength: 128 }), { nil: undefined }),
    hasChecksum: fc.boolean(),
  });
  fc.assert(
    fc.property(options, fc.uint8Array({ maxLength: 20 }), (raw, behind) => {
      const uniqueId = raw.uniqueId === undefined ? undefined : Buffer.from(raw.uniqueId);
      const written = serializeProxyHeaderV2({ ...raw, uniqueId });
      const bytes = Buffer.concat([written, behind]);
      const verdict = readProxyHeader(bytes, 0, bytes.length);
      assert.ok(verdict.kind === "header", JSON.stringify(verdict));
      const { header } = verdict;
      assert.equal(header.length, written.length);
      const isLocal = raw.endpoints.kind === "local" || raw.endpoints.kind === "unknown";
      assertSameEndpoints(header.endpoints, isLocal ? { kind: "local" } : raw.endpoints);
      const textOf = (type: number) => {
        const range = findTlv(header.tlvs, type);
        return range && bytes.toString("utf8", range.start, range.end);
      };
      assert.equal(textOf(TLV_ALPN), isLocal ? undefined : raw.alpn);
      assert.equal(textOf(TLV_AUTHORITY), isLocal ? undefined : raw.authority);
      assert.equal(textOf(TLV_UNIQUE_ID), isLocal ? undefined : uniqueId?.toString("utf8"));
      const line = Buffer.concat([serializeProxyHeaderV1(raw.endpoints), behind]);
      const first = readProxyHeader(line, 0, line.length);
      assert.ok(first.kind === "header");
      assert.equal(first.header.length, line.length - behind.length);
      if (raw.endpoints.kind !== "tcp") assert.equal(first.header.endpoints.kind, "unknown");
      else assertSameEndpoints(first.header.endpoints, raw.endpoints);
    }),
    { numRuns: 200 },
  );
});

/** A header is compared by what is written from it: addresses have several texts. */
function assertSameEndpoints(actual: ProxiedEndpoints, expected: ProxiedEndpoints): void {
  assert.equal(actual.kind, expected.kind);
  const bytes = (value: ProxiedEndpoints) =>
    serializeProxyHeaderV2({ endpoints: value, hasChecksum: false });
  assert.deepEqual(bytes(actual), bytes(expected));
}
