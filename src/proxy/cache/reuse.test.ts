/** RFC 9111 sections 4.1, 5.2.1 and 5.2.2, and RFC 5861: what a kept response is good for. */
import { type Case, cc, ETAG, runCases } from "../../../test/support/cache-cases.ts";

const SWR = "stale-while-revalidate";
const SIE = "validate or stale";

const reuse: readonly Case[] = [
  [
    "5.2.1.1",
    "max-age of a request",
    cc("max-age=60", ETAG),
    "validate",
    {
      second: cc("max-age=10"),
      after: 11,
    },
  ],
  [
    "5.2.1.1",
    "max-age of a request that fits",
    cc("max-age=60"),
    "fresh",
    {
      second: cc("max-age=10"),
      after: 9,
    },
  ],
  ["5.2.1.1", "max-age=0", cc("max-age=60", ETAG), "validate", { second: cc("max-age=0") }],
  [
    "5.2.1.1",
    "max-age of a request counts Age",
    cc("max-age=60", { age: "20", ...ETAG }),
    "validate",
    {
      second: cc("max-age=10"),
    },
  ],
  [
    "5.2.1.2",
    "max-stale of any age",
    cc("max-age=1", ETAG),
    "stale-accepted",
    {
      second: cc("max-stale"),
      after: 1000,
    },
  ],
  [
    "5.2.1.2",
    "max-stale, old enough",
    cc("max-age=1", ETAG),
    "stale-accepted",
    {
      second: cc("max-stale=20"),
      after: 20,
    },
  ],
  [
    "5.2.1.2",
    "max-stale, too old",
    cc("max-age=1", ETAG),
    "validate",
    {
      second: cc("max-stale=20"),
      after: 22,
    },
  ],
  [
    "5.2.1.2",
    "max-stale against must-revalidate",
    cc("max-age=1, must-revalidate", ETAG),
    "validate",
    {
      second: cc("max-stale"),
      after: 2,
    },
  ],
  [
    "5.2.1.2",
    "max-stale against proxy-revalidate",
    cc("max-age=1, proxy-revalidate", ETAG),
    "validate",
    {
      second: cc("max-stale"),
      after: 2,
    },
  ],
  [
    "5.2.1.2",
    "max-stale against s-maxage",
    cc("s-maxage=1", ETAG),
    "validate",
    {
      second: cc("max-stale"),
      after: 2,
    },
  ],
  [
    "5.2.1.3",
    "min-fresh",
    cc("max-age=60", ETAG),
    "validate",
    {
      second: cc("min-fresh=10"),
      after: 51,
    },
  ],
  [
    "5.2.1.3",
    "min-fresh that fits",
    cc("max-age=60"),
    "fresh",
    {
      second: cc("min-fresh=10"),
      after: 49,
    },
  ],
  [
    "5.2.1.4",
    "no-cache of a request",
    cc("max-age=60", ETAG),
    "validate",
    {
      second: cc("no-cache"),
    },
  ],
  [
    "5.4",
    "Pragma: no-cache",
    cc("max-age=60", ETAG),
    "validate",
    {
      second: { pragma: "no-cache" },
    },
  ],
  [
    "5.4",
    "Pragma beside Cache-Control does not count",
    cc("max-age=60"),
    "fresh",
    {
      second: { pragma: "no-cache", ...cc("max-age=100") },
    },
  ],
  ["5.4", "another Pragma", cc("max-age=60"), "fresh", { second: { pragma: "yes" } }],
  ["5.4", "Pragma of a response does not count", cc("max-age=60", { pragma: "no-cache" }), "fresh"],
  [
    "5.2.1.5",
    "no-store of a request may be answered",
    cc("max-age=60"),
    "fresh",
    {
      second: cc("no-store"),
    },
  ],
  ["5.2.2.4", "no-cache of a response", cc("no-cache, max-age=60", ETAG), "validate"],
  ["5.2.2.4", "no-cache with fields", cc('no-cache="x-a", max-age=60', ETAG), "validate"],
  ["5.2.2.2", "must-revalidate while fresh", cc("max-age=60, must-revalidate"), "fresh"],
  [
    "5.2.2.2",
    "must-revalidate, stale",
    cc("max-age=1, must-revalidate", ETAG),
    "validate",
    {
      after: 2,
      rule: { staleIfErrorMs: 60_000, staleWhileRevalidateMs: 60_000 },
    },
  ],
  [
    "5.2.2.8",
    "proxy-revalidate, stale",
    cc("max-age=1, proxy-revalidate", ETAG),
    "validate",
    {
      after: 2,
      rule: { staleIfErrorMs: 60_000, staleWhileRevalidateMs: 60_000 },
    },
  ],
  [
    "5.2.2.10",
    "s-maxage, stale",
    cc("s-maxage=1", ETAG),
    "validate",
    {
      after: 2,
      rule: { staleIfErrorMs: 60_000, staleWhileRevalidateMs: 60_000 },
    },
  ],
  ["4.2.4", "stale, and nobody allows it", cc("max-age=1", ETAG), "validate", { after: 2 }],
  [
    "RFC 5861-3",
    "while revalidating",
    cc("max-age=1, stale-while-revalidate=10", ETAG),
    SWR,
    {
      after: 10,
    },
  ],
  [
    "RFC 5861-3",
    "beyond it",
    cc("max-age=1, stale-while-revalidate=10", ETAG),
    "validate",
    {
      after: 11,
    },
  ],
  [
    "RFC 5861-3",
    "while fresh",
    cc("max-age=20, stale-while-revalidate=10"),
    "fresh",
    { after: 10 },
  ],
  [
    "RFC 5861-3",
    "by policy",
    cc("max-age=1", ETAG),
    SWR,
    {
      after: 5,
      rule: { staleWhileRevalidateMs: 10_000 },
    },
  ],
  [
    "RFC 5861-3",
    "the response goes before the policy",
    cc("max-age=1, stale-while-revalidate=0", ETAG),
    "validate",
    {
      after: 5,
      rule: { staleWhileRevalidateMs: 10_000 },
    },
  ],
  [
    "RFC 5861-3",
    "not against the request's no-cache",
    cc("max-age=1, stale-while-revalidate=10", ETAG),
    "validate",
    {
      after: 5,
      second: cc("no-cache"),
    },
  ],
  [
    "RFC 5861-3",
    "with s-maxage, when said",
    cc("s-maxage=1, stale-while-revalidate=10", ETAG),
    SWR,
    {
      after: 5,
    },
  ],
  [
    "RFC 5861-4",
    "if there is an error",
    cc("max-age=1, stale-if-error=10", ETAG),
    SIE,
    { after: 10 },
  ],
  ["RFC 5861-4", "beyond it", cc("max-age=1, stale-if-error=10", ETAG), "validate", { after: 11 }],
  [
    "RFC 5861-4",
    "by the request",
    cc("max-age=1", ETAG),
    SIE,
    {
      after: 5,
      second: cc("stale-if-error=10"),
    },
  ],
  [
    "RFC 5861-4",
    "by policy",
    cc("max-age=1", ETAG),
    SIE,
    {
      after: 5,
      rule: { staleIfErrorMs: 10_000 },
    },
  ],
  ["RFC 5861-4", "not what must be validated", cc("no-cache, stale-if-error=10", ETAG), "validate"],
  [
    "4.1",
    "Vary, the same value",
    cc("max-age=60", { vary: "x-a" }),
    "fresh",
    {
      first: { "x-a": "1" },
      second: { "x-a": "1" },
    },
  ],
  [
    "4.1",
    "Vary, another value",
    cc("max-age=60", { vary: "x-a" }),
    "miss",
    {
      first: { "x-a": "1" },
      second: { "x-a": "2" },
    },
  ],
  [
    "4.1",
    "Vary, absent at first",
    cc("max-age=60", { vary: "x-a" }),
    "miss",
    {
      second: { "x-a": "1" },
    },
  ],
  [
    "4.1",
    "Vary, absent later",
    cc("max-age=60", { vary: "x-a" }),
    "miss",
    {
      first: { "x-a": "1" },
    },
  ],
  ["4.1", "Vary, absent both times", cc("max-age=60", { vary: "x-a" }), "fresh"],
  [
    "4.1",
    "Vary, empty is not absent",
    cc("max-age=60", { vary: "x-a" }),
    "miss",
    {
      first: { "x-a": "" },
    },
  ],
  [
    "4.1",
    "Vary, name in capitals",
    cc("max-age=60", { vary: "X-A" }),
    "fresh",
    {
      first: { "x-a": "1" },
      second: { "x-a": "1" },
    },
  ],
  [
    "4.1",
    "Vary, white space in lists",
    cc("max-age=60", { vary: "x-a" }),
    "fresh",
    {
      first: { "x-a": "1, 2" },
      second: { "x-a": "1,2" },
    },
  ],
  [
    "4.1",
    "Vary, order of lists",
    cc("max-age=60", { vary: "x-a" }),
    "miss",
    {
      first: { "x-a": "1, 2" },
      second: { "x-a": "2, 1" },
    },
  ],
  [
    "4.1",
    "Vary, case of values",
    cc("max-age=60", { vary: "x-a" }),
    "miss",
    {
      first: { "x-a": "a" },
      second: { "x-a": "A" },
    },
  ],
  [
    "4.1",
    "Vary, two fields of which one differs",
    cc("max-age=60", { vary: "x-a, x-b" }),
    "miss",
    {
      first: { "x-a": "1", "x-b": "1" },
      second: { "x-a": "1", "x-b": "2" },
    },
  ],
  [
    "4.1",
    "Vary, a field that it does not name",
    cc("max-age=60", { vary: "x-a" }),
    "fresh",
    {
      first: { "x-c": "1" },
      second: { "x-c": "2" },
    },
  ],
  ["4.1", "Vary, twice the same name", cc("max-age=60", { vary: "x-a, x-a" }), "fresh"],
];

runCases(reuse);
