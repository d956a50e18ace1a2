/**
 * The readers of a connection's first bytes: ClientHello, PROXY protocol header and protocol sniffer. Each is
 * a function of the bytes from the start: more bytes turn "need more" into a verdict once, and no verdict
 * into another.
 */
import { deepEqual } from "node:assert/strict";
import {
  CLIENT_HELLO_BYTES_MAX,
  PROXY_HEADER_BYTES_MAX,
  SNIFFED_BYTES_MAX,
} from "../../../src/core/limits.ts";
import { ClientHelloReader } from "../../../src/net/first-bytes/client-hello-reader.ts";
import { sniffProtocol } from "../../../src/net/first-bytes/protocol-sniffer.ts";
import { readProxyHeader } from "../../../src/net/first-bytes/proxy-header-reader.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { readEnds } from "../splits.ts";

const FLOOD = Buffer.alloc(2 * CLIENT_HELLO_BYTES_MAX);

interface Verdict {
  readonly kind: string;
}

/** The verdicts of growing prefixes agree with that of all bytes; some come earlier. */
function mustBeStable(
  data: Buffer,
  whole: Verdict,
  readPrefix: (end: number) => Verdict,
  undecided: string,
): void {
  let isDecided = false;
  for (const end of readEnds(data)) {
    const verdict = readPrefix(end);
    if (verdict.kind === undecided) continue;
    isDecided = true;
    if (verdict.kind !== whole.kind) must(false, `${verdict.kind} became ${whole.kind}`);
    deepEqual(verdict, whole);
    break;
  }
  must(isDecided || whole.kind === undecided, "the verdict comes with the last byte at the latest");
}

function fuzzClientHello(data: Buffer): void {
  const whole = new ClientHelloReader().read(data, 0, data.length);
  const reader = new ClientHelloReader();
  mustBeStable(data, whole, (end) => reader.read(data, 0, end), "need-more");
  if (whole.kind !== "need-more" || data.length === 0) return;
  // What is undecided may not stay so.
  data.copy(FLOOD);
  const flooded = new ClientHelloReader().read(FLOOD, 0, FLOOD.length);
  must(flooded.kind !== "need-more", "a verdict comes within the bound");
  FLOOD.fill(0, 0, data.length);
}

function fuzzProxyHeader(data: Buffer): void {
  const whole = readProxyHeader(data, 0, data.length);
  mustBeStable(data, whole, (end) => readProxyHeader(data, 0, end), "need-more");
  if (whole.kind === "need-more") {
    must(data.length <= PROXY_HEADER_BYTES_MAX, "a verdict comes within the bound");
  } else if (whole.kind === "header") {
    const { length, tlvs } = whole.header;
    must(length <= Math.min(data.length, PROXY_HEADER_BYTES_MAX), "the header is within its bytes");
    for (const { start, end } of tlvs) must(start <= end && end <= length, "TLVs are within");
  }
}

function fuzzSniffer(data: Buffer): void {
  const whole = { kind: sniffProtocol(data, 0, data.length) };
  mustBeStable(data, whole, (end) => ({ kind: sniffProtocol(data, 0, end) }), "undecided");
  if (data.length >= SNIFFED_BYTES_MAX) must(whole.kind !== "undecided", "a verdict comes in time");
}

function text(value: string): Buffer {
  return Buffer.from(value, "latin1");
}

const PROXY_V1 = [
  "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET / HTTP/1.1\r\n",
  "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n",
  "PROXY UNKNOWN\r\n",
];

/** Of version 2: PROXY over TCP4, TCP6 and unix, LOCAL, and one with TLVs. */
const PROXY_V2 = [
  "0d0a0d0a000d0a515549540a2111000cc0000201c0000202dc0401bb",
  `0d0a0d0a000d0a515549540a21210024${"20010db8000000000000000000000001".repeat(2)}dc0401bb`,
  "0d0a0d0a000d0a515549540a20000000",
  "0d0a0d0a000d0a515549540a2111001bc0000201c0000202dc0401bb0100026832020007612e746573742e",
  `0d0a0d0a000d0a515549540a213100d8${"2f61".padEnd(432, "0")}`,
];

export const clientHello: FuzzTarget = {
  name: "client-hello",
  fuzz: fuzzClientHello,
  // Those of real clients are in the stored corpus.
  seeds: () => [],
  inputBytesMax: 1_024,
};

export const proxyHeader: FuzzTarget = {
  name: "proxy-header",
  fuzz: fuzzProxyHeader,
  seeds: () => [...PROXY_V1.map(text), ...PROXY_V2.map((hex) => Buffer.from(hex, "hex"))],
  inputBytesMax: 1_024,
};

export const sniffer: FuzzTarget = {
  name: "sniffer",
  fuzz: fuzzSniffer,
  seeds: () => [
    text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    text("*1\r\n$4\r\nPING\r\n"),
  ],
  inputBytesMax: 1_200,
};
