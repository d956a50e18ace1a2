import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipBytes, ipv4Text, ipv6Text } from "./ip-bytes.ts";

test("IPv6 text is that of RFC 5952", () => {
  for (const [text, canonical] of [
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["1::0:0:8", "1::8"],
  ] as const) {
    assert.equal(ipv6Text(ipBytes(text)!, 0), canonical);
  }
});

test("what is no address has no bytes", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "fe80::1%eth0",
    ":::",
    "1::2::3",
    "g::",
  ]) {
    assert.equal(ipBytes(text), undefined, text);
  }
});

test("bytes become text and the same bytes again", () => {
  const sixteen = fc.array(fc.constantFrom(0, 0, 0, 1, 0xff, 0x10), {
    minLength: 16,
    maxLength: 16,
  });
  fc.assert(
    fc.property(sixteen, (raw) => {
      const bytes = Buffer.from(raw);
      assert.deepEqual(ipBytes(ipv6Text(bytes, 0)), bytes);
      assert.deepEqual(ipBytes(ipv4Text(bytes, 3))!.subarray(12), bytes.subarray(3, 7));
    }),
  );
});
