/** Messages on the wire: bodies, framing, connections, and upstreams that break the rules. */
import { type OracleCase, request, STATIC, type Step, type UpstreamAnswer } from "../case.ts";

const bytes = (text: string, more: Partial<UpstreamAnswer> = {}): UpstreamAnswer => ({
  write: [text],
  ...more,
});
const END = { ending: "end" } as const;
const KB_64 = 64 * 1024;

type Row = readonly [name: string, steps: readonly Step[] | string, more?: Partial<OracleCase>];

const chunkedPost = (chunks: string, headers: readonly string[] = []): string =>
  request("/", { method: "POST", headers: [...headers, "transfer-encoding: chunked"] }) + chunks;

const answers: readonly (readonly [name: string, answer: UpstreamAnswer, sent?: string])[] = [
  ["204", bytes("HTTP/1.1 204 No Content\r\nx-upstream: {label}\r\n\r\n")],
  ["204-with-length", bytes("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")],
  ["205", bytes("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n")],
  ["304", bytes('HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n')],
  ["304-with-length", bytes("HTTP/1.1 304 Not Modified\r\ncontent-length: 42\r\n\r\n")],
  [
    "head-with-length",
    bytes("HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n"),
    request("/", { method: "HEAD" }),
  ],
  [
    "head-chunked",
    bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    request("/", { method: "HEAD" }),
  ],
  ["head-without-length", bytes("HTTP/1.1 200 OK\r\n\r\n"), request("/", { method: "HEAD" })],
  ["empty-body", bytes("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")],
  ["chunked", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")],
  [
    "chunked-in-pieces",
    {
      write: [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "3\r\nab",
        "c\r\n",
        "2;ext=1\r\nde\r\n0\r\n\r\n",
      ],
    },
  ],
  [
    "chunked-with-trailers",
    bytes(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n",
    ),
  ],
  ["until-close", bytes("HTTP/1.1 200 OK\r\n\r\nuntil the end", END)],
  ["until-close-1.0", bytes("HTTP/1.0 200 OK\r\n\r\nuntil the end", END)],
  ["length-1.0", bytes("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", END)],
  [
    "connection-close",
    bytes("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc", END),
  ],
  [
    "connection-names-a-header",
    bytes("HTTP/1.1 200 OK\r\nconnection: x-hop\r\nx-hop: 1\r\ncontent-length: 0\r\n\r\n"),
  ],
  [
    "keep-alive-header",
    bytes(
      "HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
    ),
  ],
  [
    "large",
    bytes(`HTTP/1.1 200 OK\r\ncontent-length: ${16 * KB_64}\r\n\r\n${"a".repeat(16 * KB_64)}`),
  ],
  [
    "large-chunk",
    bytes(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n40000\r\n${"b".repeat(4 * KB_64)}\r\n0\r\n\r\n`,
    ),
  ],
  ["own-reason", bytes("HTTP/1.1 200 Fine by me\r\ncontent-length: 0\r\n\r\n")],
  ["no-reason", bytes("HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n")],
  ["unknown-status", bytes("HTTP/1.1 299 Odd\r\ncontent-length: 0\r\n\r\n")],
  ["status-600", bytes("HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n")],
  [
    "set-cookies",
    bytes("HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n"),
  ],
  [
    "repeated-header",
    bytes("HTTP/1.1 200 OK\r\nx-a: 1\r\nx-b: 2\r\nX-A: 3\r\ncontent-length: 0\r\n\r\n"),
  ],
  ["latin-1-value", bytes("HTTP/1.1 200 OK\r\nx-name: caf\xe9\r\ncontent-length: 0\r\n\r\n")],
  ["empty-value", bytes("HTTP/1.1 200 OK\r\nx-empty:\r\ncontent-length: 0\r\n\r\n")],
  [
    "envoy-headers",
    bytes("HTTP/1.1 200 OK\r\nx-envoy-upstream-service-time: 9\r\ncontent-length: 0\r\n\r\n"),
  ],
  [
    "own-date",
    bytes("HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n"),
  ],
  [
    "interim-103",
    bytes(
      "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ),
  ],
  [
    "interim-102",
    bytes("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
  ],
  [
    "interim-100-unasked",
    bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
  ],
  ["content-length-list", bytes("HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc")],
];

/** The upstream's 101 may or may not be passed on: either way nothing more comes from Envoy. */
const SWITCHES: UpstreamAnswer = bytes(
  "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
);

const faults: readonly (readonly [name: string, answer: UpstreamAnswer])[] = [
  ["closes-without-answer", { write: [], ending: "end" }],
  ["resets-without-answer", { write: [], ending: "reset" }],
  ["closes-in-head", bytes("HTTP/1.1 200 OK\r\nx-a", END)],
  ["closes-in-body", bytes("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", END)],
  ["closes-in-chunk", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nabc", END)],
  [
    "closes-before-last-chunk",
    bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", END),
  ],
  ["garbage", bytes("\x00\x01garbage\r\n\r\n")],
  ["not-http", bytes("SSH-2.0-OpenSSH_9.9\r\n")],
  ["http-2-version", bytes("HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n")],
  ["bad-chunk-size", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n")],
  ["bad-header-name", bytes("HTTP/1.1 200 OK\r\nx y: 1\r\ncontent-length: 0\r\n\r\n")],
  ["control-in-value", bytes("HTTP/1.1 200 OK\r\nx-a: a\x01b\r\ncontent-length: 0\r\n\r\n")],
  ["bare-lf", bytes("HTTP/1.1 200 OK\ncontent-length: 0\n\n")],
  ["two-lengths", bytes("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd")],
  [
    "length-and-chunked",
    bytes(
      "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
  ],
  ["length-not-a-number", bytes("HTTP/1.1 200 OK\r\ncontent-length: three\r\n\r\nabc")],
  ["unknown-coding", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc", END)],
  [
    "surplus-bytes",
    bytes(
      "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ),
  ],
  ["body-on-204", bytes("HTTP/1.1 204 No Content\r\n\r\nsurprise")],
  ["head-too-large", bytes(`HTTP/1.1 200 OK\r\nx-big: ${"a".repeat(100 * 1024)}\r\n\r\n`)],
  [
    "too-many-headers",
    bytes(`HTTP/1.1 200 OK\r\n${"x-a: 1\r\n".repeat(150)}content-length: 0\r\n\r\n`),
  ],
];

const bodies: readonly Row[] = [
  ["length", request("/", { method: "POST", body: "name=value" })],
  ["length-of-zero", request("/", { method: "POST", body: "" })],
  ["none-on-post", request("/", { method: "POST" })],
  ["on-get", request("/", { body: "unusual" })],
  ["on-delete", request("/", { method: "DELETE", body: "gone" })],
  ["chunked", chunkedPost("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")],
  ["chunked-empty", chunkedPost("0\r\n\r\n")],
  ["chunked-upper-case-size", chunkedPost("A\r\n0123456789\r\n0\r\n\r\n")],
  ["chunked-leading-zeros", chunkedPost("0003\r\nabc\r\n0\r\n\r\n")],
  ["chunked-extension", chunkedPost('3;name="value"\r\nabc\r\n0\r\n\r\n')],
  ["chunked-trailers", chunkedPost("3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n", ["trailer: x-sum"])],
  [
    "chunked-in-capitals",
    `${request("/", { method: "POST", headers: ["Transfer-Encoding: Chunked"] })}0\r\n\r\n`,
  ],
  ["large", request("/", { method: "PUT", body: "c".repeat(8 * KB_64) })],
  ["large-chunks", chunkedPost(`${`10000\r\n${"d".repeat(KB_64)}\r\n`.repeat(8)}0\r\n\r\n`)],
  [
    "in-two-parts",
    [
      { send: request("/", { method: "POST", headers: ["content-length: 6"] }) },
      { awaitUpstream: 1 },
      { send: "abcdef" },
      { await: "response" },
    ],
  ],
  [
    "answered-before-its-end",
    [{ send: `${request("/", { method: "POST", headers: ["content-length: 200000"] })}abc` }],
    {
      answers: [{ onHead: "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n", write: [] }],
      probes: false,
    },
  ],
  [
    "cut-short",
    [
      { send: `${request("/", { method: "POST", headers: ["content-length: 10"] })}abc` },
      { awaitUpstream: 1 },
      { end: true },
      { await: "response" },
    ],
  ],
];

const expectation = request("/", {
  method: "POST",
  headers: ["expect: 100-continue", "content-length: 4"],
});
const CONTINUES: UpstreamAnswer = {
  onHead: "HTTP/1.1 100 Continue\r\n\r\n",
  write: ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
};

const connections: readonly Row[] = [
  ["close-asked", request("/", { headers: ["connection: close"] })],
  ["keep-alive-asked", request("/", { headers: ["connection: keep-alive"] })],
  ["close-in-capitals", request("/", { headers: ["Connection: Close"] })],
  ["close-in-list", request("/", { headers: ["connection: x-hop, close", "x-hop: 1"] })],
  ["names-a-header", request("/", { headers: ["connection: x-hop", "x-hop: 1"] })],
  ["names-host", request("/", { headers: ["connection: host"] })],
  [
    "names-authorization",
    request("/", { headers: ["connection: authorization", "authorization: a"] }),
  ],
  ["keep-alive-header", request("/", { headers: ["keep-alive: timeout=9"] })],
  ["proxy-connection", request("/", { headers: ["proxy-connection: keep-alive"] })],
  ["te-trailers", request("/", { headers: ["te: trailers", "connection: te"] })],
  ["te-gzip", request("/", { headers: ["te: gzip"] })],
  ["upgrade-refused", request("/", { headers: ["connection: upgrade", "upgrade: websocket"] })],
  ["upgrade-without-connection", request("/", { headers: ["upgrade: websocket"] })],
  [
    "h2c-upgrade",
    request("/", {
      headers: [
        "connection: Upgrade, HTTP2-Settings",
        "upgrade: h2c",
        "http2-settings: AAMAAABkAAQ",
      ],
    }),
  ],
  ["http-1.0", request("/", { version: "HTTP/1.0" })],
  [
    "http-1.0-keep-alive",
    request("/", { version: "HTTP/1.0", headers: ["connection: keep-alive"] }),
  ],
  ["http-1.0-without-host", "GET / HTTP/1.0\r\n\r\n"],
  [
    "http-1.0-chunked-answer",
    request("/", { version: "HTTP/1.0" }),
    {
      answers: [
        bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
      ],
    },
  ],
  [
    "pipelined",
    [
      { send: request("/exact") + request("/separated") + request("/direct") },
      ...[1, 2, 3].map((): Step => ({ await: "response" })),
    ],
  ],
  [
    "pipelined-with-bodies",
    [
      {
        send:
          request("/", { method: "POST", body: "one" }) +
          chunkedPost("3\r\ntwo\r\n0\r\n\r\n") +
          request("/", { method: "HEAD" }),
      },
      ...[1, 2, 3].map((): Step => ({ await: "response" })),
    ],
    { methods: ["POST", "POST", "HEAD"] },
  ],
  [
    "pipelined-behind-close",
    [
      { send: request("/exact", { headers: ["connection: close"] }) + request("/separated") },
      { await: "response" },
    ],
  ],
  [
    "one-after-the-other",
    [
      { send: request("/exact") },
      { await: "response" },
      { send: request("/separated") },
      { await: "response" },
    ],
  ],
  ["byte-by-byte-head", [...request("/exact")].map((send): Step => ({ send }))],
  ["empty-lines-before", `\r\n\r\n${request("/exact")}`],
  [
    "empty-line-between",
    [
      { send: `${request("/exact")}\r\n${request("/exact")}` },
      ...[1, 2].map((): Step => ({ await: "response" })),
    ],
  ],
  [
    "expect-continue",
    [{ send: expectation }, { await: "interim" }, { send: "data" }, { await: "response" }],
    { answers: [CONTINUES] },
  ],
  [
    "expect-continue-refused",
    [{ send: expectation }, { await: "response" }],
    {
      answers: [
        { onHead: "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n", write: [] },
      ],
      probes: false,
    },
  ],
  ["expect-unknown", request("/", { headers: ["expect: something"] })],
  ["absolute-form", request("http://shop.example/exact?x=1")],
  ["absolute-form-other-host", request("http://strict.example/only", { host: "shop.example" })],
  ["absolute-form-with-port", request("http://shop.example:8080/exact")],
  ["absolute-form-https", request("https://shop.example/exact")],
  ["absolute-form-without-path", request("http://shop.example")],
  ["absolute-form-query-only", request("http://shop.example?x=1")],
  ["asterisk-form", request("*", { method: "OPTIONS" })],
  ["options", request("/exact", { method: "OPTIONS" })],
  ["trace", request("/exact", { method: "TRACE" })],
  ["connect", "CONNECT shop.example:443 HTTP/1.1\r\nhost: shop.example:443\r\n\r\n"],
  ["unknown-method", request("/exact", { method: "BREW" })],
  ["patch", request("/exact", { method: "PATCH", body: "p" })],
  [
    "half-closed-client",
    [{ send: request("/exact") }, { end: true }, { await: "response" }],
    { isAbandoned: true },
  ],
  [
    "switched-unasked",
    [{ send: request("/") }, { await: "interim" }],
    { answers: [SWITCHES], probes: false },
  ],
  ["silent-client", [{ end: true }, { await: "response" }]],
];

const fields: readonly Row[] = [
  ["many", request("/", { headers: Array.from({ length: 80 }, (_, n) => `x-field-${n}: ${n}`) })],
  [
    "too-many",
    request("/", { headers: Array.from({ length: 150 }, (_, n) => `x-field-${n}: ${n}`) }),
  ],
  ["large-value", request("/", { headers: [`x-large: ${"v".repeat(20_000)}`] })],
  ["repeated", request("/", { headers: ["x-a: 1", "x-b: 2", "x-a: 3"] })],
  ["repeated-cookie", request("/", { headers: ["cookie: a=1", "cookie: b=2"] })],
  ["empty-value", request("/", { headers: ["x-empty:", "x-spaces:   "] })],
  ["inner-spaces", request("/", { headers: ["x-inner: a  b\tc"] })],
  ["latin-1-value", request("/", { headers: ["x-name: caf\xe9"] })],
  ["utf-8-value", request("/", { headers: ["x-name: caf\xc3\xa9"] })],
  ["punctuation-in-name", request("/", { headers: ["x.!#$%&'*+^`|~_y: 1"] })],
  ["underscore-in-name", request("/", { headers: ["x_name: 1"] })],
  ["own-request-id", request("/", { headers: ["x-request-id: mine"] })],
  ["own-forwarded-for", request("/", { headers: ["x-forwarded-for: 203.0.113.7"] })],
  ["own-forwarded-proto", request("/", { headers: ["x-forwarded-proto: https"] })],
  ["own-forwarded-host", request("/", { headers: ["x-forwarded-host: other.example"] })],
  [
    "own-traceparent",
    request("/", { headers: [`traceparent: 00-${"a".repeat(32)}-${"b".repeat(16)}-01`] }),
  ],
  ["own-timeout", request("/", { headers: ["x-envoy-expected-rq-timeout-ms: 5"] })],
  ["envoy-timeout-override", request("/", { headers: ["x-envoy-upstream-rq-timeout-ms: 5000"] })],
  [
    "envoy-retry-override",
    request("/", { headers: ["x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3"] }),
  ],
  ["envoy-attempt-count", request("/", { headers: ["x-envoy-attempt-count: 7"] })],
  ["envoy-original-path", request("/", { headers: ["x-envoy-original-path: /secret"] })],
  ["envoy-internal", request("/", { headers: ["x-envoy-internal: true"] })],
  ["client-certificate", request("/", { headers: ["x-forwarded-client-cert: By=spiffe://a/b"] })],
  ["user-agent", request("/", { headers: ["user-agent: oracle/1.0"] })],
  ["date", request("/", { headers: ["date: Thu, 01 Jan 1970 00:00:00 GMT"] })],
  ["via", request("/", { headers: ["via: 1.1 other"] })],
  ["max-forwards", request("/", { method: "OPTIONS", headers: ["max-forwards: 0"] })],
];

const onMain =
  (group: string) =>
  ([name, steps, more]: Row): OracleCase => ({
    id: `${group}/${name}`,
    config: STATIC,
    listener: "main",
    steps: typeof steps === "string" ? [{ send: steps }] : steps,
    ...more,
  });

export const messageCases: readonly OracleCase[] = [
  ...answers.map(
    ([name, answer, sent = request("/")]): OracleCase =>
      onMain("answer")([name, sent, { answers: [answer] }]),
  ),
  ...faults.map(
    ([name, answer]): OracleCase => onMain("fault")([name, request("/"), { answers: [answer] }]),
  ),
  ...bodies.map(onMain("body")),
  ...connections.map(onMain("connection")),
  ...fields.map(onMain("field")),
];
