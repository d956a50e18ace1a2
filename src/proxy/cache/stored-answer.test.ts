/** RFC 9111 section 4.3.2 and RFC 9110 sections 13 and 14: what clients get of a kept response. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  blockOf,
  cc,
  date,
  type Fields,
  NOW,
  RULE,
  stored,
  view,
} from "../../../test/support/cache-cases.ts";
import { ResponseHead } from "../../http/response-head.ts";
import { isSameResponse } from "./conditional.ts";
import { answerFrom } from "./stored-answer.ts";
import { keptFields } from "./stored-response.ts";

interface Answered {
  readonly status: number;
  readonly body: string;
  readonly length: number;
  readonly header: (name: string) => string | undefined;
}

function answered(response: Fields, request: Fields, method = "GET", status = 200): Answered {
  const kept = stored({ ...cc("max-age=60"), ...response }, { status });
  assert.ok(typeof kept !== "string", String(kept));
  kept.ageAt(NOW + 5_900);
  const head = new ResponseHead();
  const part = answerFrom(kept, { method, header: view(request) }, head, NOW + 5_900);
  return {
    status: head.status,
    body: kept.body.toString("latin1", part.start, part.end),
    length: head.contentLength,
    header: (name) => head.headers.get(name),
  };
}

type AnswerCase = readonly [
  section: string,
  name: string,
  Fields,
  Fields,
  status: number,
  body: string,
];

const TAG = { etag: '"a"' };
const DATED = { "last-modified": date(-1000) };
const ALL = "0123456789";

const answers: readonly AnswerCase[] = [
  ["4", "all of it", {}, {}, 200, ALL],
  ["4.3.2", "If-None-Match, the same", TAG, { "if-none-match": '"a"' }, 304, ""],
  ["4.3.2", "If-None-Match, another", TAG, { "if-none-match": '"b"' }, 200, ALL],
  ["4.3.2", "If-None-Match, one of several", TAG, { "if-none-match": '"b", "a"' }, 304, ""],
  ["4.3.2", "If-None-Match: *", TAG, { "if-none-match": "*" }, 304, ""],
  ["4.3.2", "If-None-Match, weak", TAG, { "if-none-match": 'W/"a"' }, 304, ""],
  ["4.3.2", "If-None-Match, weak here", { etag: 'W/"a"' }, { "if-none-match": '"a"' }, 304, ""],
  [
    "4.3.2",
    "If-None-Match with a comma within",
    { etag: '"a,b"' },
    { "if-none-match": '"x", "a,b"' },
    304,
    "",
  ],
  ["4.3.2", "If-None-Match without an ETag", {}, { "if-none-match": '"a"' }, 200, ALL],
  ["4.3.2", "If-Modified-Since, the same", DATED, { "if-modified-since": date(-1000) }, 304, ""],
  ["4.3.2", "If-Modified-Since, later", DATED, { "if-modified-since": date(-500) }, 304, ""],
  ["4.3.2", "If-Modified-Since, earlier", DATED, { "if-modified-since": date(-2000) }, 200, ALL],
  [
    "4.3.2",
    "If-Modified-Since by Date",
    { date: date(0) },
    { "if-modified-since": date(1) },
    304,
    "",
  ],
  ["4.3.2", "If-Modified-Since in words", DATED, { "if-modified-since": "lately" }, 200, ALL],
  [
    "4.3.2",
    "If-None-Match goes before",
    { ...TAG, ...DATED },
    {
      "if-none-match": '"b"',
      "if-modified-since": date(-500),
    },
    200,
    ALL,
  ],
  ["RFC 9110-14.2", "the first bytes", TAG, { range: "bytes=0-3" }, 206, "0123"],
  ["RFC 9110-14.2", "from the middle", TAG, { range: "bytes=7-" }, 206, "789"],
  ["RFC 9110-14.2", "the last bytes", TAG, { range: "bytes=-2" }, 206, "89"],
  ["RFC 9110-14.2", "more last bytes than there are", TAG, { range: "bytes=-20" }, 206, ALL],
  ["RFC 9110-14.2", "an end beyond", TAG, { range: "bytes=8-20" }, 206, "89"],
  ["RFC 9110-14.2", "a start beyond", TAG, { range: "bytes=10-" }, 416, ""],
  ["RFC 9110-14.2", "no last bytes", TAG, { range: "bytes=-0" }, 416, ""],
  ["RFC 9110-14.2", "several ranges", TAG, { range: "bytes=0-1,4-5" }, 200, ALL],
  ["RFC 9110-14.2", "another unit", TAG, { range: "lines=0-1" }, 200, ALL],
  ["RFC 9110-14.2", "the end before the start", TAG, { range: "bytes=5-2" }, 200, ALL],
  ["RFC 9110-14.2", "bad grammar", TAG, { range: "bytes=a-b" }, 200, ALL],
  [
    "RFC 9110-13.1.5",
    "If-Range, the same",
    TAG,
    { range: "bytes=0-3", "if-range": '"a"' },
    206,
    "0123",
  ],
  [
    "RFC 9110-13.1.5",
    "If-Range, another",
    TAG,
    { range: "bytes=0-3", "if-range": '"b"' },
    200,
    ALL,
  ],
  [
    "RFC 9110-13.1.5",
    "If-Range, weak",
    { etag: 'W/"a"' },
    {
      range: "bytes=0-3",
      "if-range": 'W/"a"',
    },
    200,
    ALL,
  ],
  [
    "RFC 9110-13.1.5",
    "If-Range, date",
    DATED,
    {
      range: "bytes=0-3",
      "if-range": date(-1000),
    },
    206,
    "0123",
  ],
  [
    "RFC 9110-13.1.5",
    "If-Range, another date",
    DATED,
    {
      range: "bytes=0-3",
      "if-range": date(-999),
    },
    200,
    ALL,
  ],
  [
    "RFC 9110-13.2.2",
    "a condition goes before a range",
    TAG,
    {
      range: "bytes=0-3",
      "if-none-match": '"a"',
    },
    304,
    "",
  ],
];

for (const [section, name, response, request, status, body] of answers) {
  test(`${section}: ${name}`, () => {
    const found = answered(response, request);
    assert.equal(found.status, status);
    assert.equal(found.body, body);
    if (status === 206) assert.match(found.header("content-range") ?? "", /^bytes \d+-\d+\/10$/);
    if (status === 416) assert.equal(found.header("content-range"), "bytes */10");
  });
}

test("5.1: answers say their age in whole seconds, once", () => {
  assert.equal(answered({ age: "10" }, {}).header("age"), "15");
});

test("4.3.5: HEAD gets the head of what GET would get, and its length", () => {
  const found = answered(TAG, {}, "HEAD");
  assert.deepEqual([found.status, found.body, found.length], [200, "", 10]);
});

test("RFC 9110-15.4.5: a 304 tells what identifies the response, and no more", () => {
  const more = { "content-type": "text/plain", "x-a": "1", vary: "x-b" };
  const found = answered({ ...TAG, ...more }, { "if-none-match": "*" });
  assert.equal(found.header("etag"), '"a"');
  assert.equal(found.header("vary"), "x-b");
  assert.equal(found.header("cache-control"), "max-age=60");
  assert.equal(found.header("x-a"), undefined);
  assert.equal(found.header("content-type"), undefined);
});

test("3.1: fields of connections and proxies are not kept, and a Date is added", () => {
  const fields = keptFields(
    blockOf({ connection: "x", "proxy-authenticate": "x", te: "x", "x-a": "1", age: "3" }),
    NOW,
  );
  assert.deepEqual(
    fields.map(({ line }) => line.trim()),
    ["x-a: 1", `date: ${date(0)}`],
  );
});

test("3.2, 4.3.4: a 304 replaces fields, but for those that the kept body depends on, and cookies", () => {
  const kept = stored({ ...cc("max-age=1"), etag: '"a"', "x-a": "1", "x-b": "1" }, {});
  assert.ok(typeof kept !== "string");
  const fresh = {
    ...cc("max-age=60", { "x-a": "2", "content-type": "x/y" }),
    ...{ "content-encoding": "gzip", "content-length": "3", "set-cookie": "a=b" },
  };
  kept.update(blockOf(fresh), 0, RULE, NOW + 10_000);
  assert.equal(kept.header("x-a"), "2");
  assert.equal(kept.header("x-b"), "1");
  assert.equal(kept.header("content-type"), "x/y");
  for (const name of ["content-encoding", "content-length", "set-cookie"]) {
    assert.equal(kept.header(name), undefined, name);
  }
  assert.equal(kept.lifetimeMs, 60_000);
  assert.equal(kept.ageAt(NOW + 12_000), 2_000);
});

test("4.3.4: a 304 speaks of the response whose validators it names", () => {
  const own = view({ etag: 'W/"a"', "last-modified": date(0) });
  assert.ok(isSameResponse(own, view({ etag: '"a"' })));
  assert.ok(!isSameResponse(own, view({ etag: '"b"' })));
  assert.ok(isSameResponse(own, view({})));
  assert.ok(!isSameResponse(own, view({ "last-modified": date(1) })));
});
