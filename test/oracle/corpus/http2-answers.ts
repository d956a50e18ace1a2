/** Upstreams that speak HTTP/2, frame by frame: answers, early ends, resets, and what is no answer at all. */
import { END_HEADERS, END_STREAM, type Field, FRAME } from "../../support/raw-http2-client.ts";
import {
  type Act,
  type OracleCase,
  request,
  STATIC,
  type Step,
  type UpstreamAnswer,
  type Versions,
} from "../case.ts";
import { prefixOf } from "./versions.ts";

const fields = (...list: readonly Field[]): Act => ({ fields: list });
const head = (status: string, ...more: readonly Field[]): Act =>
  fields([":status", status], ...more);
const ended = (act: Act): Act => ({ ...act, ends: true }) as Act;
const data = (text: string, ends = true): Act => ({ data: text, ends });
const OK = head("200");
const END: Act = { ending: "end" };
const RESET: Act = { ending: "reset" };

type Row = readonly [name: string, acts: readonly Act[], more?: Partial<OracleCase>];

/** The error codes that a server may well give. */
const CODES: readonly (readonly [name: string, code: number])[] = [
  ["no-error", 0],
  ["protocol-error", 1],
  ["internal-error", 2],
  ["refused-stream", 7],
  ["cancel", 8],
  ["enhance-your-calm", 11],
  ["http-1.1-required", 13],
  ["unknown-code", 99],
];

const wholeRows: readonly Row[] = [
  ["data", [OK, data("abc")]],
  ["data-with-length", [head("200", ["content-length", "3"]), data("abc")]],
  ["data-in-parts", [OK, data("abc", false), data("def", false), data("")]],
  ["empty", [ended(OK)]],
  ["trailers", [OK, data("abc", false), ended(fields(["x-sum", "3"]))]],
  ["trailers-without-data", [OK, ended(fields(["x-sum", "0"]))]],
  ["204", [ended(head("204"))]],
  ["205", [ended(head("205"))]],
  ["304", [ended(head("304", ["etag", '"a"']))]],
  ["304-with-length", [ended(head("304", ["content-length", "42"]))]],
  ["404", [head("404"), data("none")]],
  ["status-299", [ended(head("299"))]],
  ["interim-103", [head("103", ["link", "</a.css>"]), OK, data("abc")]],
  ["interim-100", [head("100"), OK, data("abc")]],
  ["set-cookies", [ended(head("200", ["set-cookie", "a=1"], ["set-cookie", "b=2"]))]],
  ["repeated", [ended(head("200", ["x-a", "1"], ["x-b", "2"], ["x-a", "3"]))]],
  ["latin-1-value", [ended(head("200", ["x-a", "caf\xe9"]))]],
  [
    "server-and-date",
    [ended(head("200", ["server", "app"], ["date", "Thu, 01 Jan 1970 00:00:00 GMT"]))],
  ],
  ["large", [OK, data("a".repeat(1_000_000))]],
  [
    "unknown-frames",
    [{ frame: 0x42, payload: "x" }, OK, { frame: 0x42, payload: "x" }, data("abc")],
  ],
  ["padded", [OK, { frame: FRAME.data, flags: 0x9, payload: "\x02abc\0\0" }]],
  ["reset-behind-the-end", [OK, data("abc"), { reset: 0 }]],
  ["goaway-then-answer", [{ goaway: 0 }, OK, data("abc")]],
  ["answer-then-close", [OK, data("abc"), END]],
];

const brokenRows: readonly Row[] = [
  ["no-status", [ended(fields(["x-a", "1"]))]],
  ["empty-status", [ended(head(""))]],
  ["status-not-a-number", [ended(head("abc"))]],
  ["status-of-two-digits", [ended(head("99"))]],
  ["status-600", [ended(head("600"))]],
  ["status-1000", [ended(head("1000"))]],
  ["two-statuses", [ended(head("200", [":status", "200"]))]],
  ["status-behind-a-field", [ended(fields(["x-a", "1"], [":status", "200"]))]],
  ["request-pseudo", [ended(head("200", [":path", "/"]))]],
  ["upper-case-name", [ended(head("200", ["X-A", "1"]))]],
  ["name-with-space", [ended(head("200", ["x a", "1"]))]],
  ["connection", [ended(head("200", ["connection", "close"]))]],
  ["transfer-encoding", [head("200", ["transfer-encoding", "chunked"]), data("abc")]],
  ["keep-alive", [ended(head("200", ["keep-alive", "timeout=5"]))]],
  ["upgrade", [ended(head("200", ["upgrade", "x"]))]],
  ["nul-in-value", [ended(head("200", ["x-a", "a\0b"]))]],
  ["crlf-in-value", [ended(head("200", ["x-a", "a\r\nx-b: 1"]))]],
  ["interim-with-end", [ended(head("103"))]],
  ["status-101", [head("101"), OK, data("abc")]],
  ["length-not-a-number", [head("200", ["content-length", "three"]), data("abc")]],
  ["two-lengths", [head("200", ["content-length", "3"], ["content-length", "4"]), data("abcd")]],
  ["length-without-data", [ended(head("200", ["content-length", "3"]))]],
  ["shorter-than-told", [head("200", ["content-length", "5"]), data("abc")]],
  ["longer-than-told", [head("200", ["content-length", "2"]), data("abc")]],
  ["data-on-204", [head("204"), data("abc")]],
  ["data-before-head", [data("abc", false)]],
  ["end-before-head", [data("")]],
  ["trailers-without-end", [OK, data("abc", false), fields(["x-sum", "3"])]],
  ["pseudo-in-trailers", [OK, data("abc", false), ended(fields([":status", "200"]))]],
  ["upper-case-trailer", [OK, data("abc", false), ended(fields(["X-Sum", "3"]))]],
  ["second-head", [OK, data("abc", false), head("200"), data("def")]],
  ["too-large", [ended(head("200", ["x-large", "v".repeat(100 * 1024)]))]],
  [
    "too-many",
    [ended(head("200", ...Array.from({ length: 150 }, (_, n): Field => [`x-${n}`, "1"])))],
  ],
  [
    "bad-index",
    [{ frame: FRAME.headers, flags: END_HEADERS | END_STREAM, payload: "\xff\x80\x01" }],
  ],
  ["push-promise", [{ frame: FRAME.pushPromise, flags: END_HEADERS, payload: "\0\0\0\x02\x82" }]],
  ["data-on-stream-0", [{ frame: FRAME.data, on: 0, payload: "abc" }]],
  ["settings-too-short", [{ frame: FRAME.settings, on: 0, payload: "\0" }]],
  ["window-overflow", [{ frame: FRAME.windowUpdate, on: 0, payload: "\x7f\xff\xff\xff" }]],
];

const endRows: readonly Row[] = [
  ["closes", [END]],
  ["resets-connection", [RESET]],
  ["closes-in-body", [OK, data("abc", false), END]],
  ["closes-behind-interim", [head("103"), END]],
  ["goaway-refuses", [{ goaway: 0, refuses: true }]],
  ["goaway-refuses-by-error", [{ goaway: 11, refuses: true }]],
  ["goaway-then-close", [{ goaway: 0 }, END]],
  ["goaway-error-then-close", [{ goaway: 2 }, END]],
  ...CODES.map(([name, code]): Row => [`reset-${name}`, [{ reset: code }]]),
  ...CODES.map(
    ([name, code]): Row => [`reset-in-body-${name}`, [OK, data("abc", false), { reset: code }]],
  ),
];

const HEAD_METHOD = { steps: [{ send: request("/", { method: "HEAD" }) }] } as const;

const headRows: readonly Row[] = [
  ["plain", [ended(OK)], HEAD_METHOD],
  ["with-length", [ended(head("200", ["content-length", "42"]))], HEAD_METHOD],
  ["with-empty-data", [OK, data("")], HEAD_METHOD],
  ["with-data", [OK, data("abc")], HEAD_METHOD],
];

const upload = request("/", { method: "POST", headers: ["content-length: 200000"] });
const early = (...acts: readonly Act[]): Partial<OracleCase> => ({
  steps: [{ send: `${upload}abc` }],
  answers: [{ onHead: acts, write: [] }],
  probes: false,
});

const earlyRows: readonly Row[] = [
  ["answer", [], early(ended(head("413")))],
  ["answer-and-reset", [], early(ended(head("413")), { reset: 0 })],
  ["answer-and-cancel", [], early(ended(head("413")), { reset: 8 })],
  ["body-and-reset", [], early(head("413"), data("no"), { reset: 0 })],
  ["reset", [], early({ reset: 0 })],
];

const expecting = request("/", {
  method: "POST",
  headers: ["expect: 100-continue", "content-length: 4"],
});

const expectRows: readonly Row[] = [
  [
    "continue",
    [],
    {
      steps: [{ send: expecting }, { await: "interim" }, { send: "data" }, { await: "response" }],
      answers: [{ onHead: [head("100")], write: [ended(OK)] }],
    },
  ],
  [
    "refused",
    [],
    {
      steps: [{ send: expecting }, { await: "response" }],
      answers: [{ onHead: [ended(head("417"))], write: [] }],
      probes: false,
    },
  ],
];

const retried = (path: string, ...first: readonly Act[]): Partial<OracleCase> => ({
  steps: [{ send: request(path) }],
  answers: [{ write: first }, { write: [ended(OK)] }],
});

const retryRows: readonly Row[] = [
  ["refused-stream", [], retried("/retry/refused", { reset: 7 })],
  ["refused-by-goaway", [], retried("/retry/refused", { goaway: 0, refuses: true })],
  ["cancel-is-not-refused", [], retried("/retry/refused", { reset: 8 })],
  ["reset", [], retried("/retry/reset", { reset: 2 })],
  ["reset-refused", [], retried("/retry/reset", { reset: 7 })],
  ["reset-in-body-is-too-late", [], retried("/retry/reset", OK, data("abc", false), { reset: 2 })],
  ["5xx-reset", [], retried("/retry/5xx", { reset: 2 })],
  ["5xx-with-body", [], retried("/retry/5xx", head("503"), data("busy"))],
  ["5xx-malformed", [], retried("/retry/5xx", ended(head("abc")))],
  ["connect-failure-reset", [], retried("/retry/connect-failure", { reset: 7 })],
  ["none-refused", [], { ...retried("/", { reset: 7 }) }],
];

const silent = (path: string): Partial<OracleCase> => ({
  steps: [{ send: request(path) }, { await: "response" }, { awaitUpstreamReset: true }],
  answers: [{ write: [] }],
});

const resetRows: readonly Row[] = [
  ["timeout", [], silent("/timeout")],
  ["per-try-timeout", [], silent("/retry/per-try")],
  ["idle", [], silent("/idle")],
  [
    "5xx-with-body-under-way",
    [],
    {
      steps: [
        { send: request("/retry/once") },
        { await: "response" },
        { awaitUpstreamReset: true },
      ],
      answers: [{ write: [head("500"), data("x", false)] }, { write: [ended(OK)] }],
    },
  ],
];

const clientRows: readonly Row[] = [
  [
    "cancels",
    [],
    {
      steps: [
        { send: request("/") },
        { awaitUpstream: 1 },
        { act: { reset: 8 } },
        { awaitUpstreamReset: true },
      ],
      answers: [{ write: [] }],
    },
  ],
  [
    "cancels-by-no-error",
    [],
    {
      steps: [
        { send: request("/") },
        { awaitUpstream: 1 },
        { act: { reset: 0 } },
        { awaitUpstreamReset: true },
      ],
      answers: [{ write: [] }],
    },
  ],
  [
    "cancels-upload",
    [],
    {
      steps: [
        { send: `${upload}abc` },
        { awaitUpstream: 1 },
        { act: { reset: 8 } },
        { awaitUpstreamReset: true },
      ],
      answers: [{ write: [] }],
    },
  ],
];

const CALL: Step = {
  send: request("/shop.Cart/Add", {
    method: "POST",
    headers: ["content-type: application/grpc", "te: trailers", "grpc-timeout: 5S"],
    body: "\0\0\0\0\x03abc",
  }),
};
const grpcHead = head("200", ["content-type", "application/grpc"]);
const MESSAGE = "\0\0\0\0\x03xyz";
const called = (...acts: readonly Act[]): Partial<OracleCase> => ({
  steps: [CALL],
  answers: [{ write: acts }],
});
const status = (code: string, ...more: readonly Field[]): Field[] => [
  ["grpc-status", code],
  ...more,
];

const grpcRows: readonly Row[] = [
  ["unary", [], called(grpcHead, data(MESSAGE, false), ended(fields(...status("0"))))],
  [
    "unary-failed",
    [],
    called(
      grpcHead,
      data(MESSAGE, false),
      ended(fields(...status("5", ["grpc-message", "none%20left"]))),
    ),
  ],
  ["no-message", [], called(grpcHead, ended(fields(...status("0"))))],
  [
    "trailers-only",
    [],
    called(
      ended(
        head("200", ["content-type", "application/grpc"], ...status("7", ["grpc-message", "no"])),
      ),
    ),
  ],
  [
    "status-details",
    [],
    called(grpcHead, ended(fields(...status("3", ["grpc-status-details-bin", "CAMSAWE"])))),
  ],
  ["no-status", [], called(grpcHead, data(MESSAGE))],
  ["status-not-a-number", [], called(grpcHead, ended(fields(["grpc-status", "x"])))],
  ["http-503", [], called(ended(head("503")))],
  ["http-404-with-body", [], called(head("404", ["content-type", "text/html"]), data("<p>no"))],
  [
    "streaming",
    [],
    called(
      grpcHead,
      data(MESSAGE, false),
      data(MESSAGE, false),
      data(MESSAGE, false),
      ended(fields(...status("0"))),
    ),
  ],
  ...CODES.map(([name, code]): Row => [`reset-${name}`, [], called({ reset: code })]),
  ["reset-in-body", [], called(grpcHead, data(MESSAGE, false), { reset: 2 })],
  ["closes", [], called(END)],
  ["closes-in-body", [], called(grpcHead, data(MESSAGE, false), END)],
  ["goaway-refuses", [], called({ goaway: 0, refuses: true })],
];

const PAIRS: readonly Versions[] = [
  { downstream: 1, upstream: 2 },
  { downstream: 2, upstream: 2 },
];

const answered = (group: string, rows: readonly Row[], pairs = PAIRS): readonly OracleCase[] =>
  pairs.flatMap((versions) =>
    rows.map(([name, acts, more]): OracleCase => {
      const answers: readonly UpstreamAnswer[] = [{ write: acts }];
      return {
        id: `${prefixOf(versions)}/${group}/${name}`,
        config: STATIC,
        listener: "main",
        versions,
        steps: [{ send: request("/") }],
        answers,
        ...more,
      };
    }),
  );

export const http2AnswerCases: readonly OracleCase[] = [
  ...answered("http2-answer", wholeRows),
  ...answered("http2-broken-answer", brokenRows),
  ...answered("http2-end", endRows),
  ...answered("http2-head", headRows),
  ...answered("http2-early", earlyRows),
  ...answered("http2-expect", expectRows),
  ...answered("http2-retry", retryRows),
  ...answered("http2-reset", resetRows),
  ...answered("http2-client", clientRows, [{ downstream: 2, upstream: 2 }]),
  ...answered("grpc-call", grpcRows),
];
