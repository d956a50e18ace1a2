/** RFC 9111 section 4.2: how old responses are, and how long they stay fresh. */
import { type Case, cc, date, ETAG, LM, runCases } from "../../../test/support/cache-cases.ts";

const heuristic = { rule: { isHeuristic: true } };

const freshness: readonly Case[] = [
  ["4.2.1", "max-age, before its end", cc("max-age=60"), "fresh", { after: 59 }],
  ["4.2.1", "max-age, at its end", cc("max-age=60", ETAG), "validate", { after: 60 }],
  ["4.2.1", "s-maxage goes before max-age", cc("max-age=1, s-maxage=60"), "fresh", { after: 30 }],
  ["4.2.1", "s-maxage=0 goes before max-age", cc("max-age=60, s-maxage=0", ETAG), "validate"],
  [
    "4.2.1",
    "max-age goes before Expires",
    cc("max-age=60", { expires: date(-10) }),
    "fresh",
    { after: 30 },
  ],
  ["4.2.1", "the first of two counts", cc("max-age=60, max-age=1"), "fresh", { after: 30 }],
  [
    "4.2.1",
    "the first of two counts, if it is shorter",
    cc("max-age=1, max-age=60", ETAG),
    "validate",
    {
      after: 30,
    },
  ],
  ["4.2.1", "a number that is none", cc("max-age=a60", ETAG), "validate"],
  ["4.2.1", "a number with letters behind", cc("max-age=60a", ETAG), "validate"],
  ["4.2.1", "a negative number", cc("max-age=-60", ETAG), "validate"],
  ["4.2.1", "a fraction", cc("max-age=60.5", ETAG), "validate"],
  ["4.2.1", "no argument", cc("max-age", ETAG), "validate"],
  ["5.2", "a quoted argument", cc('max-age="60"'), "fresh", { after: 30 }],
  ["5.2", "a name in capitals", cc("MAX-AGE=60"), "fresh", { after: 30 }],
  ["5.2", "leading zeros", cc("max-age=0060"), "fresh", { after: 30 }],
  ["5.2", "empty members", cc(",, max-age=60 ,"), "fresh", { after: 30 }],
  ["1.2.2", "a number beyond all", cc("max-age=99999999999999999999"), "fresh", { after: 86_400 }],
  ["1.2.2", "2^31", cc("max-age=2147483648"), "fresh", { after: 86_400 }],
  ["5.3", "Expires ahead", { expires: date(60) }, "fresh", { after: 30 }],
  ["5.3", "Expires over", { expires: date(60), ...ETAG }, "validate", { after: 61 }],
  [
    "5.3",
    "Expires counts from Date",
    { date: date(-100), expires: date(-40), ...ETAG },
    "validate",
  ],
  [
    "5.3",
    "Expires counts from Date, with a clock that is late",
    {
      date: date(-30),
      expires: date(60),
    },
    "fresh",
    { after: 50 },
  ],
  ["5.3", "Expires: 0", { expires: "0", ...ETAG }, "validate"],
  ["5.3", "Expires: -1", { expires: "-1", ...ETAG }, "validate"],
  ["5.3", "Expires in words", { expires: "tomorrow", ...ETAG }, "validate"],
  ["5.3", "Expires of RFC 850", { expires: "Thursday, 15-Jan-26 12:01:00 GMT" }, "fresh"],
  ["5.3", "Expires of asctime", { expires: "Thu Jan 15 12:01:00 2026" }, "fresh"],
  [
    "5.3",
    "Expires in another zone",
    { expires: "Thu, 15 Jan 2026 12:01:00 CET", ...ETAG },
    "validate",
  ],
  [
    "5.3",
    "Expires with one digit",
    { expires: "Thu, 15 Jan 2026 1:01:00 GMT", ...ETAG },
    "validate",
  ],
  ["4.2.3", "Age counts", cc("max-age=60", { age: "30", ...ETAG }), "validate", { after: 31 }],
  [
    "4.2.3",
    "Age counts, and there is time left",
    cc("max-age=60", { age: "30" }),
    "fresh",
    {
      after: 29,
    },
  ],
  [
    "4.2.3",
    "Date counts",
    cc("max-age=60", { date: date(-30), ...ETAG }),
    "validate",
    { after: 31 },
  ],
  [
    "4.2.3",
    "a Date ahead does not",
    cc("max-age=60", { date: date(100), ...ETAG }),
    "validate",
    {
      after: 60,
    },
  ],
  [
    "4.2.3",
    "the greater of both counts",
    cc("max-age=60", {
      date: date(-10),
      age: "50",
      ...ETAG,
    }),
    "validate",
    { after: 11 },
  ],
  [
    "4.2.3",
    "the time that the request took counts",
    cc("max-age=60", { age: "1", ...ETAG }),
    "validate",
    {
      after: 50,
      delay: 10,
    },
  ],
  ["5.1", "Age in words is passed over", cc("max-age=60", { age: "old" }), "fresh"],
  ["5.1", "a negative Age is passed over", cc("max-age=60", { age: "-100" }), "fresh"],
  ["5.1", "a fraction of Age is passed over", cc("max-age=60", { age: "100.5" }), "fresh"],
  ["5.1", "the first of two Ages counts", cc("max-age=60", { age: "0, 100" }), "fresh"],
  ["5.1", "Age beyond all", cc("max-age=60", { age: "99999999999999999999", ...ETAG }), "validate"],
  ["4.2.2", "no guess unless asked for", LM, "not kept: no-freshness"],
  ["4.2.2", "a tenth of the time since the change", LM, "fresh", { ...heuristic, after: 8_000 }],
  ["4.2.2", "and no more", { ...LM, ...ETAG }, "validate", { ...heuristic, after: 9_000 }],
  [
    "4.2.2",
    "a day at most",
    { "last-modified": date(-100_000_000) },
    "fresh",
    {
      ...heuristic,
      after: 86_000,
    },
  ],
  [
    "4.2.2",
    "not beyond a day",
    { "last-modified": date(-100_000_000) },
    "validate",
    {
      ...heuristic,
      after: 87_000,
    },
  ],
  [
    "4.2.2",
    "not where something is said",
    cc("max-age=1", LM),
    "validate",
    {
      ...heuristic,
      after: 10,
    },
  ],
  ["4.2.2", "not for 302", LM, "not kept: no-freshness", { ...heuristic, status: 302 }],
  [
    "4.2.2",
    "for 302 that is public",
    { ...LM, ...cc("public") },
    "fresh",
    {
      ...heuristic,
      status: 302,
    },
  ],
  ...[203, 204, 300, 301, 308, 404, 405, 410, 414, 501].map(
    (status): Case => ["4.2.2", `for ${status}`, LM, "fresh", { ...heuristic, status }],
  ),
  ["4.2.2", "a Last-Modified ahead", { "last-modified": date(1000) }, "validate", heuristic],
  ["4.2.2", "what a policy says", {}, "fresh", { rule: { defaultTtlMs: 60_000 }, after: 30 }],
  [
    "4.2.2",
    "what a policy says, over",
    ETAG,
    "validate",
    {
      rule: { defaultTtlMs: 60_000 },
      after: 60,
    },
  ],
  [
    "4.2.2",
    "a policy for 500",
    {},
    "not kept: no-freshness",
    {
      rule: { defaultTtlMs: 60_000 },
      status: 500,
    },
  ],
];

runCases(freshness);
