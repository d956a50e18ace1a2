/** `docs/reference/errors.md`: the answers that the sidecar gives itself, and what to check for each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOCAL_REPLY } from "../../src/proxy/local-reply.ts";
import { RESPONSE_FLAGS } from "../../src/telemetry/response-flag.ts";
import { FLAG_EXPLANATIONS, NEVER_RAISED } from "../../src/telemetry/response-flag-explanations.ts";
import { checkPage, code, table } from "./reference-page.ts";

const INTRODUCTION = `# Errors that the sidecar answers

Most answers come from the app behind a sidecar. These do not: the sidecar gives them itself, and says so. The access
log has the status, the flag (\`response_flags\`) and the details (\`response_code_details\`), which are Envoy's; the
body is a sentence with the reason of this one case, or JSON for clients whose \`Accept\` names JSON:

\`\`\`json
{"status":503,"flag":"UF","details":"upstream_reset_before_response_started{connection_failure}","message":"the upstream could not be connected to: connection refused"}
\`\`\`

In the mesh such an answer also carries the flag as \`x-tulle-response-flags\`, and as \`x-tulle-cause\` the object that
it comes from: \`HTTPRoute/default/catalog/rule/0/match/0\`, \`Service/default/catalog\` where no route of the Service
takes the request, \`Workload/default/catalog-v1-x7k2p\` where the app of this instance is the reason, or the policy whose
filter refused. \`tulle explain\` shows the way of the same request ([guide](../guides/explain.md)).

The same answer can come from the caller's sidecar or from the sidecar of the service that was called: the metric
\`istio_requests_total\` has it with \`reporter="source"\` or with \`reporter="destination"\` too, and so do the access
logs of both. This page is written from the sidecar's own table.
`;

const FLAGS_INTRODUCTION = `## Flags without an answer

A response that has begun cannot be taken back. It is cut off so that the client cannot take it for complete, and the
access log says why:
`;

/** Flags of exchanges that end in the middle of a response, or because the client left. */
const OTHER_FLAGS: readonly (readonly [flag: string, meaning: string])[] = [
  [
    "DC",
    "The client ended the connection before its response was complete. Its own timeout is the usual cause.",
  ],
  [
    "UC",
    "The upstream ended the connection within its response. Look for a crash or a restart of the app.",
  ],
  ["UR", "The upstream reset the HTTP/2 stream within its response."],
  [
    "FI",
    "A FaultPolicy broke the request off instead of answering it (details `fault_filter_reset`).",
  ],
  ["UPE", "The upstream's response turned out to be malformed within its body."],
  ["UT", "The response did not end within the route's timeout."],
  ["UMSDR", "The response did not end within the cluster's limit for streams."],
  ["SI", "No byte moved for the stream idle timeout."],
  ["DPE", "The client's request turned out to be malformed within its body."],
];

const CHECKS: Readonly<Record<keyof typeof LOCAL_REPLY, string>> = {
  accessDenied:
    "`tulle authz check FROM TO METHOD PATH` names the deciding AuthorizationPolicy, its rule and the first condition that did not hold; so do the access log and, for callers in the mesh, the header `x-tulle-denied-by`.",
  authzDenied:
    "The service's own words, where it has any. `tulle_ext_authz_checks_total` counts by provider, the access log names it; the service's log tells why.",
  authzFailed:
    "Does the authorization service run, and answer within the provider's `timeout`? The reason stands in the access log. `failOpen` lets requests pass meanwhile.",
  authzInvalid:
    "The service wants to set a header field with a character that no field may have; its answer is not used.",
  requestTooLarge:
    "The provider's `includeRequestBodyInCheck.maxRequestBytes` is the bound, or `forwardBody.maxSize` of an HTTPRoute; `allowPartialMessage` tells the service the beginning of a longer body.",
  rateLimited:
    "The message names the RateLimitPolicy and its rule; `tulle_ratelimit_requests_total` counts by both. Is it one caller, or is the limit too low? `mode: Observe` lets requests pass and goes on counting.",
  serviceRateLimited:
    "The message names the RateLimitPolicy; `tulle_ratelimit_service_requests_total` counts by it, and the control plane's `tulle_ratelimit_decisions_total` by its rules.",
  rateLimitServiceFailed:
    "Does the control plane run, or the service that the policy names? Is its `timeout` long enough, and does the control plane reach its Redis? `onFailure: Allow` lets requests pass meanwhile.",
  concurrencyLimit:
    "`tulle_admission_requests_total`: is it sheddable requests only, or all classes? Then the service needs more instances. Has it become slower than usual?",
  noRoute:
    "`tulle proxy config INSTANCE routes`: is there a route for this host, path, method and these headers? A host that no virtual host names has no routes at all.",
  clusterNotFound:
    "`tulle proxy config INSTANCE clusters`: was the service deleted or renamed while a route still names it? `tulle check` finds such routes.",
  noHealthyUpstream:
    "`tulle describe service SERVICE`: is an instance running and healthy? Do the labels of the instances fit the selector of the service?",
  overflow:
    "`tulle_upstream_overflows_total`: is the service slower than usual, so that requests pile up? Raise the limits only when it can do more.",
  connectFailed:
    "Is the instance still running, and does it listen on the port that it registered? The reason is the system's own.",
  connectTimeout:
    "Is the host reachable, or does a firewall drop packets? The connect timeout is a setting of TrafficPolicy.",
  tlsFailed:
    "The reason names the certificate's problem: expired, of another trust domain, or of another service than expected. Compare `tulle proxy config INSTANCE secrets` on both sides.",
  connectionClosed:
    "Did the app crash or restart? Does it close idle connections sooner than it says? Safe requests are sent again by themselves.",
  streamReset:
    "The app, or a proxy before it, gave up this one request of an HTTP/2 connection: a limit of its own, or an error in its handler. Its log tells which.",
  streamRefused:
    "It refused the stream (REFUSED_STREAM) or goes away (GOAWAY), and says that it has not acted on the request. A retry policy with `refused-stream` sends it again; else find out why the app takes so few at a time.",
  upstreamProtocolError:
    "What the app sends is not the HTTP/1.1 or HTTP/2 that is spoken to it; the reason says what is wrong. Is it the right port, and does it speak what its Service declares?",
  upstreamTimeout:
    "Is the app slow, or waiting for something else? The timeout is the route's, or TrafficPolicy's where the route has none.",
  tryTimeout: "As above, for one try: `timeouts.backendRequest` of the route.",
  tryIdleTimeout: "As above, for a try that was silent: `per_try_idle_timeout`.",
  upstreamDuration:
    "`max_stream_duration` of the cluster: is it a stream that lives for long on purpose? Then the limit is not for it.",
  streamDuration:
    "A client of gRPC gave its call so much time (`grpc-timeout`), or `timeouts.stream` of TrafficPolicy allows no more. Incomplete requests get 408.",
  requestIdle:
    "The client stopped sending its request. Is the network between them at fault, or the client's reading of its own data?",
  answerIdle:
    "The app accepted the request and then sent nothing for the idle timeout of TrafficPolicy.",
  requestHeadTimeout:
    "The client connected and did not send a whole request head in time: a slow client, or a port scan.",
  downstreamProtocolError:
    "The reason says which rule of RFC 9112 the request breaks. Is the client a library of its own making, or TLS sent to a plain port?",
  pathInvalid:
    "The path has an encoded slash or null byte, or climbs above its root. Clients must not send such paths.",
  underscoreName:
    "A name such as `X_User` is the same as `X-User` to CGI and its like, so policies could be passed by. The client must write `-`; `headers_with_underscores_action` of the listener decides.",
  misdirected:
    "The client uses a connection to one host for another one, whose certificate or trust differs. Clients connect anew by themselves (RFC 9110 section 15.5.20); is a DNS name or a certificate shared that should not be?",
  upgradeRefused:
    "The reason names the protocol. Listeners of the mesh allow `websocket`; has its route `upgrade_configs` that forbid it, or is it another protocol?",
  websocketKeyMissing:
    "The client is no WebSocket client, or something on the way takes the field away. Over HTTP/2 there is none, and none is asked for.",
  faultAbort:
    "`tulle get faultpolicies`: somebody injects faults into the requests to this service, or to this route of it. Every FaultPolicy ends by itself.",
  onlyIfCached:
    "The client sent `Cache-Control: only-if-cached`. `Cache-Status` of other answers tells what the cache keeps.",
  connectRefused:
    "CONNECT is for forward proxies: only a route with a `connect_matcher` takes it. Is the sidecar's address set as an HTTP proxy somewhere?",
};

const ALL_FLAGS_INTRODUCTION = `## Response flags

All of Envoy's flags, as \`tulle errors\`, the dashboard and the admin API explain them. A request has one of them here, where Envoy may
write several with commas between them.
`;

function allFlags(): readonly (readonly string[])[] {
  return Object.entries(FLAG_EXPLANATIONS).map(([flag, { long, meaning, check }]) => {
    const never = NEVER_RAISED[flag as keyof typeof NEVER_RAISED];
    return [
      code(flag),
      code(long),
      meaning,
      never === undefined ? check : `${check} Never raised: ${never}.`,
    ];
  });
}

function errorsPage(): string {
  const rows = Object.entries(LOCAL_REPLY).map(([name, { status, flag, details, message }]) => [
    String(status),
    code(RESPONSE_FLAGS[flag] ?? ""),
    code(details),
    `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
    CHECKS[name as keyof typeof LOCAL_REPLY],
  ]);
  const header = ["Status", "Flag", "Details", "Meaning", "What to check"];
  const flags = OTHER_FLAGS.map(([flag, meaning]) => [code(flag), meaning]);
  return [
    INTRODUCTION,
    "## Answers\n",
    `${table(header, rows)}\n`,
    "A missing cluster is answered with the route's `cluster_not_found_response_code`; 503 is the default. Malformed\nrequests are answered with 400, or with the status that RFC 9110 has for them (408, 414, 431, 501, 505).\n",
    FLAGS_INTRODUCTION,
    `${table(["Flag", "Meaning"], flags)}\n`,
    ALL_FLAGS_INTRODUCTION,
    `${table(["Flag", "Envoy's name", "Meaning", "What to check"], allFlags())}\n`,
  ].join("\n");
}

test("errors.md lists every answer of the sidecar's own", () => {
  checkPage("errors.md", errorsPage());
});

test("what to check is said for each of them, and for nothing else", () => {
  assert.deepEqual(Object.keys(CHECKS).sort(), Object.keys(LOCAL_REPLY).sort());
});

test("each flag is one that the sidecar knows", () => {
  for (const [flag] of OTHER_FLAGS) assert.ok((RESPONSE_FLAGS as readonly string[]).includes(flag));
});
