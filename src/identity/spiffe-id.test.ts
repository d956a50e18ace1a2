import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../core/errors.ts";
import {
  parseSpiffeId,
  requireSpiffeId,
  trustDomainId,
  trustDomainOf,
  workloadIdentityFromSpiffeId,
  workloadSpiffeId,
} from "./spiffe-id.ts";

/** One line per rule of SPIFFE-ID sections 2.1 to 2.3: ids that keep it, ids that break it. */
const RULES: readonly (readonly [
  rule: string,
  valid: readonly string[],
  invalid: readonly string[],
])[] = [
  [
    "the scheme is spiffe",
    ["spiffe://td/a", "SPIFFE://td/a"],
    [
      "http://td/a",
      "//td/a",
      "td/a",
      "",
      "spiffe:/td/a",
      "spiffe:td",
      " spiffe://td/a",
      "spiffes://td/a",
    ],
  ],
  ["no query", ["spiffe://td/a"], ["spiffe://td/a?b", "spiffe://td?b=c", "spiffe://td/a?"]],
  ["no fragment", ["spiffe://td/a"], ["spiffe://td/a#b", "spiffe://td#b", "spiffe://td/a#"]],
  ["the trust domain is not empty", ["spiffe://t/a"], ["spiffe://", "spiffe:///a"]],
  [
    "trust domain characters",
    ["spiffe://a-z.0_9/a", "spiffe://1.2.3.4/a", "spiffe://-/a"],
    [
      "spiffe://t d/a",
      "spiffe://t!d/a",
      "spiffe://t\u00e9/a",
      "spiffe://[::1]/a",
      "spiffe://\u212a/a",
    ],
  ],
  [
    "no userinfo",
    ["spiffe://td/a"],
    ["spiffe://user@td/a", "spiffe://user:pw@td/a", "spiffe://@td/a"],
  ],
  ["no port", ["spiffe://td/a"], ["spiffe://td:80/a", "spiffe://td:/a"]],
  [
    "no percent-encoding in the trust domain",
    ["spiffe://td/a"],
    ["spiffe://t%64/a", "spiffe://td%2f/a"],
  ],
  [
    "at most 255 bytes of trust domain",
    [`spiffe://${"d".repeat(255)}/a`],
    [`spiffe://${"d".repeat(256)}/a`],
  ],
  ["no percent-encoding in the path", ["spiffe://td/a"], ["spiffe://td/%61", "spiffe://td/a%2fb"]],
  [
    "no empty segment",
    ["spiffe://td/a/b"],
    ["spiffe://td/a//b", "spiffe://td//a", "spiffe://td//"],
  ],
  [
    "no dot segment",
    ["spiffe://td/a/.b/c..", "spiffe://td/..."],
    ["spiffe://td/.", "spiffe://td/a/..", "spiffe://td/../a", "spiffe://td/a/./b"],
  ],
  ["no slash at the end", ["spiffe://td"], ["spiffe://td/", "spiffe://td/a/"]],
  [
    "path characters",
    ["spiffe://td/AZaz09.-_"],
    [
      "spiffe://td/a b",
      "spiffe://td/a~",
      "spiffe://td/a:b",
      "spiffe://td/a\0",
      "spiffe://td/\u00e9",
      "spiffe://td/a\n",
    ],
  ],
  [
    "at most 2048 bytes",
    [`spiffe://td/${"a".repeat(2048 - 12)}`],
    [`spiffe://td/${"a".repeat(2048 - 11)}`],
  ],
];

for (const [rule, valid, invalid] of RULES) {
  test(`SPIFFE id: ${rule}`, () => {
    for (const text of valid) assert.equal(parseSpiffeId(text).ok, true, text);
    for (const text of invalid) {
      const result = parseSpiffeId(text);
      assert.equal(result.ok, false, text);
      assert.match(result.ok ? "" : result.reason, /^(is|has|does)\b[\x20-\x7e…]*$/, text);
    }
  });
}

test("scheme and trust domain come back in lower case, the path as it is", () => {
  const result = parseSpiffeId("SpIfFe://Example.ORG/Path");
  assert.deepEqual(result, {
    ok: true,
    id: "spiffe://example.org/Path",
    trustDomain: "example.org",
    path: "/Path",
  });
});

test("workload ids are made and taken apart", () => {
  const identity = { trustDomain: "tulle.local", namespace: "shop", serviceAccount: "catalog-v1" };
  const id = workloadSpiffeId(identity);
  assert.equal(id, "spiffe://tulle.local/ns/shop/sa/catalog-v1");
  assert.deepEqual(workloadIdentityFromSpiffeId(id), identity);
  assert.equal(trustDomainOf(id), "tulle.local");
  assert.equal(trustDomainId("tulle.local"), "spiffe://tulle.local");
  assert.equal(trustDomainOf(trustDomainId("tulle.local")), "tulle.local");
  for (const other of [
    "spiffe://td",
    "spiffe://td/ns/a",
    "spiffe://td/ns/a/sa/b/c",
    "spiffe://td/x/a/sa/b",
  ]) {
    assert.equal(workloadIdentityFromSpiffeId(requireSpiffeId(other)), undefined, other);
  }
});

test("a name that would change the shape of an id is refused", () => {
  const good = { trustDomain: "td", namespace: "a", serviceAccount: "b" };
  for (const bad of ["", "..", "a/sa/b", "a b", "%41", "é"]) {
    const refuses = (error: unknown): boolean => hasCode(error, "spiffe-id-invalid");
    assert.throws(() => workloadSpiffeId({ ...good, namespace: bad }), refuses, bad);
    assert.throws(() => workloadSpiffeId({ ...good, serviceAccount: bad }), refuses, bad);
  }
  for (const bad of ["", "a/b", "A", "a b", "%41", "é", "a:1", "u@a"]) {
    const refuses = (error: unknown): boolean => hasCode(error, "spiffe-id-invalid");
    assert.throws(() => workloadSpiffeId({ ...good, trustDomain: bad }), refuses, bad);
    assert.throws(() => trustDomainId(bad), refuses, bad);
  }
  assert.throws(() => workloadSpiffeId({ ...good, serviceAccount: "s".repeat(2048) }));
  assert.throws(() => requireSpiffeId("http://x"), /no SPIFFE id/);
});
