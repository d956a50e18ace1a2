import assert from "node:assert/strict";
import { test } from "node:test";
import { hostNameFrom } from "./server-name.ts";

function read(name: string): string | undefined {
  const bytes = Buffer.from(`.${name}\0`, "latin1");
  return hostNameFrom(bytes, 1, bytes.length - 1);
}

test("host names come in lower case", () => {
  for (const name of [
    "localhost",
    "Shop.Default.SVC.cluster.LOCAL",
    "a-b.example",
    "-a.b-.example",
    "_grpc.service_1.example",
    "xn--mnchen-3ya.example",
    "1.2.3.4.example",
    "123.e4",
    `${"a".repeat(63)}.example`,
    `${"a.".repeat(126)}a`,
  ]) {
    assert.equal(read(name), name.toLowerCase());
  }
});

test("what is no host name is refused (RFC 6066 section 3)", () => {
  for (const name of [
    "",
    ".",
    "example.com.",
    ".example.com",
    "a..b",
    "good.example\0.evil.example",
    "\0",
    "caf\xe9.example",
    "caf\xc3\xa9.example",
    "a b.example",
    "a\r\nb.example",
    "*.example.com",
    "a/b",
    "user@example.com",
    "example.com:443",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.0.0.0x1",
    "0x7F000001",
    "::1",
    "[::1]",
    "2001:db8::1",
    "fe80::1%eth0",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(126)}aa`,
  ]) {
    assert.equal(read(name), undefined, JSON.stringify(name));
  }
});
