import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  blockOf,
  type Case,
  cc,
  date,
  ETAG,
  NOW,
  RULE,
  runCases,
  stored,
} from "../../../test/support/cache-cases.ts";
import { responseControl } from "./response-control.ts";
import { updateStored } from "./stored-update.ts";
import { parseDictionary } from "./structured-dictionary.ts";

const cdn = (value: string, more = {}) => ({ "cdn-cache-control": value, ...more });

describe("RFC 9213: fields that are meant for this cache", () => {
  const CASES: readonly Case[] = [
    ["2.2", "it makes a response fresh", cdn("max-age=60"), "fresh"],
    [
      "2.2",
      "it goes before a longer max-age",
      cdn("max-age=1", cc("max-age=600", ETAG)),
      "validate",
      { after: 5 },
    ],
    [
      "2.2",
      "it goes before a shorter max-age",
      cdn("max-age=60", cc("max-age=1")),
      "fresh",
      { after: 5 },
    ],
    ["2.2", "it goes before no-store", cdn("max-age=60", cc("no-store")), "fresh"],
    ["2.2", "it goes before private", cdn("max-age=60", cc("private")), "fresh"],
    [
      "2.2",
      "its no-store goes before max-age",
      cdn("no-store", cc("max-age=60")),
      "not kept: no-store",
    ],
    [
      "2.2",
      "its private goes before max-age",
      cdn("private", cc("max-age=60")),
      "not kept: private",
    ],
    [
      "2.2",
      "its no-cache goes before max-age",
      cdn("no-cache", cc("max-age=60", ETAG)),
      "validate",
    ],
    [
      "2.2",
      "its must-revalidate holds",
      cdn("max-age=1, must-revalidate", ETAG),
      "validate",
      { after: 5, rule: { staleIfErrorMs: 60_000 } },
    ],
    [
      "2.2",
      "its stale-if-error holds",
      cdn("max-age=1, stale-if-error=60", ETAG),
      "validate or stale",
      { after: 5 },
    ],
    ["2.2", "Expires does not count beside it", cdn("max-age=60", { expires: date(-60) }), "fresh"],
    [
      "2.2",
      "nor does it make up for a lifetime",
      cdn("foo", { expires: date(60) }),
      "not kept: no-freshness",
    ],
    ["2.2", "unknown directives are passed over", cdn('x, y="z", max-age=60'), "fresh"],
    ["2.2", "Age counts", cdn("max-age=60", { age: "61", ...ETAG }), "validate"],
    [
      "2.1",
      "what is no dictionary counts for nothing",
      cdn("max-age=60, &&&", cc("no-store")),
      "not kept: no-store",
    ],
    ["2.1", "so does what is empty", cdn("", cc("max-age=60")), "fresh"],
    ["2.1", "so do names in upper case", cdn("Max-Age=60", cc("no-store")), "not kept: no-store"],
    ["2.1", "so do seconds in quotes", cdn('max-age="60"', cc("no-store")), "not kept: no-store"],
    [
      "2.1",
      "so do seconds that are no whole number",
      cdn("max-age=1.5", cc("no-store")),
      "not kept: no-store",
    ],
    ["2.1", "so do seconds below 0", cdn("max-age=-1", cc("max-age=60")), "fresh"],
    ["2.1", "so does max-age alone", cdn("max-age", cc("max-age=60")), "fresh"],
    ["2.1", "parameters are passed over", cdn("max-age=60;x=1;y"), "fresh"],
    [
      "2.1",
      "of a directive that stands there twice the last counts",
      cdn("max-age=1, max-age=60"),
      "fresh",
      { after: 5 },
    ],
    ["2.1", "a directive that is false is not there", cdn("no-store=?0, max-age=60"), "fresh"],
    [
      "2.2",
      "what is not listed changes nothing",
      cdn("max-age=60", cc("no-store")),
      "not kept: no-store",
      { rule: { targetedFields: [] } },
    ],
    [
      "2.2",
      "the first that is listed holds",
      cdn("max-age=60", { "mesh-cache-control": "no-store" }),
      "not kept: no-store",
      { rule: { targetedFields: ["mesh-cache-control", "cdn-cache-control"] } },
    ],
    [
      "2.2",
      "the next one where it is not valid",
      cdn("max-age=60", { "mesh-cache-control": "!" }),
      "fresh",
      { rule: { targetedFields: ["mesh-cache-control", "cdn-cache-control"] } },
    ],
  ];
  runCases(CASES);

  test("Cache-Control and Expires as they are without one", () => {
    const fields: Record<string, string> = { "cache-control": "max-age=1", expires: "x" };
    const control = responseControl((name) => fields[name], ["cdn-cache-control"]);
    assert.equal(control.directives.get("max-age"), "1");
    assert.equal(control.expires, "x");
  });
});

describe("RFC 8941: dictionaries", () => {
  test("values of each kind, with parameters", () => {
    const text = ` a, b=1;q=0.5, c=-2.25 ,d="x\\"y",	e=*to/ken:x, f=:aGk=:, g=?0, h=(1 "two";p=3  t ), i=() ;j `;
    const found = parseDictionary(text.replace("() ;j", "();j"));
    assert.deepEqual(Object.fromEntries(found ?? []), {
      a: { kind: "boolean", value: true },
      b: { kind: "integer", value: 1 },
      c: { kind: "decimal", value: -2.25 },
      d: { kind: "string", value: 'x"y' },
      e: { kind: "token", value: "*to/ken:x" },
      f: { kind: "bytes", value: "aGk=" },
      g: { kind: "boolean", value: false },
      h: { kind: "inner-list" },
      i: { kind: "inner-list" },
    });
    assert.equal(parseDictionary("  ")?.size, 0);
  });

  for (const text of [
    ...["a,", ",a", "a,,b", "A", "1", "a b", "a =1", "a= 1", "a=", "a=1.", "a=1.2345", "a=--1"],
    ...["a=1234567890123456", 'a="x', 'a="\\x"', "a=?2", "a=:x", "a=(1", "a=(1,2)", 'a=("x""y")'],
    ...["a;", "a;B", "a;b=", "a=é", 'a="é"', "a=@1", "a\t"],
  ]) {
    test(`none: ${JSON.stringify(text)}`, () =>
      assert.equal(parseDictionary(text)?.size, text === "a\t" ? 1 : undefined));
  }

  test("a long one takes time in proportion to its length", () => {
    const text = `a=(${"1 ".repeat(50_000)}`;
    assert.equal(parseDictionary(text), undefined);
    assert.equal(parseDictionary(`a="${"\\\\".repeat(50_000)}`), undefined);
  });
});

describe("RFC 9111 4.3.4: what a 304 makes of a stored response", () => {
  const request = (fields: Readonly<Record<string, string>> = {}) => ({
    method: "HEAD",
    header: (name: string) => fields[name],
  });

  function isKept(
    now: Readonly<Record<string, string>>,
    asked: Record<string, string> = {},
  ): boolean {
    const kept = stored(cc("max-age=1, public", ETAG), {});
    assert.ok(typeof kept !== "string");
    return updateStored(kept, request(asked), blockOf(now), { ageMs: 0, responseMs: NOW }, RULE);
  }

  test("it is kept with its new fields, or without any", () => {
    assert.ok(isKept({}));
    assert.ok(isKept(cc("max-age=60", { "set-cookie": "a=b" })));
    assert.ok(isKept(cc("public, max-age=60"), { authorization: "x" }));
  });

  test("it is not kept where they forbid it, or where it would answer other requests than before", () => {
    assert.ok(!isKept(cc("no-store")));
    assert.ok(!isKept(cc("private")));
    assert.ok(!isKept(cdn("no-store")));
    assert.ok(!isKept(cc("max-age=60"), { authorization: "x" }));
    assert.ok(!isKept({ vary: "x-a" }));
    assert.ok(!isKept({ vary: "*" }));
  });
});
