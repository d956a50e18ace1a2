/** Requests that break HTTP/1.1, each in one way, and paths that are spelled to be misread. */
import { type OracleCase, request, STATIC } from "../case.ts";

/** With the name of the case: what is given up may arrive late. */
const HOST = "x-case: {case}\r\nhost: shop.example\r\n";

const requests: readonly (readonly [name: string, text: string])[] = [
  ["no-host", "GET / HTTP/1.1\r\n\r\n"],
  ["two-hosts", `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ["empty-host", "GET / HTTP/1.1\r\nhost:\r\n\r\n"],
  ["host-with-space", "GET / HTTP/1.1\r\nhost: shop example\r\n\r\n"],
  ["host-with-user", "GET / HTTP/1.1\r\nhost: user@shop.example\r\n\r\n"],
  ["host-with-path", "GET / HTTP/1.1\r\nhost: shop.example/x\r\n\r\n"],
  ["host-with-bad-port", "GET / HTTP/1.1\r\nhost: shop.example:http\r\n\r\n"],
  ["host-with-large-port", "GET / HTTP/1.1\r\nhost: shop.example:99999\r\n\r\n"],
  ["host-list", "GET / HTTP/1.1\r\nhost: shop.example, other.example\r\n\r\n"],
  ["no-version", `GET /\r\n${HOST}\r\n`],
  ["http-0.9", "GET /\r\n\r\n"],
  ["http-2.0", `GET / HTTP/2.0\r\n${HOST}\r\n`],
  ["http-1.2", `GET / HTTP/1.2\r\n${HOST}\r\n`],
  ["version-in-lower-case", `GET / http/1.1\r\n${HOST}\r\n`],
  ["two-spaces-in-request-line", `GET  / HTTP/1.1\r\n${HOST}\r\n`],
  ["tab-in-request-line", `GET\t/ HTTP/1.1\r\n${HOST}\r\n`],
  ["space-behind-version", `GET / HTTP/1.1 \r\n${HOST}\r\n`],
  ["space-in-target", `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  ["control-in-target", `GET /a\x01b HTTP/1.1\r\n${HOST}\r\n`],
  ["latin-1-in-target", `GET /caf\xe9 HTTP/1.1\r\n${HOST}\r\n`],
  ["fragment-in-target", `GET /a#b HTTP/1.1\r\n${HOST}\r\n`],
  ["relative-target", `GET exact HTTP/1.1\r\n${HOST}\r\n`],
  ["asterisk-with-get", `GET * HTTP/1.1\r\n${HOST}\r\n`],
  ["other-scheme", `GET ftp://shop.example/ HTTP/1.1\r\n${HOST}\r\n`],
  ["method-with-slash", `GE/T / HTTP/1.1\r\n${HOST}\r\n`],
  ["empty-method", ` / HTTP/1.1\r\n${HOST}\r\n`],
  ["space-before-colon", `GET / HTTP/1.1\r\n${HOST}x-a : 1\r\n\r\n`],
  ["space-before-name", `GET / HTTP/1.1\r\n${HOST} x-a: 1\r\n\r\n`],
  ["folded-value", `GET / HTTP/1.1\r\n${HOST}x-a: 1\r\n  2\r\n\r\n`],
  ["no-colon", `GET / HTTP/1.1\r\n${HOST}x-a\r\n\r\n`],
  ["empty-name", `GET / HTTP/1.1\r\n${HOST}: 1\r\n\r\n`],
  ["name-with-bracket", `GET / HTTP/1.1\r\n${HOST}x(a): 1\r\n\r\n`],
  ["name-latin-1", `GET / HTTP/1.1\r\n${HOST}x-\xe9: 1\r\n\r\n`],
  ["nul-in-value", `GET / HTTP/1.1\r\n${HOST}x-a: a\x00b\r\n\r\n`],
  ["control-in-value", `GET / HTTP/1.1\r\n${HOST}x-a: a\x07b\r\n\r\n`],
  ["del-in-value", `GET / HTTP/1.1\r\n${HOST}x-a: a\x7fb\r\n\r\n`],
  ["cr-in-value", `GET / HTTP/1.1\r\n${HOST}x-a: a\rb\r\n\r\n`],
  ["bare-lf-lines", `GET / HTTP/1.1\nhost: shop.example\n\n`],
  ["bare-lf-behind-header", `GET / HTTP/1.1\r\n${HOST}x-a: 1\nx-b: 2\r\n\r\n`],
  ["bare-cr-behind-request-line", `GET / HTTP/1.1\r${HOST}\r\n`],
  ["length-negative", `POST / HTTP/1.1\r\n${HOST}content-length: -1\r\n\r\n`],
  ["length-plus", `POST / HTTP/1.1\r\n${HOST}content-length: +3\r\n\r\nabc`],
  ["length-hexadecimal", `POST / HTTP/1.1\r\n${HOST}content-length: 0x3\r\n\r\nabc`],
  ["length-empty", `POST / HTTP/1.1\r\n${HOST}content-length:\r\n\r\n`],
  ["length-with-space", `POST / HTTP/1.1\r\n${HOST}content-length: 1 2\r\n\r\nabc`],
  ["length-overflow", `POST / HTTP/1.1\r\n${HOST}content-length: 99999999999999999999\r\n\r\n`],
  ["length-list-same", `POST / HTTP/1.1\r\n${HOST}content-length: 3, 3\r\n\r\nabc`],
  [
    "length-twice-same",
    `POST / HTTP/1.1\r\n${HOST}content-length: 3\r\ncontent-length: 3\r\n\r\nabc`,
  ],
  [
    "length-twice-different",
    `POST / HTTP/1.1\r\n${HOST}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`,
  ],
  [
    "length-and-chunked",
    `POST / HTTP/1.1\r\n${HOST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ["coding-unknown", `POST / HTTP/1.1\r\n${HOST}transfer-encoding: gzip\r\n\r\n`],
  ["coding-list", `POST / HTTP/1.1\r\n${HOST}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ["coding-identity", `POST / HTTP/1.1\r\n${HOST}transfer-encoding: identity\r\n\r\n`],
  [
    "chunked-twice",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    "chunked-in-two-fields",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ["chunked-misspelled", `POST / HTTP/1.1\r\n${HOST}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`],
  [
    "chunked-with-vertical-tab",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  ],
  ["chunked-http-1.0", `POST / HTTP/1.0\r\n${HOST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["chunk-size-missing", `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n\r\nabc\r\n`],
  [
    "chunk-size-not-hexadecimal",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\nxyz\r\n`,
  ],
  [
    "chunk-size-with-0x",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`,
  ],
  [
    "chunk-size-negative",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n`,
  ],
  [
    "chunk-size-overflow",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n`,
  ],
  [
    "chunk-size-with-space",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n`,
  ],
  [
    "chunk-line-bare-lf",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n`,
  ],
  [
    "chunk-longer-than-told",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n`,
  ],
  [
    "chunk-extension-bare-lf",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n`,
  ],
  [
    "trailer-malformed",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n0\r\nx y: 1\r\n\r\n`,
  ],
  [
    "trailer-frames",
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 5\r\n\r\n`,
  ],
  ["head-too-large", `GET / HTTP/1.1\r\n${HOST}x-big: ${"a".repeat(100 * 1024)}\r\n\r\n`],
  ["target-too-long", `GET /${"a".repeat(100 * 1024)} HTTP/1.1\r\n${HOST}\r\n`],
  ["many-empty-lines", `${"\r\n".repeat(20)}GET / HTTP/1.1\r\n${HOST}\r\n`],
  ["tls-hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["http-2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["garbage", "\x00\xff\xfe\x80 garbage \r\n\r\n"],
  ["second-request-malformed", `GET /direct HTTP/1.1\r\n${HOST}\r\nBAD\x00 / HTTP/1.1\r\n\r\n`],
  [
    "smuggled-behind-length",
    `POST /direct HTTP/1.1\r\n${HOST}content-length: 3\r\n\r\nabcGET /exact HTTP/1.1\r\nhost: evil\x00\r\n\r\n`,
  ],
];

const TWO_ANSWERS = ["second-request-malformed", "smuggled-behind-length"];

/** A proxy may have sent the head on before it sees that the body is broken. */
const BROKEN_BODIES = [
  ...[
    "chunk-size-missing",
    "chunk-size-not-hexadecimal",
    "chunk-size-with-0x",
    "chunk-size-negative",
  ],
  ...["chunk-size-overflow", "chunk-line-bare-lf", "chunk-extension-bare-lf", "trailer-malformed"],
];

const spellings: readonly (readonly [name: string, target: string])[] = [
  ["plain", "/secret/x"],
  ["dot-segment", "/public/./x"],
  ["dot-dot", "/public/../secret"],
  ["dot-dot-at-end", "/public/x/.."],
  ["dot-dot-above-root", "/../secret"],
  ["dot-dot-only", "/.."],
  ["encoded-dots", "/public/%2e%2e/secret"],
  ["encoded-dots-in-capitals", "/public/%2E%2E/secret"],
  ["half-encoded-dots", "/public/.%2e/secret"],
  ["double-encoded-dots", "/public/%252e%252e/secret"],
  ["three-dots", "/public/.../x"],
  ["double-slash", "//secret"],
  ["inner-double-slash", "/public//x"],
  ["triple-slash", "/public///x"],
  ["double-slash-and-dots", "/public//../secret"],
  ["final-double-slash", "/public//"],
  ["encoded-slash", "/public%2fx"],
  ["encoded-slash-in-capitals", "/public%2Fx"],
  ["encoded-slash-and-dots", "/public%2f..%2fsecret"],
  ["encoded-slash-first", "/%2fsecret"],
  ["double-encoded-slash", "/public%252fx"],
  ["backslash", "/public\\x"],
  ["backslash-and-dots", "/public\\..\\secret"],
  ["encoded-backslash", "/public%5cx"],
  ["encoded-backslash-and-dots", "/public%5c..%5csecret"],
  ["encoded-letter", "/%73ecret"],
  ["encoded-tilde", "/public/%7Eme"],
  ["encoded-space", "/public/a%20b"],
  ["encoded-reserved", "/public/%3Fx%23y"],
  ["encoded-nul", "/public/%00x"],
  ["bad-encoding", "/public/%zz"],
  ["cut-encoding", "/public/%2"],
  ["semicolon", "/public;v=1/../secret"],
  ["dots-in-query", "/public?x=/../secret"],
  ["slashes-in-query", "/public?x=//a%2fb"],
  ["dots-and-query", "/public/../secret?x=1"],
  ["case", "/SECRET"],
];

const PATH_LISTENERS = [
  "paths-as-sent",
  "paths-normalised",
  "paths-merged",
  "slashes-rejected",
  "slashes-unescaped",
  "slashes-redirected",
] as const;

export const malformedCases: readonly OracleCase[] = [
  ...requests.map(
    ([name, send]): OracleCase => ({
      id: `malformed/${name}`,
      config: STATIC,
      listener: "main",
      steps: TWO_ANSWERS.includes(name)
        ? [{ send }, { await: "response" }, { await: "response" }]
        : [{ send }],
      isAbandoned: BROKEN_BODIES.includes(name),
    }),
  ),
  ...PATH_LISTENERS.flatMap((listener) =>
    spellings.map(
      ([name, target]): OracleCase => ({
        id: `${listener}/${name}`,
        config: STATIC,
        listener,
        steps: [{ send: request(target) }],
      }),
    ),
  ),
];
