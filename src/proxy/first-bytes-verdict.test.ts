/** The listener filters decide the same however the bytes are split. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT_PREFACE } from "../http2/preface.ts";
import { serializeProxyHeaderV1 } from "../net/first-bytes/proxy-header-writer.ts";
import type { Inspection } from "./config/listener-filters.ts";
import { FirstBytesJudge, type FirstBytesVerdict } from "./first-bytes-verdict.ts";

const ALL: Inspection = {
  proxyProtocol: "none",
  readsTls: true,
  readsHttp: true,
  timeoutMs: 0,
  continuesOnTimeout: false,
};
const GET = Buffer.from("GET / HTTP/1.1\r\n\r\n");

/** Byte by byte; a PROXY header is taken off as the intake does. */
function verdictOn(bytes: Buffer, inspection: Inspection): FirstBytesVerdict {
  const judge = new FirstBytesJudge(inspection);
  let start = 0;
  for (let end = 1; end <= bytes.length; end++) {
    const verdict = judge.judge(bytes.subarray(start, end), false);
    if (verdict.kind === "proxied") start += verdict.length;
    else if (verdict.kind !== "need-more") return verdict;
  }
  return judge.judge(bytes.subarray(start), true);
}

function protocolsOf(bytes: Buffer, inspection = ALL): readonly string[] | string {
  const verdict = verdictOn(bytes, inspection);
  return verdict.kind === "decided" ? verdict.spoken.applicationProtocols : verdict.kind;
}

test("HTTP of either version is told from anything else", () => {
  assert.deepEqual(protocolsOf(GET), ["http/1.1", "http/1.0"]);
  assert.deepEqual(protocolsOf(CLIENT_PREFACE), ["h2c"]);
  assert.deepEqual(protocolsOf(Buffer.from("EHLO me\r\n")), []);
  assert.deepEqual(protocolsOf(Buffer.from("PING\r\n")), []);
  assert.deepEqual(protocolsOf(Buffer.from([0, 0, 0, 8])), []);
});

test("a client that ends within a prefix, or without a word, is opaque", () => {
  assert.deepEqual(protocolsOf(Buffer.from("GET ")), []);
  assert.deepEqual(protocolsOf(Buffer.from([0x16, 3, 1])), []);
  assert.deepEqual(protocolsOf(Buffer.alloc(0)), []);
});

test("nothing is told that was not asked for", () => {
  assert.deepEqual(protocolsOf(GET, { ...ALL, readsHttp: false }), []);
});

test("a malformed ClientHello is refused, and TLS where nobody reads it is opaque", () => {
  const hello = Buffer.from("16030100080100000403030000", "hex");
  const verdict = verdictOn(hello, ALL);
  assert.ok(verdict.kind === "refused");
  assert.equal(verdict.code, "client-hello-malformed");
  assert.deepEqual(protocolsOf(hello, { ...ALL, readsTls: false }), []);
});

test("a PROXY header comes first, and what is behind it is judged", () => {
  const endpoints = {
    kind: "tcp",
    sourceAddress: "192.0.2.1",
    sourcePort: 1,
    destinationAddress: "192.0.2.2",
    destinationPort: 2,
  } as const;
  const header = serializeProxyHeaderV1(endpoints);
  const required: Inspection = { ...ALL, proxyProtocol: "required" };
  assert.deepEqual(protocolsOf(Buffer.concat([header, GET]), required), ["http/1.1", "http/1.0"]);
  assert.deepEqual(new FirstBytesJudge(required).judge(Buffer.concat([header, GET]), false), {
    kind: "proxied",
    length: header.length,
    endpoints,
  });
  const missing = verdictOn(GET, required);
  assert.ok(missing.kind === "refused");
  assert.equal(missing.code, "proxy-header-missing");
  const cut = verdictOn(header.subarray(0, 9), { ...ALL, proxyProtocol: "optional" });
  assert.ok(cut.kind === "refused");
  assert.deepEqual(protocolsOf(GET, { ...ALL, proxyProtocol: "optional" }), [
    "http/1.1",
    "http/1.0",
  ]);
});
