/** Where HTTP/2 and gRPC over it are treated otherwise. */
import type { Difference, Sighting } from "./difference.ts";

const under = (group: string, ...names: readonly string[]): readonly string[] =>
  names.map((name) => `${group}/${name}`);

/** The same request with an upstream that speaks HTTP/1.1, and one that speaks HTTP/2. */
const both = (group: string, ...names: readonly string[]): readonly string[] => [
  ...under(`http2/${group}`, ...names),
  ...under(`http2/${group}-kept`, ...names),
];

const RESET = "reset by PROTOCOL_ERROR, open";
const field = (
  cases: Sighting["cases"],
  name: RegExp,
  envoy: RegExp | undefined,
  tulle: RegExp | undefined,
): Sighting => ({ cases, field: name, envoy, tulle });

const MESSAGES: readonly Difference[] = [
  {
    id: "malformed requests over HTTP/2",
    envoy:
      "Closes the connection without a word, unless `override_stream_error_on_invalid_http_message` is set.",
    tulle: "Resets the stream with PROTOCOL_ERROR.",
    reason:
      "RFC 9113 section 8.1.1: it is an error of one stream. Others of the same connection go on; a bound per connection stops whoever sends many.",
    seen: [
      { cases: "any", envoy: "nothing, refused", tulle: RESET },
      {
        cases: under(
          "http2/tunnel",
          ...["connect-with-path", "connect-without-authority"],
          ...["websocket-without-path", "websocket-empty-protocol"],
        ),
        envoy: "nothing, refused",
        tulle: "reset by PROTOCOL_ERROR, unknown",
      },
    ],
  },
  {
    id: "fields and paths over HTTP/2",
    envoy:
      "Takes `http2-settings`, values with a space at an end, a Host that differs from `:authority`, ports that are none, and bytes above 0x7f in `:path`.",
    tulle: "Resets the stream.",
    reason:
      "RFC 9113 sections 8.2.1, 8.2.2 and 8.3.1. Routing, policy and app must agree on what was asked (lesson T23).",
    seen: [
      {
        cases: [
          ...both("field", "http2-settings", "space-before-value", "space-behind-value"),
          ...both("field", "host-other"),
          ...both("pseudo", "authority-with-bad-port", "path-latin-1"),
        ],
        envoy: "200 from alpha, open",
        tulle: RESET,
      },
      { cases: both("pseudo", "path-with-fragment"), envoy: "400, open", tulle: RESET },
    ],
  },
  {
    id: "requests without an authority",
    envoy: "Refuses them.",
    tulle: "Routes them, to a virtual host for every name alone.",
    reason:
      "RFC 9113 section 8.3.1 allows a request without authority, as where one of HTTP/1.0 was without.",
    seen: [
      { cases: both("pseudo", "no-authority"), envoy: "nothing, refused", tulle: "404, open" },
    ],
  },
  {
    id: ":scheme",
    envoy: "Passes on what the client says in `:scheme`, or in `x-forwarded-proto` over HTTP/1.1.",
    tulle: "Says how the client's connection is protected.",
    reason: "Caches and apps rely on it; a client must not be able to make it up.",
    seen: [
      field(
        [...under("http2/pseudo-kept", "scheme-https"), ...under("field", "own-forwarded-proto")],
        /^upstream\.0\.headers\.:scheme$/,
        /^https$/,
        /^http$/,
      ),
      field(
        under("example/shop", "http2-app-of-http2", "http2-app-grpc"),
        /^upstream\.0\.headers\.:scheme$/,
        /^http$/,
        /^https$/,
      ),
    ],
  },
  {
    id: "heads that are too large",
    envoy:
      "Resets the stream with INTERNAL_ERROR, or ends the connection with COMPRESSION_ERROR. Answers 503 for those of upstreams that have too many fields.",
    tulle:
      "Answers 431, or ends the connection with ENHANCE_YOUR_CALM. Answers 502 for an upstream.",
    reason:
      "RFC 6585 section 5 names 431; RFC 9113 section 10.5 names the code. HTTP/1.1 says the same.",
    seen: [
      {
        cases: under("field", "too-many"),
        envoy: "reset by INTERNAL_ERROR, open",
        tulle: "431, open",
      },
      field(both("field", "too-large"), /^goaway$/, /^COMPRESSION_ERROR$/, /^ENHANCE_YOUR_CALM$/),
      {
        cases: under("http2-broken-answer", "too-many"),
        envoy: "503 from alpha, open",
        tulle: "502 from alpha, open",
      },
    ],
  },
  {
    id: "frames on closed streams",
    envoy: "Ignores DATA behind the end of a request, and a request on an older stream.",
    tulle: "Ends the connection with STREAM_CLOSED or PROTOCOL_ERROR.",
    reason: "RFC 9113 sections 5.1 and 5.1.1.",
    seen: [
      ...under("http2/broken-body", "data-behind-the-end"),
      ...under("http2/frame", "older-stream"),
    ].map((id) => ({
      cases: [id],
      envoy: "200 from alpha, open",
      tulle: "200 from alpha, closed",
    })),
  },
  {
    id: "GOAWAY",
    envoy: "Closes a connection without GOAWAY after most errors.",
    tulle: "Says which error it was, and why.",
    reason: "RFC 9113 section 5.4.1. It is what the client's library shows.",
    seen: [field("any", /^goaway$/, undefined, /_/)],
  },
  {
    id: "connections behind refused tunnels",
    envoy: "Ends the connection of HTTP/2 behind its 403.",
    tulle: "Resets the one stream.",
    reason: "Other streams have nothing to do with it.",
    seen: [
      {
        cases: under(
          "http2/tunnel",
          ...["connect-off", "websocket-off-at-route", "websocket-other-protocol"],
        ),
        envoy: "403, closed",
        tulle: "403, unknown",
      },
    ],
  },
  {
    id: "requests that are answered before their end",
    envoy: "Waits for the rest of the request where that comes soon.",
    tulle: "Resets the stream with NO_ERROR behind the whole answer.",
    reason: "RFC 9113 section 8.1: it tells the client to stop sending what nobody reads.",
    seen: [
      field(
        ["redirect/post", "direct/post", "failure/no-endpoints-post"],
        /^responses\.0\.reset$/,
        undefined,
        /^NO_ERROR$/,
      ),
    ],
  },
  {
    id: "content of answers that have none",
    envoy: "Resets the client's stream when DATA follow a 204 or an answer to HEAD.",
    tulle: "Has ended the answer with its head, and drops them.",
    reason: "The answer was complete (RFC 9110 section 6.4.1).",
    seen: [
      {
        cases: ["h2-h2/http2-broken-answer/data-on-204"],
        envoy: "204 reset by INTERNAL_ERROR from alpha, open",
        tulle: "204 from alpha, open",
      },
      {
        cases: ["h2-h2/http2-head/with-data"],
        envoy: "200 reset by INTERNAL_ERROR from alpha, open",
        tulle: "200 from alpha, open",
      },
    ],
  },
  {
    id: "answers that are shorter than told",
    envoy: "Drops what came of them.",
    tulle: "Has passed it on, and breaks the answer off.",
    reason:
      "Bytes are passed on as they come. The client learns in both cases that it is not whole.",
    seen: [
      field(
        under("http2-broken-answer", "shorter-than-told"),
        /^responses\.0\.(?:body|framing)$/,
        undefined,
        /^abc$|^length$/,
      ),
    ],
  },
];

const RESETS: readonly Difference[] = [
  {
    id: "resets of upstream streams",
    envoy: "Gives up a request to an upstream with INTERNAL_ERROR.",
    tulle: "Gives it up with CANCEL.",
    reason: "RFC 9113 section 7: the stream is no longer needed. Nothing is wrong with the proxy.",
    seen: [field("any", /^upstream\.\d\.reset$/, /^INTERNAL_ERROR$/, /^CANCEL$/)],
  },
  {
    id: "resets by upstreams",
    envoy: "Takes a reset with PROTOCOL_ERROR for an error of the upstream's (UPE, 502).",
    tulle: "Takes it for a reset like any other (UR, 503).",
    reason: "It says that the proxy broke the protocol, if anybody did.",
    seen: [
      {
        cases: under("http2-end", "reset-protocol-error"),
        envoy: "502 from alpha, open",
        tulle: "503 from alpha, open",
      },
      field(
        [...under("http2-end", "reset-in-body-protocol-error"), "grpc-call/reset-protocol-error"],
        /^log\.0\.(?:flags|details)$/,
        /^UPE$|\{protocol_error\}$/,
        /^UR$|\{remote_reset\}$/,
      ),
    ],
  },
  {
    id: "retries behind malformed answers",
    envoy: "Retries them as resets.",
    tulle: "Answers 502.",
    reason: "The app has acted on the request; the next answer is malformed, too.",
    seen: [
      {
        cases: under("http2-retry", "5xx-malformed"),
        envoy: "200 from alpha+alpha, open",
        tulle: "502 from alpha, open",
      },
    ],
  },
  {
    id: "cancelled streams in access logs",
    envoy:
      "Logs DR for a stream that its client reset with an error, and no flag for one with NO_ERROR.",
    tulle: "Logs DC for both, as for clients that close the connection.",
    reason: "The client gave it up. How says more about its library than about the request.",
    seen: [
      field(
        under("http2-client", "cancels", "cancels-by-no-error", "cancels-upload"),
        /^log\.0\.(?:flags|details)$/,
        /^(?:DR|-|http2\.remote_reset)$/,
        /^(?:DC|downstream_remote_disconnect)$/,
      ),
    ],
  },
  {
    id: "broken requests over HTTP/2 in access logs",
    envoy:
      "Logs a request whose body is not as long as told as reset by its client, and says of other errors what its codec says.",
    tulle:
      "Logs 400 and a protocol error; without a cluster when the fault came in the same read as the request.",
    reason: "It is why the request failed, and it has not been sent on by then.",
    seen: [
      field(
        under("http2/broken-body", "shorter-than-told", "longer-than-told"),
        /^log\.0\.(?:code|details)$/,
        /^(?:0|http2\.remote_reset)$/,
        /^(?:400|http1\.codec_error)$/,
      ),
      field(
        under("http2/frame", "pad-longer-than-frame"),
        /^log\.0\.(?:code|details)$/,
        /^(?:0|codec_error:\w+)$/,
        /^(?:400|http1\.codec_error)$/,
      ),
      field(under("http2/frame", "pad-longer-than-frame"), /^log\.0\.cluster$/, /^alpha$/, /^-$/),
    ],
  },
];

const GRPC: readonly Difference[] = [
  {
    id: "statuses of gRPC that are none",
    envoy: "Logs -1 for a `grpc-status` that is no number.",
    tulle: "Logs 2, UNKNOWN.",
    reason: "It is what clients make of it.",
    seen: [field(["grpc-call/status-not-a-number"], /^log\.0\.grpc$/, /^-1$/, /^2$/)],
  },
  {
    id: "lengths of gRPC-Web requests",
    envoy: "Drops the Content-Length of a binary request.",
    tulle: "Keeps it: the body stays as it is.",
    reason: "An upstream may check it and make room.",
    seen: [field(["grpc-web/binary"], /^upstream\.0\.framing$/, /^stream$/, /^length$/)],
  },
];

export const HTTP2: readonly Difference[] = [...MESSAGES, ...RESETS, ...GRPC];
