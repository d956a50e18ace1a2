/** Requests over HTTP/2, frame by frame: what RFC 9113 forbids, and what it allows and proxies like to get wrong. */
import { END_HEADERS, END_STREAM, type Field, FRAME } from "../../support/raw-http2-client.ts";
import { type Act, type OracleCase, STATIC, type Step, type Versions } from "../case.ts";

const CASE: Field = ["x-case", "{case}"];
const METHOD: Field = [":method", "GET"];
const SCHEME: Field = [":scheme", "http"];
const AUTHORITY: Field = [":authority", "shop.example"];
const PATH: Field = [":path", "/exact"];

/** The fields of a well-formed request; pseudo fields among `more` replace the usual ones. */
export function head(...more: readonly Field[]): readonly Field[] {
  const isReplaced = ([name]: Field): boolean => more.some(([other]) => other === name);
  const pseudo = [METHOD, SCHEME, AUTHORITY, PATH].filter((field) => !isReplaced(field));
  const given = more.filter(([name]) => name.startsWith(":"));
  return [...pseudo, ...given, CASE, ...more.filter(([name]) => !name.startsWith(":"))];
}

const POST: Field = [":method", "POST"];
const send = (fields: readonly Field[], ends = true): Step => ({ act: { fields, ends } });
const data = (text: string, ends = true): Step => ({ act: { data: text, ends } });
const raw = (frame: number, more: Omit<Act & { frame: number }, "frame"> = {}): Step => ({
  act: { frame, ...more },
});
const AWAIT: Step = { await: "response" };

type Row = readonly [name: string, steps: readonly Step[], more?: Partial<OracleCase>];

const one = (name: string, ...fields: readonly Field[]): Row => [name, [send(head(...fields))]];

const fieldRows: readonly Row[] = [
  one("upper-case-name", ["X-Upper", "1"]),
  one("connection", ["connection", "close"]),
  one("connection-keep-alive", ["connection", "keep-alive"]),
  one("keep-alive", ["keep-alive", "timeout=5"]),
  one("proxy-connection", ["proxy-connection", "keep-alive"]),
  one("transfer-encoding", ["transfer-encoding", "chunked"]),
  one("upgrade", ["upgrade", "websocket"]),
  one("http2-settings", ["http2-settings", "AAMAAABkAAQ"]),
  one("te-trailers", ["te", "trailers"]),
  one("te-gzip", ["te", "gzip"]),
  one("te-list", ["te", "trailers, gzip"]),
  one("empty-name", ["", "1"]),
  one("name-with-space", ["x a", "1"]),
  one("name-with-colon", ["x:a", "1"]),
  one("name-with-nul", ["x\0a", "1"]),
  one("name-latin-1", ["x-\xe9", "1"]),
  one("underscore", ["x_a", "1"]),
  one("nul-in-value", ["x-a", "a\0b"]),
  one("cr-in-value", ["x-a", "a\rb"]),
  one("lf-in-value", ["x-a", "a\nb"]),
  one("crlf-in-value", ["x-a", "a\r\nx-b: 1"]),
  one("control-in-value", ["x-a", "a\x01b"]),
  one("del-in-value", ["x-a", "a\x7fb"]),
  one("space-before-value", ["x-a", " a"]),
  one("space-behind-value", ["x-a", "a "]),
  one("latin-1-value", ["x-a", "caf\xe9"]),
  one("empty-value", ["x-a", ""]),
  one("cookie-crumbs", ["cookie", "a=1"], ["cookie", "b=2"], ["cookie", "c=3; d=4"]),
  one("host-same", ["host", "shop.example"]),
  one("host-other", ["host", "strict.example"]),
  one("host-twice", ["host", "shop.example"], ["host", "shop.example"]),
  one("expect", ["expect", "100-continue"]),
  one("trailer-announced", ["trailer", "x-sum"]),
  one("many", ...Array.from({ length: 80 }, (_, n): Field => [`x-field-${n}`, `${n}`])),
  one("large-value", ["x-large", "v".repeat(20_000)]),
  one("too-large", ["x-large", "v".repeat(100 * 1024)]),
];

const pseudoRows: readonly Row[] = [
  ["no-method", [send([SCHEME, AUTHORITY, PATH, CASE])]],
  ["no-scheme", [send([METHOD, AUTHORITY, PATH, CASE])]],
  ["no-path", [send([METHOD, SCHEME, AUTHORITY, CASE])]],
  ["no-authority", [send([METHOD, SCHEME, PATH, CASE])]],
  ["host-alone", [send([METHOD, SCHEME, PATH, CASE, ["host", "shop.example"]])]],
  ["two-methods", [send([METHOD, METHOD, SCHEME, AUTHORITY, PATH, CASE])]],
  ["two-schemes", [send([METHOD, SCHEME, SCHEME, AUTHORITY, PATH, CASE])]],
  ["two-paths", [send([METHOD, SCHEME, AUTHORITY, PATH, [":path", "/"], CASE])]],
  ["two-authorities", [send([METHOD, SCHEME, AUTHORITY, AUTHORITY, PATH, CASE])]],
  ["behind-a-field", [send([METHOD, SCHEME, AUTHORITY, CASE, PATH])]],
  ["unknown", [send([METHOD, SCHEME, AUTHORITY, PATH, [":version", "2"], CASE])]],
  ["status", [send([METHOD, SCHEME, AUTHORITY, PATH, [":status", "200"], CASE])]],
  ["no-fields", [send([])]],
  one("empty-method", [":method", ""]),
  one("method-with-space", [":method", "GE T"]),
  one("method-in-lower-case", [":method", "get"]),
  one("unknown-method", [":method", "BREW"]),
  one("empty-scheme", [":scheme", ""]),
  one("scheme-https", [":scheme", "https"]),
  one("scheme-other", [":scheme", "ftp"]),
  one("scheme-malformed", [":scheme", "http\r\nx: 1"]),
  one("empty-authority", [":authority", ""]),
  one("authority-with-user", [":authority", "user@shop.example"]),
  one("authority-with-space", [":authority", "shop example"]),
  one("authority-with-path", [":authority", "shop.example/x"]),
  one("authority-with-port", [":authority", "shop.example:8080"]),
  one("authority-with-bad-port", [":authority", "shop.example:http"]),
  one("authority-in-capitals", [":authority", "SHOP.example"]),
  one("empty-path", [":path", ""]),
  one("relative-path", [":path", "exact"]),
  one("absolute-path", [":path", "http://shop.example/exact"]),
  one("path-with-space", [":path", "/a b"]),
  one("path-with-crlf", [":path", "/a HTTP/1.1\r\nx: 1"]),
  one("path-with-nul", [":path", "/a\0b"]),
  one("path-latin-1", [":path", "/caf\xe9"]),
  one("path-with-fragment", [":path", "/exact#x"]),
  one("path-query-only", [":path", "?x=1"]),
  one("asterisk-get", [":path", "*"]),
  one("asterisk-options", [":path", "*"], [":method", "OPTIONS"]),
  one("protocol-without-connect", [":protocol", "websocket"]),
];

const length = (text: string): Field => ["content-length", text];

const bodyRows: readonly Row[] = [
  ["data", [send(head(POST), false), data("abc")]],
  ["data-with-length", [send(head(POST, length("3")), false), data("abc")]],
  ["data-in-parts", [send(head(POST), false), data("abc", false), data("def", false), data("")]],
  ["none-on-post", [send(head(POST))]],
  ["on-get", [send(head(length("3")), false), data("abc")]],
  ["on-get-without-length", [send(head(), false), data("abc")]],
  ["empty-data", [send(head(POST), false), data("")]],
  ["large", [send(head([":method", "PUT"]), false), data("c".repeat(300_000))]],
  ["trailers", [send(head(POST), false), data("abc", false), send([["x-sum", "3"]])]],
  ["trailers-without-data", [send(head(POST), false), send([["x-sum", "0"]])]],
  ["padded", [send(head(POST), false), raw(FRAME.data, { flags: 0x9, payload: "\x03abc\0\0\0" })]],
];

/** A proxy may have sent the head on before it sees that the body is broken. */
const GIVEN_UP = { isAbandoned: true } as const;

const brokenBodyRows: readonly Row[] = [
  ["length-not-a-number", [send(head(POST, length("three")), false), data("abc")]],
  ["length-negative", [send(head(POST, length("-3")), false), data("abc")]],
  ["length-plus", [send(head(POST, length("+3")), false), data("abc")]],
  ["length-twice-same", [send(head(POST, length("3"), length("3")), false), data("abc")]],
  ["length-twice-different", [send(head(POST, length("3"), length("4")), false), data("abc")]],
  ["length-without-body", [send(head(POST, length("3")))], GIVEN_UP],
  ["shorter-than-told", [send(head(POST, length("5")), false), data("abc")], GIVEN_UP],
  ["longer-than-told", [send(head(POST, length("2")), false), data("abc")], GIVEN_UP],
  [
    "trailers-without-end",
    [send(head(POST), false), data("abc", false), send([["x-sum", "3"]], false)],
    GIVEN_UP,
  ],
  [
    "pseudo-in-trailers",
    [send(head(POST), false), data("abc", false), send([[":path", "/secret"]])],
    GIVEN_UP,
  ],
  [
    "upper-case-trailer",
    [send(head(POST), false), data("abc", false), send([["X-Sum", "3"]])],
    GIVEN_UP,
  ],
  [
    "connection-in-trailers",
    [send(head(POST), false), data("abc", false), send([["connection", "close"]])],
    GIVEN_UP,
  ],
  ["data-behind-the-end", [send(head(POST)), AWAIT, data("abc")]],
];

const frameRows: readonly Row[] = [
  ["unknown-type", [raw(0x42, { payload: "whatever" }), send(head())]],
  ["priority", [raw(FRAME.priority, { payload: "\0\0\0\0\x10" }), send(head())]],
  ["priority-of-itself", [raw(FRAME.priority, { payload: "\0\0\0\x01\x10" }), send(head())]],
  ["priority-too-short", [raw(FRAME.priority, { payload: "\0" }), send(head())]],
  ["ping", [raw(FRAME.ping, { on: 0, payload: "12345678" }), send(head())]],
  ["ping-too-short", [raw(FRAME.ping, { on: 0, payload: "1234" })]],
  ["ping-on-a-stream", [raw(FRAME.ping, { payload: "12345678" })]],
  ["settings-on-a-stream", [raw(FRAME.settings)]],
  ["settings-too-short", [raw(FRAME.settings, { on: 0, payload: "\0\x04\0" })]],
  [
    "settings-unknown",
    [raw(FRAME.settings, { on: 0, payload: "\x42\x42\0\0\0\x01" }), send(head())],
  ],
  [
    "settings-window-too-large",
    [raw(FRAME.settings, { on: 0, payload: "\0\x04\xff\xff\xff\xff" })],
  ],
  ["settings-frame-too-small", [raw(FRAME.settings, { on: 0, payload: "\0\x05\0\0\0\x01" })]],
  ["settings-push-of-2", [raw(FRAME.settings, { on: 0, payload: "\0\x02\0\0\0\x02" })]],
  [
    "settings-ack-with-payload",
    [raw(FRAME.settings, { on: 0, flags: 1, payload: "\0\x04\0\0\0\0" })],
  ],
  ["window-update-of-0", [raw(FRAME.windowUpdate, { on: 0, payload: "\0\0\0\0" })]],
  [
    "window-update-of-0-on-a-stream",
    [send(head(POST), false), raw(FRAME.windowUpdate, { payload: "\0\0\0\0" })],
    GIVEN_UP,
  ],
  ["window-overflow", [raw(FRAME.windowUpdate, { on: 0, payload: "\x7f\xff\xff\xff" })]],
  ["window-update-on-idle-stream", [raw(FRAME.windowUpdate, { on: 9, payload: "\0\0\0\x01" })]],
  ["reset-of-idle-stream", [raw(FRAME.rstStream, { payload: "\0\0\0\x08" })]],
  ["reset-of-stream-0", [raw(FRAME.rstStream, { on: 0, payload: "\0\0\0\x08" })]],
  ["data-on-stream-0", [raw(FRAME.data, { on: 0, payload: "abc" })]],
  ["data-on-idle-stream", [raw(FRAME.data, { payload: "abc" })]],
  ["headers-on-stream-0", [raw(FRAME.headers, { on: 0, flags: END_HEADERS | END_STREAM })]],
  [
    "headers-on-even-stream",
    [
      raw(FRAME.headers, {
        on: 2,
        flags: END_HEADERS | END_STREAM,
        payload: "\x82\x84\x86\x41\x01a",
      }),
    ],
  ],
  ["continuation-alone", [raw(FRAME.continuation, { flags: END_HEADERS, payload: "\x82" })]],
  ["push-promise", [raw(FRAME.pushPromise, { flags: END_HEADERS, payload: "\0\0\0\x02\x82" })]],
  ["bad-index", [raw(FRAME.headers, { flags: END_HEADERS | END_STREAM, payload: "\xff\x80\x01" })]],
  [
    "block-cut-short",
    [raw(FRAME.headers, { flags: END_HEADERS | END_STREAM, payload: "\x82\x84\x86\x41\x10a" })],
  ],
  [
    "bad-huffman",
    [
      raw(FRAME.headers, {
        flags: END_HEADERS | END_STREAM,
        payload: "\x82\x84\x86\x41\x84\xff\xff\xff\xff",
      }),
    ],
  ],
  [
    "other-frame-within-a-block",
    [
      raw(FRAME.headers, { flags: END_STREAM, payload: "\x82" }),
      raw(FRAME.ping, { on: 0, payload: "12345678" }),
    ],
  ],
  [
    "pad-longer-than-frame",
    [send(head(POST), false), raw(FRAME.data, { flags: 0x9, payload: "\x09ab" })],
    GIVEN_UP,
  ],
  [
    "older-stream",
    [
      { act: { fields: head(), ends: true }, stream: 4 },
      AWAIT,
      { act: { fields: head(), ends: true }, stream: 1 },
    ],
  ],
  [
    "goaway-of-client",
    [raw(FRAME.goaway, { on: 0, payload: "\0\0\0\0\0\0\0\0" }), send(head())],
    { probes: false },
  ],
  [
    "not-http-2",
    [{ send: Buffer.from("\0\0\0garbage, and much of it, so that it is a frame", "latin1") }],
  ],
];

const FIRST_AND_SECOND: readonly Step[] = [
  send(head()),
  { act: { fields: head([":path", "/separated"]), ends: true }, stream: 1 },
  AWAIT,
  AWAIT,
];

const streamRows: readonly Row[] = [
  ["two-at-once", FIRST_AND_SECOND],
  [
    "one-behind-the-other",
    [send(head()), AWAIT, { act: { fields: head(), ends: true }, stream: 1 }, AWAIT],
  ],
  ["skipped-numbers", [{ act: { fields: head(), ends: true }, stream: 3 }]],
  [
    "in-continuations",
    [
      raw(FRAME.headers, { flags: END_STREAM, payload: "\x82\x86\x84" }),
      raw(FRAME.continuation, { payload: "\x41\x0cshop" }),
      raw(FRAME.continuation, { flags: END_HEADERS, payload: ".example" }),
    ],
    { isPeaceful: false },
  ],
  ["half-closed", [send(head()), { end: true }, AWAIT], GIVEN_UP],
  ["ended", [send(head(POST), false), { awaitUpstream: 1 }, { end: true }, AWAIT], GIVEN_UP],
];

const tunnelRow = (name: string, fields: readonly Field[], ends = false): Row => [
  name,
  [send(fields, ends)],
  { probes: false },
];
const CONNECT: Field = [":method", "CONNECT"];
const WEBSOCKET: readonly Field[] = [
  CONNECT,
  [":protocol", "websocket"],
  SCHEME,
  AUTHORITY,
  [":path", "/on"],
  CASE,
  ["sec-websocket-version", "13"],
];

const tunnelRows: readonly Row[] = [
  tunnelRow("connect-without-route", [CONNECT, [":authority", "shop.example:443"], CASE]),
  tunnelRow("connect-with-path", [CONNECT, SCHEME, AUTHORITY, PATH, CASE]),
  tunnelRow("connect-without-authority", [CONNECT, CASE]),
  tunnelRow("connect-off", [CONNECT, [":authority", "off.example:443"], CASE]),
  tunnelRow(
    "websocket-off-at-route",
    WEBSOCKET.map(([name, value]) => [name, value === "/on" ? "/off" : value]),
  ),
  tunnelRow(
    "websocket-no-route",
    WEBSOCKET.map(([name, value]) => [name, value === "/on" ? "/none" : value]),
  ),
  tunnelRow(
    "websocket-other-protocol",
    WEBSOCKET.map(([name, value]) => [name, value === "websocket" ? "other" : value]),
  ),
  tunnelRow(
    "websocket-direct",
    WEBSOCKET.map(([name, value]) => [name, value === "/on" ? "/direct" : value]),
  ),
  tunnelRow(
    "websocket-without-path",
    WEBSOCKET.filter(([name]) => name !== ":path"),
  ),
  tunnelRow(
    "websocket-empty-protocol",
    WEBSOCKET.map(([name, value]) => [name, value === "websocket" ? "" : value]),
  ),
];

const H2_H1: Versions = { downstream: 2, upstream: 1 };
const H2_H2: Versions = { downstream: 2, upstream: 2 };

const asked =
  (group: string, versions: Versions, listener = "main") =>
  ([name, steps, more]: Row): OracleCase => ({
    id: `${group}/${name}`,
    config: STATIC,
    listener,
    versions,
    steps: steps.some((step) => "await" in step) ? steps : [...steps, AWAIT],
    isPeaceful: true,
    ...more,
  });

export const http2RequestCases: readonly OracleCase[] = [
  ...fieldRows.map(asked("http2/field", H2_H1)),
  ...fieldRows.map(asked("http2/field-kept", H2_H2)),
  ...pseudoRows.map(asked("http2/pseudo", H2_H1)),
  ...pseudoRows.map(asked("http2/pseudo-kept", H2_H2)),
  ...bodyRows.map(asked("http2/body", H2_H1)),
  ...bodyRows.map(asked("http2/body-kept", H2_H2)),
  ...brokenBodyRows.map(asked("http2/broken-body", H2_H1)),
  ...frameRows.map(asked("http2/frame", H2_H1)),
  ...streamRows.map(asked("http2/stream", H2_H1)),
  ...tunnelRows.map(asked("http2/tunnel", H2_H1, "upgrades")),
];
