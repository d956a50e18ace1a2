/** Where one proxy takes for HTTP/1.1 what the other refuses, or refuses it in other words. */
import type { Difference } from "./difference.ts";

const malformed = (...names: readonly string[]): readonly string[] =>
  names.map((name) => `malformed/${name}`);

const SMUGGLING =
  "Whoever is behind may read the same bytes otherwise: that is how requests are smuggled. A proxy that others rely on for policy refuses what it would have to guess.";

export const STRICTNESS: readonly Difference[] = [
  {
    id: "request lines and line ends",
    envoy:
      "Takes tabs, repeated spaces and a space at the end of a request line, any number of empty lines before it, bare LF as line end, and drops a bare CR from a value.",
    tulle: "Answers 400 to each (RFC 9112 sections 2.2 and 3; four empty lines are skipped).",
    reason: SMUGGLING,
    seen: [
      {
        cases: malformed(
          ...["two-spaces-in-request-line", "tab-in-request-line", "space-behind-version"],
          ...["cr-in-value", "bare-lf-lines", "bare-lf-behind-header", "many-empty-lines"],
        ),
        envoy: "200 from alpha, open",
        tulle: "400, closed",
      },
    ],
  },
  {
    id: "folded values",
    envoy: "Joins a field value that is folded over lines.",
    tulle: "Answers 400 (RFC 9112 section 5.2 allows both).",
    reason: SMUGGLING,
    seen: [
      { cases: malformed("folded-value"), envoy: "200 from alpha, open", tulle: "400, closed" },
    ],
  },
  {
    id: "Host",
    envoy: "Joins repeated Host fields, and takes user information and ports that are none.",
    tulle: "Answers 400 (RFC 9112 section 3.2 demands it for repeated and malformed ones).",
    reason: "Routing, policy and app must agree on who is meant (lesson T23).",
    seen: [
      { cases: malformed("two-hosts", "host-with-user"), envoy: "404, open", tulle: "400, closed" },
      {
        cases: malformed("host-with-bad-port", "host-with-large-port"),
        envoy: "200 from alpha, open",
        tulle: "400, closed",
      },
    ],
  },
  {
    id: "chunks",
    envoy: "Takes a space behind a chunk size, and chunk data that is longer than its size.",
    tulle: "Answers 400 (RFC 9112 section 7.1).",
    reason: SMUGGLING,
    seen: [
      {
        cases: malformed("chunk-size-with-space", "chunk-longer-than-told"),
        envoy: "200 from alpha, open",
        tulle: "400, closed",
      },
    ],
  },
  {
    id: "repeated Content-Length",
    envoy: "Refuses a Content-Length that is repeated or a list, even when all are the same.",
    tulle: "Takes those that are all the same, and sends one.",
    reason: "RFC 9110 section 8.6 allows either. What leaves the proxy has one length.",
    seen: [
      {
        cases: malformed("length-list-same", "length-twice-same"),
        envoy: "400, closed",
        tulle: "200 from alpha, open",
      },
      {
        cases: ["http2/broken-body/length-twice-same"],
        envoy: "nothing, refused",
        tulle: "200 from alpha, open",
      },
      {
        cases: ["answer/content-length-list"],
        envoy: "502 from alpha, open",
        tulle: "200 from alpha, open",
      },
    ],
  },
  {
    id: "statuses of refusals",
    envoy:
      "Answers 426 to other versions, 431 to a long target, 501 to `chunked` twice, 400 to HTTP/2 in plain text.",
    tulle:
      "Answers 400 to what is no version, 505 to other versions, 414 to a long target, 400 to `chunked` twice.",
    reason: "RFC 9110 sections 15.5.15 and 15.6.6 and RFC 9112 section 6.3 name these statuses.",
    seen: [
      {
        cases: malformed("no-version", "http-0.9", "chunked-http-1.0"),
        envoy: "426, closed",
        tulle: "400, closed",
      },
      { cases: malformed("http-2.0", "http-1.2"), envoy: "426, closed", tulle: "505, closed" },
      { cases: malformed("http-2-preface"), envoy: "400, closed", tulle: "505, closed" },
      { cases: malformed("target-too-long"), envoy: "431, closed", tulle: "414, closed" },
      {
        cases: malformed("chunked-twice", "chunked-in-two-fields"),
        envoy: "501, closed",
        tulle: "400, closed",
      },
    ],
  },
  {
    id: "malformed answers",
    envoy:
      "Takes bare LF, HTTP/2.0 in a status line and statuses above 599, and passes on a 101 that nobody asked for.",
    tulle: "Answers 502.",
    reason:
      "What an app may send is what RFC 9112 says. A 101 would turn the client's connection into something else.",
    seen: [
      {
        cases: ["fault/bare-lf", "fault/http-2-version"],
        envoy: "200 from alpha, open",
        tulle: "502 from alpha, open",
      },
      {
        cases: ["answer/status-600"],
        envoy: "600 from alpha, open",
        tulle: "502 from alpha, open",
      },
      {
        cases: ["connection/switched-unasked"],
        envoy: "101 from alpha, unknown",
        tulle: "502 from alpha, unknown",
      },
    ],
  },
];
