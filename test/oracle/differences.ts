/**
 * Where Tulle and Envoy differ on purpose, and why. The test holds every case of the corpus against this list: a
 * difference that is not here fails, and so does one that is here and does not occur any more. The reference page
 * is written from it.
 */
import type { Difference } from "./difference.ts";
import { FILTERS } from "./differences-filters.ts";
import { HTTP2 } from "./differences-http2.ts";
import { JWT } from "./differences-jwt.ts";
import { NAMES } from "./differences-names.ts";
import { ACCESS_LOGS, POLICY, UPGRADES } from "./differences-policy.ts";
import { RBAC } from "./differences-rbac.ts";
import { RESILIENCE } from "./differences-resilience.ts";
import { STRICTNESS } from "./differences-strictness.ts";

const under = (group: string, ...names: readonly string[]): readonly string[] =>
  names.map((name) => `${group}/${name}`);

const FORWARDING: readonly Difference[] = [
  {
    id: "reason phrases",
    envoy: "Writes its own phrase for a status.",
    tulle: "Passes on the upstream's phrase.",
    reason:
      "A proxy that changes nothing it need not change is easier to debug; the phrase means nothing to clients (RFC 9112 section 4).",
    seen: [{ cases: "any", field: /^responses\.\d\.reason$/, envoy: /./, tulle: /^/ }],
  },
  {
    id: "trailers",
    envoy: "Drops trailers in both directions, unless `enable_trailers` is set.",
    tulle: "Passes trailers on, but for those that would change framing.",
    reason:
      "gRPC-Web and checksums need them; RFC 9110 section 6.5 lets an intermediary keep them.",
    seen: [
      {
        cases: under("answer", "chunked-with-trailers"),
        field: /^responses\.0\.trailers\.x-sum$/,
        envoy: undefined,
        tulle: /^3$/,
      },
      {
        cases: [
          ...under("body", "chunked-trailers"),
          ...under("http2/body", "trailers", "trailers-without-data"),
        ],
        field: /^upstream\.0\.trailers\.x-sum$/,
        envoy: undefined,
        tulle: /^[03]$/,
      },
      {
        cases: [
          ...under("http2-answer", "trailers", "trailers-without-data"),
          ...under("grpc-call", "unary", "unary-failed", "no-message", "streaming"),
          ...under("grpc-call", "status-details", "status-not-a-number"),
        ],
        field:
          /^responses\.0\.trailers\.(?:x-sum|grpc-status|grpc-message|grpc-status-details-bin)$/,
        envoy: undefined,
        tulle: /./,
      },
    ],
  },
  {
    id: "interim answers",
    envoy: "Drops 1xx answers that it did not ask for itself.",
    tulle: "Passes them on.",
    reason:
      "RFC 9110 section 15.2: a proxy must forward 1xx answers. Early hints (103) are lost otherwise.",
    seen: [
      {
        cases: ["answer/interim-103", "http2-answer/interim-103"],
        envoy: "200 from alpha, open",
        tulle: "103+200 from alpha, open",
      },
      {
        cases: under("answer", "interim-102"),
        envoy: "200 from alpha, open",
        tulle: "102+200 from alpha, open",
      },
      {
        cases: ["answer/interim-100-unasked", "http2-answer/interim-100"],
        envoy: "200 from alpha, open",
        tulle: "100+200 from alpha, open",
      },
      {
        cases: ["http2-end/closes-behind-interim"],
        envoy: "503 from alpha, open",
        tulle: "103+503 from alpha, open",
      },
    ],
  },
  {
    id: "Expect: 100-continue",
    envoy:
      "Answers 100 itself and hides the expectation from the upstream, unless `proxy_100_continue` is set.",
    tulle: "Passes the expectation on; the upstream decides whether the client sends its body.",
    reason:
      "RFC 9110 section 10.1.1: a proxy forwards the expectation. Otherwise a client sends a body that the upstream refuses by its head.",
    seen: [
      {
        cases: ["connection/expect-continue", "http2-expect/continue"],
        field: /^upstream\.0\.headers\.expect$/,
        envoy: undefined,
        tulle: /^100-continue$/,
      },
      {
        cases: ["connection/expect-continue-refused", "h1-h2/http2-expect/refused"],
        envoy: "100+417 from alpha, closed",
        tulle: "417 from alpha, closed",
      },
      {
        cases: ["h2-h2/http2-expect/refused"],
        envoy: "100+417 from alpha, unknown",
        tulle: "417 from alpha, unknown",
      },
      {
        cases: ["http2/field/expect", "http2/field-kept/expect"],
        envoy: "100+200 from alpha, open",
        tulle: "200 from alpha, open",
      },
    ],
  },
  {
    id: "fields that Connection names",
    envoy:
      "Removes those of a request whatever they are, and answers 400 when Host is named; keeps those of a response. Drops `TE: trailers` where Connection names it.",
    tulle:
      "Removes them in both directions, but for those that route or authenticate a request. Passes `TE: trailers` on, with the `Connection: TE` that belongs to it.",
    reason:
      "RFC 9110 section 7.6.1 asks to remove them in both directions. That a client can strip its own Authorization or X-Forwarded-For on the way is how CVE-2024-45410 worked. gRPC needs TE.",
    seen: [
      {
        cases: under("answer", "connection-names-a-header"),
        field: /^responses\.0\.headers\.x-hop$/,
        envoy: /^1$/,
        tulle: undefined,
      },
      {
        cases: under("connection", "names-host"),
        envoy: "400, closed",
        tulle: "200 from alpha, open",
      },
      {
        cases: under("connection", "names-authorization"),
        field: /^upstream\.0\.headers\.authorization$/,
        envoy: undefined,
        tulle: /^a$/,
      },
      {
        cases: ["connection/te-trailers", "http2/field/te-trailers"],
        field: /^upstream\.0\.headers\.connection$/,
        envoy: undefined,
        tulle: /^TE$/,
      },
    ],
  },
  {
    id: "empty request bodies",
    envoy: "Adds `Content-Length: 0` to requests other than GET and HEAD that have no body.",
    tulle: "Passes on what the client said about length: nothing.",
    reason:
      "Both mean the same: RFC 9112 section 6.3 takes a request without length for one without body.",
    seen: [
      {
        cases: "any",
        field: /^upstream\.\d\.headers\.content-length$/,
        envoy: /^0$/,
        tulle: undefined,
      },
    ],
  },
  {
    id: "framing of answers to HEAD",
    envoy: "Says `Transfer-Encoding: chunked` where the length is not known.",
    tulle: "Says nothing about length then; its own redirects say `Content-Length: 0`.",
    reason: "There is no body. RFC 9110 section 9.3.2 lets fields be left out that depend on one.",
    seen: [
      {
        cases: [
          ...under("answer", "head-chunked", "head-without-length"),
          ...["plain", "with-empty-data", "with-data"].map((name) => `h1-h2/http2-head/${name}`),
          "redirect/head",
        ],
        field: /^responses\.0\.headers\.transfer-encoding$/,
        envoy: /^chunked$/,
        tulle: undefined,
      },
      {
        cases: ["redirect/head"],
        field: /^responses\.0\.headers\.content-length$/,
        envoy: undefined,
        tulle: /^0$/,
      },
    ],
  },
  {
    id: "answers before the end of a request",
    envoy: "Says nothing about the upstream's time.",
    tulle: "Says `x-envoy-upstream-service-time` as for every answer.",
    reason: "The time until the answer is known all the same.",
    seen: [
      {
        cases: [
          ...under("body", "answered-before-its-end"),
          ...under("http2-early", "answer", "answer-and-reset", "answer-and-cancel"),
          ...under("http2-early", "body-and-reset"),
        ],
        field: /^responses\.0\.headers\.x-envoy-upstream-service-time$/,
        envoy: undefined,
        tulle: /^\(ms\)$/,
      },
    ],
  },
];

const CONNECTIONS: readonly Difference[] = [
  {
    id: "connections behind an answer of the proxy's own",
    envoy:
      "Closes the connection where it answers before it has read the body of the request, or refuses a path.",
    tulle:
      "Reads up to 64 KiB of body and drops it, and keeps the connection where it knows where the next request begins.",
    reason: "A redirect or a 503 costs the client no new connection and TLS handshake.",
    seen: [
      ...[
        { field: /^connection$/, envoy: /^closed$/, tulle: /^open$/ },
        { field: /^responses\.0\.headers\.connection$/, envoy: /^close$/, tulle: undefined },
      ].map((sighting) => ({
        cases: [
          ...[
            "redirect/post",
            "direct/post",
            "failure/no-endpoints-post",
            "example/redirects/port",
            "gateway/post-redirected",
          ],
          ...under(
            "slashes-rejected",
            ...["encoded-slash", "encoded-slash-in-capitals", "encoded-slash-and-dots"],
            ...[
              "encoded-slash-first",
              "encoded-backslash",
              "encoded-backslash-and-dots",
              "encoded-nul",
            ],
          ),
          ...["paths-normalised", "paths-merged", "slashes-unescaped", "slashes-redirected"].map(
            (listener) => `${listener}/encoded-nul`,
          ),
        ],
        ...sighting,
      })),
      {
        cases: under("malformed", "smuggled-behind-length"),
        envoy: "200, closed",
        tulle: "200+400, closed",
      },
    ],
  },
  {
    id: "HTTP/1.0",
    envoy: "Answers 426, unless `accept_http_10` is set.",
    tulle: "Answers HTTP/1.0 clients, with and without keep-alive.",
    reason:
      "Health checkers and old tools speak it (`ab`, some load balancers); RFC 9110 section 2.5 asks for it.",
    seen: [
      ...under("connection", "http-1.0", "http-1.0-chunked-answer").map((id) => ({
        cases: [id],
        envoy: "426, closed",
        tulle: "200 from alpha, closed",
      })),
      {
        cases: under("connection", "http-1.0-keep-alive"),
        envoy: "426, closed",
        tulle: "200 from alpha, open",
      },
      {
        cases: under("connection", "http-1.0-without-host"),
        envoy: "426, closed",
        tulle: "404, closed",
      },
    ],
  },
  {
    id: "half-closed clients",
    envoy: "Takes the end of a client's side for the end of the connection and drops the request.",
    tulle: "Answers a request that came whole, then closes.",
    reason: "`printf … | nc` works. RFC 9112 section 9.6 has servers half-close, too.",
    seen: [
      {
        cases: ["connection/half-closed-client", "http2/stream/half-closed"],
        envoy: "nothing, refused",
        tulle: "200, closed",
      },
    ],
  },
];

export const DIFFERENCES: readonly Difference[] = [
  ...FORWARDING,
  ...CONNECTIONS,
  ...STRICTNESS,
  ...POLICY,
  ...FILTERS,
  ...JWT,
  ...RBAC,
  ...UPGRADES,
  ...HTTP2,
  ...ACCESS_LOGS,
  ...RESILIENCE,
  ...NAMES,
];
