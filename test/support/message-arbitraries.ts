/** Messages for property tests: HTTP/1.1 heads that are well formed, and HTTP/2 fields that may be anything. */
import fc from "fast-check";
import type { Field } from "./http2-message-fixture.ts";

const TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const TARGET_CHARS = "abcXYZ019-._~!$&'()*+,;=:@/?%\\[]|<>^`{}\"";
const VALUE_CHARS = `\t ${charsBetween(0x21, 0x7e)}${charsBetween(0x80, 0xff)}`;

function charsBetween(first: number, last: number): string {
  return Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i)).join(
    "",
  );
}

function textOf(chars: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...chars), minLength, maxLength });
}

const ows = fc.constantFrom("", " ", "\t", "  ");
/** Names without a rule of their own. */
const plainNames = fc.oneof(
  fc.constantFrom("Accept", "user-agent", "X-Request-Id", "Date", "COOKIE", "cookie", "Server"),
  fc.constantFrom("Authorization", "set-cookie", "X-Forwarded-For", "Trailer", "grpc-status"),
  textOf(TOKEN_CHARS, 1, 12).map((name) => `x${name}`),
);
const plainValues = textOf(VALUE_CHARS, 0, 24);

const plainLines = fc
  .array(fc.tuple(plainNames, ows, plainValues, ows), { maxLength: 8 })
  .map((fields) => fields.map(([name, a, value, b]) => `${name}:${a}${value}${b}\r\n`));

const authorities = fc.constantFrom("shop", "shop:8080", "[::1]:80", "10.0.0.1", "a%41", "");
const framing = fc.constantFrom(
  ...[[], ["Content-Length: 0\r\n"], ["content-length: 12\r\n", "Content-Length: 12\r\n"]],
  ...[["Transfer-Encoding: chunked\r\n"], ["Content-Length: 7\r\n"]],
);
/** Lines about the connection, which must not outlive it. */
const connectionLines = fc.subarray([
  ...["Connection: close, X-Gone\r\n", "X-Gone: 1\r\n", "Keep-Alive: timeout=5\r\n"],
  ...["Proxy-Connection: close\r\n", "HTTP2-Settings: AAMAAABk\r\n", "Connection: keep-alive\r\n"],
]);
const requestLines = fc.subarray(["TE: trailers\r\n", "Te: gzip\r\n", "Expect: 100-continue\r\n"]);

function headText(start: string, groups: readonly (readonly string[])[]): string {
  return `${start}\r\n${groups.flat().join("")}\r\n`;
}

/** Heads of requests as text, tunnels included. */
export const http1Requests: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: ordinaryRequests() },
  { weight: 1, arbitrary: upgradeRequests() },
  { weight: 1, arbitrary: connectRequests() },
  fc.constant("OPTIONS * HTTP/1.1\r\nHost: shop\r\n\r\n"),
);

function ordinaryRequests(): fc.Arbitrary<string> {
  const methods = fc.oneof(
    fc.constantFrom("GET", "POST", "HEAD", "OPTIONS"),
    textOf(TOKEN_CHARS, 1, 8).map((method) => `X${method}`),
  );
  const targets = textOf(TARGET_CHARS, 0, 24).map((rest) => `/${rest}`);
  return fc
    .tuple(methods, targets, authorities, framing, requestLines, connectionLines, plainLines)
    .map(([method, target, host, ...groups]) =>
      headText(`${method} ${target} HTTP/1.1`, [[`Host: ${host}\r\n`], ...groups]),
    );
}

function upgradeRequests(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom("websocket", "WebSocket", "a/1"), plainLines)
    .map(([protocol, plain]) =>
      headText("GET /chat HTTP/1.1", [
        ["Host: shop\r\n", "Connection: Upgrade\r\n", `Upgrade: ${protocol}\r\n`],
        plain,
      ]),
    );
}

function connectRequests(): fc.Arbitrary<string> {
  return plainLines.map((plain) =>
    headText("CONNECT db:5432 HTTP/1.1", [["Host: db:5432\r\n"], plain]),
  );
}

/** Heads of final responses as text. */
export const http1Responses: fc.Arbitrary<string> = fc
  .tuple(fc.integer({ min: 200, max: 599 }), framing, connectionLines, plainLines)
  .map(([status, ...groups]) => headText(`HTTP/1.1 ${status} Any`, groups));

/** Lines of a trailer section. */
export const trailerLines: fc.Arbitrary<string> = fc
  .tuple(plainLines, fc.subarray(["Host: a\r\n", "Content-Length: 1\r\n", "TE: trailers\r\n"]))
  .map((groups) => groups.flat().join(""));

const evilText = fc.oneof(
  plainValues,
  fc.string({ unit: "binary", maxLength: 6 }).map((text) => text.replace(/[^\0-\xff]/g, "\n")),
  fc.constantFrom(
    "a\r\nhost: b",
    "a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "\0",
    "a\n",
    "\ra",
    " a",
    "a ",
  ),
  fc.constantFrom("chunked", "5", "5, 5", "0", "close", "trailers", "shop", "a: b", "100-continue"),
);
const evilNames = fc.oneof(
  { weight: 3, arbitrary: plainNames.map((name) => name.toLowerCase()) },
  fc.constantFrom("content-length", "host", "te", "cookie", "expect", "transfer-encoding"),
  fc.constantFrom("connection", "upgrade", "X-Upper", "a:b", "a b", "", " a", "a\r\nb", ":path"),
  fc.constantFrom(":Path", ":status", ":protocol", "content-length ", "host\0", "content_length"),
);
const regularFields: fc.Arbitrary<Field[]> = fc.array(
  fc
    .oneof(
      { weight: 4, arbitrary: fc.tuple(evilNames, evilText) },
      { weight: 4, arbitrary: fc.tuple(plainNames, fc.constantFrom("", "1", "a b")) },
      fc.constantFrom<Field>(["content-length", "5"], ["host", "shop"], ["te", "trailers"]),
    )
    .map(([name, value]): Field => [name, value]),
  { maxLength: 4 },
);

/** Usually the valid value. */
function mostly(valid: string, others: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(valid) }, others);
}

/** Field lists that a client may send as a request, most of them nearly valid. */
export const http2Requests: fc.Arbitrary<Field[]> = fc
  .tuple(
    mostly("GET", fc.oneof(evilText, fc.constantFrom("CONNECT", "OPTIONS", "POST"))),
    mostly("https", evilText),
    mostly("shop", fc.oneof(evilText, fc.constantFrom("u@shop", "shop:80", "a,b"))),
    mostly(
      "/a",
      fc.oneof(
        evilText,
        evilText.map((text) => `/${text}`),
        fc.constantFrom("*", "/a HTTP/1.1\r\nx: y", "http://bank/", "/#"),
      ),
    ),
    regularFields,
    fc.nat(40),
    fc.oneof(
      { weight: 6, arbitrary: fc.constant(undefined) },
      mostly("websocket", fc.oneof(evilText, fc.constantFrom("h2c", "a, b", "a\r\nb: c"))),
    ),
  )
  .map(([method, scheme, authority, path, fields, spoilt, protocol]) => {
    if (protocol !== undefined) {
      const place: Field[] = [
        [":scheme", scheme],
        [":path", path],
        [":protocol", protocol],
      ];
      const connect: Field[] = [
        [":method", "CONNECT"],
        [":authority", spoilt < 20 ? authority : "shop:80"],
      ];
      // Half of them are plain CONNECTs.
      return [...connect, ...(spoilt % 2 === 0 ? place : []), ...fields];
    }
    const pseudo: Field[] = [
      [":method", method],
      [":scheme", scheme],
      [":authority", authority],
      [":path", path],
    ];
    // Now and then one is missing, or stands behind the others.
    if (spoilt < 4) pseudo.splice(spoilt, 1);
    return spoilt === 4 ? [...fields, ...pseudo] : [...pseudo, ...fields];
  });

/** Field lists that a server may send as a response. */
export const http2Responses: fc.Arbitrary<Field[]> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 200, max: 599 }).map(String) },
      fc.oneof(evilText, fc.constantFrom("101", "103", "0200", "2OO", "200 OK")),
    ),
    regularFields,
  )
  .map(([status, fields]): Field[] => [[":status", status], ...fields]);
