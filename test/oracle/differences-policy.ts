/** Where routing, header policy and access logs differ. */
import type { Difference } from "./difference.ts";

const under = (group: string, ...names: readonly string[]): readonly string[] =>
  names.map((name) => `${group}/${name}`);

/** Requests of strangers that reach an app. */
const EDGE = [
  ...under("edge", "plain", "forwarded", "forwarded-proto", "request-id"),
  ...under(
    "gateway",
    "host-of-nobody",
    "host-of-wildcard",
    "host-of-two-routes",
    "host-of-closest",
  ),
  ...under("gateway", "host-with-port", "host-in-capitals", "host-is-parent", "post", "dots"),
  ...under("gateway", "slashes", "encoded-slash", "forged-client", "forged-clients"),
  ...under("gateway", "forged-scheme", "forged-identity", "forged-retries", "forged-timeout"),
  ...under("gateway", "forged-original-path", "cors", "retried", "not-retried"),
  ...under("gateway", "not-the-policys"),
];

export const POLICY: readonly Difference[] = [
  {
    id: "paths that climb above the root",
    envoy: "Takes `/../secret` for `/secret`.",
    tulle: "Answers 400.",
    reason:
      "No honest client sends one; what is behind may count the segments otherwise (lesson T21).",
    seen: [
      "paths-normalised",
      "paths-merged",
      "slashes-rejected",
      "slashes-unescaped",
      "slashes-redirected",
    ].flatMap((listener) => [
      {
        cases: [`${listener}/dot-dot-above-root`],
        envoy: "200 from gamma, open",
        tulle: "400, open",
      },
      { cases: [`${listener}/dot-dot-only`], envoy: "200 from alpha, open", tulle: "400, open" },
    ]),
  },
  {
    id: "%00 in a path",
    envoy: "Refuses it only where paths are normalised.",
    tulle: "Refuses it always.",
    reason:
      "Whoever reads it as the end of a string reads another path than the one that was routed.",
    seen: [
      { cases: ["paths-as-sent/encoded-nul"], envoy: "200 from beta, open", tulle: "400, open" },
    ],
  },
  {
    id: "OPTIONS *, and URIs without a path",
    envoy: "Routes `*` and `http://host?query` by no route of paths: 404.",
    tulle: "Routes them by the route of every path, `http://host?query` as `/?query`.",
    reason:
      "RFC 9112 sections 3.2.2 and 3.2.4: an empty path means `/`, and `*` asks about the server as a whole.",
    seen: [
      ...under("connection", "asterisk-form", "absolute-form-query-only"),
      ...["http2/pseudo/asterisk-options", "http2/pseudo-kept/asterisk-options"],
    ].map((id) => ({
      cases: [id],
      envoy: "404, open",
      tulle: "200 from alpha, open",
    })),
  },
  {
    id: "methods",
    envoy: "Answers 400 to methods that it does not know.",
    tulle: "Passes on every token.",
    reason:
      "Methods are extensible and their case matters (RFC 9110 section 9.1); the upstream knows its own.",
    seen: [...under("connection", "unknown-method"), "pseudo/method-in-lower-case"].map((id) => ({
      cases: [id],
      envoy: "400, closed",
      tulle: "200 from alpha, open",
    })),
  },
  {
    id: "fields at the edge",
    envoy:
      "With `use_remote_address`, adds to `x-forwarded-for` whatever it holds: its own address for a client on loopback; says the client's in `x-envoy-external-address`, and leaves other `x-envoy-*` and `x-forwarded-*` fields alone.",
    tulle:
      "Says the address that the client has, behind those of trusted hops (`xff_num_trusted_hops`) only, and takes all `x-envoy-*` and `x-tulle-*` fields away, and without a trusted hop `x-forwarded-*`.",
    reason:
      "What a stranger says of itself must not reach an app that believes it (lesson T25). `x-forwarded-for` says what `x-envoy-external-address` would.",
    seen: [
      {
        cases: EDGE,
        field: /^upstream\.\d\.headers\.x-forwarded-for$/,
        envoy: /\d$/,
        tulle: /(?:^|,)127\.0\.0\.1$/,
      },
      {
        cases: EDGE,
        field: /^upstream\.\d\.headers\.x-envoy-external-address$/,
        envoy: /^127\.0\.0\.1$/,
        tulle: undefined,
      },
    ],
  },
  {
    id: "refused names",
    envoy:
      "Closes the connection behind the 400 to a name with an underscore, and lets no `mappers` change it.",
    tulle: "Keeps it, and says the response flag as in its other answers.",
    reason: "Where the next request begins is known.",
    seen: [
      ...[
        { field: /^connection$/, envoy: /^closed$/, tulle: /^open$/ },
        { field: /^responses\.0\.headers\.connection$/, envoy: /^close$/, tulle: undefined },
        {
          field: /^responses\.0\.headers\.x-tulle-response-flags$/,
          envoy: undefined,
          tulle: /^DPE$/,
        },
      ].map((sighting) => ({ cases: ["gateway/underscores"], ...sighting })),
    ],
  },
  {
    id: "fields of mirrored requests",
    envoy:
      "Adds `x-envoy-internal`, `x-envoy-expected-rq-timeout-ms` and its own address in `x-forwarded-for` to copies.",
    tulle:
      "Sends copies as they are, but for the suffix `-shadow` of their Host and `x-tulle-mirrored`.",
    reason: "A copy that differs less tests more. An app that gets one has to be able to tell.",
    seen: [
      {
        cases: under("mirror", "copy", "copy-with-port", "same-host"),
        field: /^upstream\.1\.headers\.x-tulle-mirrored$/,
        envoy: undefined,
        tulle: /^true$/,
      },
      {
        cases: under("mirror", "copy", "copy-with-port", "same-host"),
        field:
          /^upstream\.1\.headers\.(?:x-envoy-internal|x-envoy-expected-rq-timeout-ms|x-forwarded-for)$/,
        envoy: /./,
        tulle: undefined,
      },
    ],
  },
];

const SWITCHED = under("upgrade", "accepted", "in-capitals", "allowed-by-route-alone");
const ASKED = [...SWITCHED, ...under("upgrade", "answered-otherwise", "refused-by-app")];

export const UPGRADES: readonly Difference[] = [
  {
    id: "fields of upgrades",
    envoy:
      "Writes `Connection: upgrade` and the protocol's name as the app does, and tells no `x-envoy-upstream-service-time` of answers to an Upgrade or CONNECT.",
    tulle:
      "Writes `Connection: Upgrade` and the protocol's name as the client does, and tells the time until the answer.",
    reason: "RFC 9110 section 7.8 and browsers write it so. The time is known.",
    seen: [
      {
        cases: ASKED,
        field: /^(?:upstream|responses)\.0\.headers\.connection$/,
        envoy: /^upgrade$/,
        tulle: /^Upgrade$/,
      },
      {
        cases: ["upgrade/in-capitals"],
        field: /^responses\.0\.headers\.upgrade$/,
        envoy: /^websocket$/,
        tulle: /^WebSocket$/,
      },
      {
        cases: [...ASKED, "upgrade/connect"],
        field: /^responses\.0\.headers\.x-envoy-upstream-service-time$/,
        envoy: undefined,
        tulle: /./,
      },
    ],
  },
  {
    id: "answers other than 101",
    envoy: "Drops the body of an answer that does not switch to WebSocket.",
    tulle: "Passes it on.",
    reason: "It says why: an error page, or a redirect to the login.",
    seen: [
      {
        cases: ["upgrade/answered-otherwise"],
        field: /^responses\.0\.(?:headers\.content-length|framing|body)$/,
        envoy: /^0$|^$/,
        tulle: /./,
      },
      ...["framing", "body"].map((field) => ({
        cases: ["upgrade/answered-otherwise"],
        field: new RegExp(`^responses\\.0\\.${field}$`),
        envoy: undefined,
        tulle: /./,
      })),
      {
        cases: ["upgrade/answered-otherwise"],
        field: /^log\.0\.details$/,
        envoy: /^websocket_handshake_unsuccessful$/,
        tulle: /^via_upstream$/,
      },
    ],
  },
  {
    id: "ends of tunnels",
    envoy: "Ends both directions when one ends, and logs the client's end as `DC`.",
    tulle: "Lets each direction end on its own, and logs no flag where both ended in order.",
    reason: "A FIN says that no more comes, not that nothing is wanted any more (RFC 9293).",
    seen: [
      { cases: SWITCHED, field: /^log\.0\.flags$/, envoy: /^DC$/, tulle: /^-$/ },
      {
        cases: SWITCHED,
        field: /^log\.0\.details$/,
        envoy: /^downstream_remote_disconnect$/,
        tulle: /^via_upstream$/,
      },
    ],
  },
  {
    id: "gRPC-Web",
    envoy:
      "Drops what the messages are from the content type, adds `grpc-accept-encoding`, takes the form of the answer from Accept alone, and answers itself with a status of HTTP.",
    tulle:
      "Keeps it, adds nothing, answers in the form of the request where Accept names none, and itself with 200 and `grpc-status`.",
    reason:
      "The upstream may know messages other than `proto`; clients of gRPC-Web read `grpc-status` as those of gRPC do.",
    seen: [
      {
        cases: under("grpc-web", "binary", "text"),
        field: /^upstream\.0\.headers\.content-type$/,
        envoy: /^application\/grpc$/,
        tulle: /^application\/grpc\+proto$/,
      },
      {
        cases: under("grpc-web", "binary", "text", "only-head"),
        field: /^upstream\.0\.headers\.grpc-accept-encoding$/,
        envoy: /^identity$/,
        tulle: undefined,
      },
      {
        cases: under("grpc-web", "binary", "text", "only-head"),
        field: /^upstream\.0\.headers\.connection$/,
        envoy: undefined,
        tulle: /^TE$/,
      },
      {
        cases: ["grpc-web/binary"],
        field: /^upstream\.0\.headers\.transfer-encoding$/,
        envoy: /^chunked$/,
        tulle: undefined,
      },
      {
        cases: ["grpc-web/binary"],
        field: /^upstream\.0\.headers\.content-length$/,
        envoy: undefined,
        tulle: /./,
      },
      {
        cases: ["grpc-web/binary"],
        field: /^upstream\.0\.framing$/,
        envoy: /^chunked$/,
        tulle: /^length$/,
      },
      {
        cases: ["grpc-web/text"],
        field: /^responses\.0\.headers\.content-type$/,
        envoy: /^application\/grpc-web\+proto$/,
        tulle: /^application\/grpc-web-text\+proto$/,
      },
      {
        cases: ["grpc-web/text"],
        field: /^responses\.0\.body$/,
        envoy: /abc$/,
        tulle: /^AAAAAANhYmM=$/,
      },
      { cases: ["grpc-web/no-endpoint"], envoy: "503, open", tulle: "200, open" },
    ],
  },
  {
    id: "words of answers to gRPC",
    envoy: "Has its own words in `grpc-message`, or none.",
    tulle: "Says what happened and what to check, as in other answers of its own.",
    reason: "The message is what the caller's library shows.",
    seen: [
      {
        cases: [
          ...under("grpc", "no-endpoint", "dead", "full", "timeout", "with-subtype"),
          ...under("resilience", "duration-grpc", "duration-of-grpc"),
          ...under(
            "grpc-call",
            ...["no-error", "protocol-error", "internal-error", "refused-stream", "cancel"].map(
              (code) => `reset-${code}`,
            ),
            ...["reset-enhance-your-calm", "reset-http-1.1-required", "reset-unknown-code"],
            ...["closes", "goaway-refuses"],
          ),
        ],
        field: /^responses\.0\.headers\.grpc-message$/,
        envoy: /^(?:no healthy upstream$|upstream |downstream duration timeout$)/,
        tulle: /./,
      },
      {
        cases: under("grpc", "no-route", "no-host", "missing"),
        field: /^responses\.0\.headers\.grpc-message$/,
        envoy: undefined,
        tulle: /./,
      },
    ],
  },
];

export const ACCESS_LOGS: readonly Difference[] = [
  {
    id: "clusters in access logs",
    envoy: "Leaves out the cluster where the route names one that does not exist.",
    tulle: "Names it.",
    reason: "It is what one looks for then.",
    seen: [{ cases: "any", field: /^log\.0\.cluster$/, envoy: /^-$/, tulle: /^nowhere$/ }],
  },
  {
    id: "refused upgrades in access logs",
    envoy: "Chooses a route and a cluster before it refuses an upgrade, and logs them.",
    tulle: "Refuses it first.",
    reason: "The cluster has no part in it.",
    seen: [
      {
        cases: [
          "connection/upgrade-refused",
          ...under("upgrade", "off-at-route", "another-type", "several-types"),
          ...under("upgrade", "early-bytes-and-refusal", "connect-off"),
        ],
        field: /^log\.0\.cluster$/,
        envoy: /^alpha$/,
        tulle: /^-$/,
      },
    ],
  },
  {
    id: "refused bytes in access logs",
    envoy: "Logs the fields of a request whose target it refuses.",
    tulle: "Logs nothing of a request whose bytes it refused, but that it was refused and why.",
    reason: "What is malformed is not believed, not even in a log.",
    seen: [
      {
        cases: ["malformed/fragment-in-target"],
        field: /^log\.0\./,
        envoy: /./,
        tulle: undefined,
      },
    ],
  },
  {
    id: "response flags of retries",
    envoy: "Adds URX to the flag of the last failure when no retry is left.",
    tulle:
      "Logs the flag of the last failure alone, and URX for answers that are passed on for want of another retry; the number of tries stands beside it (`attempts`).",
    reason: "One flag says why, one number how often.",
    seen: [
      {
        cases: "any",
        field: /^(?:log\.0\.flags|responses\.0\.headers\.x-tulle-response-flags)$/,
        envoy: /^URX,(?:UT|UF|UC)$/,
        tulle: /^(?:UT|UF|UC)$/,
      },
    ],
  },
  {
    id: "details of failed connections",
    envoy: "Says in RESPONSE_CODE_DETAILS which system call failed.",
    tulle: "Says it in UPSTREAM_TRANSPORT_FAILURE_REASON, in words.",
    reason: "Details stay a small set that can be counted.",
    seen: [
      {
        cases: "any",
        field: /^log\.0\.details$/,
        envoy: /\{remote_connection_failure\|delayed_connect_error:_Connection_refused\}$/,
        tulle: /\{connection_failure\}$/,
      },
    ],
  },
  {
    id: "truncated answers",
    envoy:
      "Calls an upstream that closes within its answer a protocol error (UPE, 502 where the head was cut).",
    tulle: "Calls it a connection termination (UC, 503 where the head was cut).",
    reason: "What came was well-formed; what failed is the connection.",
    seen: [
      {
        cases: under("fault", "closes-in-head"),
        envoy: "502 from alpha, open",
        tulle: "503 from alpha, open",
      },
      {
        cases: under("fault", "closes-in-body", "closes-in-chunk", "closes-before-last-chunk"),
        field: /^log\.0\.(?:flags|details)$/,
        envoy: /^UPE$|\{protocol_error\}$/,
        tulle: /^UC$|\{connection_termination\}$/,
      },
    ],
  },
  {
    id: "details of redirected paths",
    envoy: "Logs `path_normalization_failed` for a redirect to the path without escaped slashes.",
    tulle: "Logs `direct_response`.",
    reason: "Nothing failed.",
    seen: [
      {
        cases: "any",
        field: /^log\.0\.details$/,
        envoy: /^path_normalization_failed$/,
        tulle: /^direct_response$/,
      },
    ],
  },
  {
    id: "the return of ejected endpoints",
    envoy:
      "Uses an ejected endpoint again at the end of the first `interval` behind its ejection time, and ejects it anew after as many failures as at first.",
    tulle:
      "Sends it one request when its ejection time is over, at most one of twenty requests to the cluster and no retry; its result decides. Passes over `interval` here.",
    reason:
      "An endpoint that is still broken costs one request instead of five, and one that has recovered is back as soon as its time is over.",
    seen: [],
  },
  {
    id: "first health checks",
    envoy:
      "Waits with a cluster, and with what routes to it, until each endpoint was checked once.",
    tulle:
      "Listens at once. Until its first check has ended an endpoint is unhealthy: the panic threshold decides whether it is used.",
    reason: "A service that cannot be checked must not keep the others of a proxy from starting.",
    seen: [],
  },
  {
    id: "endpoints that discovery takes away while they pass their health checks",
    envoy: "Uses them until a check fails, unless `ignore_health_on_host_removal` is set.",
    tulle: "Uses them no more.",
    reason: "The control plane knows of an instance that leaves before a check does.",
    seen: [],
  },
];
