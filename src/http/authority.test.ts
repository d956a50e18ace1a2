import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalHost, isAuthority, portOf, withoutTrailingDot } from "./authority.ts";

describe("isAuthority (RFC 3986 section 3.2, T23)", () => {
  const VALID = [
    ...[
      "a",
      "A.Example",
      "a.example.",
      "127.0.0.1",
      "a-b_c~d",
      "a:80",
      "a:0",
      "a:",
      "a:65535",
      "xn--bcher-kva",
    ],
    ...["[::1]", "[::1]:80", "[2001:db8::1.2.3.4]", "[::]:", "a%41b", "!$&'()*+,;="],
  ];
  for (const authority of VALID) {
    it(`accepts ${authority}`, () => assert.equal(isAuthority(authority), true));
  }

  const INVALID = [
    ...[
      "",
      ":",
      ":80",
      "a:65536",
      "a:000080",
      "a:8x",
      "a:-1",
      "a:80:80",
      "::1",
      "a b",
      "a\t",
      "a/b",
      "a?b",
    ],
    ...[
      "a#b",
      "u@a",
      "u:p@a",
      "a\\b",
      "a%",
      "a%4",
      "a%zz",
      "bücher",
      "a\xa0",
      "a\x00",
      "a\r\nb",
      "a|b",
      "a<b>",
    ],
    ...[
      "[",
      "[]",
      "[::1",
      "::1]",
      "[::1]x",
      "[::1]:x",
      "[::1]:99999",
      "[g::1]",
      "[1.2.3.4]",
      "[:::]",
      "[::1]]",
    ],
    ...[
      "[fe80::1%eth0]",
      "[fe80::1%25eth0]",
      "[v1.x]",
      "a[::1]",
      "[[::1]]",
      '"a"',
      "a^b",
      "a`b",
      "a{b}",
    ],
  ];
  for (const authority of INVALID) {
    it(`refuses ${JSON.stringify(authority)}`, () => assert.equal(isAuthority(authority), false));
  }
});

describe("the parts of an authority (T23)", () => {
  const HOSTS: readonly (readonly [authority: string, host: string, port: number | undefined])[] = [
    ["a.example", "a.example", undefined],
    ["A.Example.", "a.example", undefined],
    ["a.example:80", "a.example", 80],
    ["a.example.:80", "a.example", 80],
    ["a.example:", "a.example", undefined],
    ["[::1]", "[::1]", undefined],
    ["[::1]:8080", "[::1]", 8080],
    [".", ".", undefined],
    ["", "", undefined],
  ];
  for (const [authority, host, port] of HOSTS) {
    it(`finds ${host} and ${port} in ${JSON.stringify(authority)}`, () => {
      assert.equal(canonicalHost(authority), host);
      assert.equal(portOf(authority), port);
    });
  }

  it("keeps the port where only the dot goes", () => {
    assert.equal(withoutTrailingDot("a.example.:80"), "a.example:80");
    assert.equal(withoutTrailingDot("a.example:80"), "a.example:80");
  });
});
