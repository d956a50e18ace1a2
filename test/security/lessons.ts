/**
 * What others' vulnerabilities teach, and the tests that show that we have learned it. Each lesson is known by a number,
 * T1 to T30; its tests name the number in their names or in their files' first comments.
 */

export interface Lesson {
  /** `T1`. */
  readonly id: string;
  /** What went wrong elsewhere, with the CVEs. */
  readonly lesson: string;
  /** What has to hold here. */
  readonly rule: string;
  /** Files, with a part of the name of each test that counts. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

/** Attacks that one test makes. */
function attacks(...names: readonly string[]): Lesson["tests"] {
  return {
    "test/integration/http2-abuse.test.ts": ["attacks over HTTP/2"],
    "test/support/http2-attacks.ts": names,
  };
}

const MATRIX = { "test/smuggling/matrix.test.ts": ["hostile connections"] };

export const LESSONS: readonly Lesson[] = [
  {
    id: "T1",
    lesson: "Both lengths in one message (CVE-2022-32213, CVE-2022-32215; RFC 9112 section 6)",
    rule: "Content-Length with Transfer-Encoding, and codings that are not just `chunked`, are refused and the connection ends",
    tests: {
      ...MATRIX,
      "src/http1/framing.test.ts": ["Transfer-Encoding (RFC 9112 section 6.1, T1)"],
      "test/integration/proxy-smuggling.test.ts": ["a request with both framings is refused"],
    },
  },
  {
    id: "T2",
    lesson: "Content-Length read loosely or kept twice (CVE-2021-40346, CVE-2023-40225)",
    rule: "Only equal values of digits merge; what goes on is written anew",
    tests: {
      ...MATRIX,
      "src/http1/framing.test.ts": ["Content-Length (RFC 9110 section 8.6, T2)"],
    },
  },
  {
    id: "T3",
    lesson: "White space around names, folded lines (CVE-2021-22959, CVE-2024-27982)",
    rule: "Refused with 400",
    tests: {
      ...MATRIX,
      "src/http1/field-scanner.test.ts": ["have no white space around them (T3)"],
      "src/http1/request-parser.test.ts": ["line ends (RFC 9112 section 2.2, T3, T4)"],
    },
  },
  {
    id: "T4",
    lesson:
      "Bare CR or LF, NUL, wrong ends of a head (CVE-2023-30589, CVE-2022-32214, CVE-2025-23167)",
    rule: "400 for requests, 502 for answers of upstreams",
    tests: {
      ...MATRIX,
      "src/http1/response-parser.test.ts": ["(T3, T4)"],
      "test/conformance/http1/llhttp.test.ts": ["is refused in every lenient case"],
    },
  },
  {
    id: "T5",
    lesson: "Chunk extensions without bound, sizes read oddly (CVE-2024-22019, CVE-2023-47627)",
    rule: "Bounded lines and extensions, hexadecimal sizes alone, CRLF everywhere; extensions stay behind",
    tests: { ...MATRIX, "src/http1/body-decoder.test.ts": ["chunk"] },
  },
  {
    id: "T6",
    lesson:
      "An empty field name ends the list; white space kept in values (CVE-2023-25725, CVE-2019-18802)",
    rule: "Refused in HTTP/1.1 and in HPACK; values are trimmed once, before anything looks at them",
    tests: { ...MATRIX, "src/http1/field-scanner.test.ts": ["are not empty (T6)"] },
  },
  {
    id: "T7",
    lesson:
      "Bytes in fields of HTTP/2 that split messages of HTTP/1.1 (CVE-2023-27493, CVE-2023-27491)",
    rule: "Every field is judged by RFC 9113 section 8.2.1 before it is translated",
    tests: {
      ...MATRIX,
      "test/conformance/http2-messages-properties.test.ts": ["strict parser"],
    },
  },
  {
    id: "T8",
    lesson:
      "A body shorter or longer than its length, on a pooled connection (CVE-2026-33555, CVE-2026-48743)",
    rule: "The stream is reset, and the upstream connection is not used again",
    tests: {
      ...MATRIX,
      "test/integration/proxy-smuggling.test.ts": ["a malformed body resets the request upstream"],
    },
  },
  {
    id: "T9",
    lesson: "Bytes sent before CONNECT or Upgrade was accepted (CVE-2025-64763, CVE-2024-23326)",
    rule: "They wait for the answer, and follow it only when it opens a tunnel",
    tests: {
      "test/integration/proxy-tunnels.test.ts": ["no early byte becomes a request (T9)"],
      "test/integration/proxy-smuggling.test.ts": [
        "what follows an Upgrade or a CONNECT is no request",
      ],
      "src/http1/tunnel.test.ts": ["requests that become tunnels (T9)"],
    },
  },
  {
    id: "T10",
    lesson: "Surplus bytes of an answer taken for the next one (CVE-2026-48931)",
    rule: "The connection is closed; interim answers are bounded",
    tests: {
      "src/http1/response-parser.test.ts": [
        "surplus bytes (T10)",
        "may be so many and no more (T10)",
      ],
      "test/integration/proxy-smuggling.test.ts": [
        "surplus bytes behind an answer never reach anybody",
        "a flood of interim answers is cut off",
      ],
    },
  },
  {
    id: "T11",
    lesson: "State lost around `Expect: 100-continue` (CVE-2024-24791)",
    rule: "A final answer instead of a permission ends both connections",
    tests: {
      ...MATRIX,
      "test/integration/proxy-http1.test.ts": [
        "a final answer instead of a permission closes both connections",
      ],
    },
  },
  {
    id: "T12",
    lesson: "Rapid reset (CVE-2023-44487, CVE-2021-32778)",
    rule: "Requests begin behind the read that brought them, so that one taken back at once costs nothing upstream; a budget of early resets, then GOAWAY with ENHANCE_YOUR_CALM; a larger one for peers with an identity, whose clients' resets they pass on",
    tests: {
      ...attacks("rapid reset"),
      "test/integration/http2-taken-back.test.ts": [
        "requests that are taken back at once cost nothing upstream, and are told",
      ],
      "test/integration/proxy-early-resets.test.ts": [
        "a stranger who gives up request after request is cut off",
        "a peer of the mesh whose clients give up keeps its connection",
      ],
      "src/http2/abuse-budget.test.ts": ["rapid reset (T12, CVE-2023-44487)"],
    },
  },
  {
    id: "T13",
    lesson: "Resets that the peer provokes (CVE-2025-8671)",
    rule: "They count in the same budget, and a stream keeps its place until its work has ended",
    tests: {
      ...attacks("resets that the peer provokes"),
      "src/http2/stream-slots.test.ts": [
        "a reset stream keeps its place until its work has ended (T13)",
      ],
    },
  },
  {
    id: "T14",
    lesson: "CONTINUATION without end (CVE-2024-27919, CVE-2024-27983)",
    rule: "A field block has a bound of bytes, of frames and of time",
    tests: {
      ...attacks("CONTINUATION flood"),
      "src/http2/field-block-assembler.test.ts": ["(T14)"],
    },
  },
  {
    id: "T15",
    lesson: "Bounds on encoded bytes let small blocks become large heads (CVE-2026-47774)",
    rule: "The decoded size is bounded while it is decoded",
    tests: { ...attacks("HPACK bomb") },
  },
  {
    id: "T16",
    lesson:
      "Floods of PING, SETTINGS and empty frames (CVE-2019-9512, -9515, -9516, -9518, CVE-2020-11080)",
    rule: "A budget for each kind of frame that costs and moves nothing",
    tests: {
      ...attacks("SETTINGS flood", "PING flood", "DATA without a byte"),
      "src/http2/abuse-budget.test.ts": ["empty frames (T16, CVE-2019-9518)"],
    },
  },
  {
    id: "T17",
    lesson: "Windows of zero and overflows (CVE-2019-9511, CVE-2019-9517, CVE-2026-21714)",
    rule: "What waits is bounded; who does not read is cut off",
    tests: {
      ...attacks("who does not read"),
      "src/http2/send-scheduler.test.ts": ["(T17)"],
      "src/http2/abuse-budget.test.ts": ["(T17)"],
    },
  },
  {
    id: "T18",
    lesson: "A parser or a callback that throws ends the process (CVE-2025-59465, CVE-2026-21637)",
    rule: "One connection ends, and the proxy goes on",
    tests: {
      "test/integration/proxy-faults.test.ts": [""],
      "test/fuzz/corpus.test.ts": ["the stored corpus and its mutations"],
    },
  },
  {
    id: "T19",
    lesson:
      "Names that are traps: `__proto__`, collisions of hashes (CVE-2026-21710, CVE-2026-21717)",
    rule: "Fields are lists and maps, and numbers of fields are bounded",
    tests: {
      "src/http1/field-scanner.test.ts": ["names as keys (T19)"],
      "src/http2/hpack/encoder.test.ts": ["T19"],
    },
  },
  {
    id: "T20",
    lesson: "Heads and bodies that come byte by byte",
    rule: "Deadlines for heads, bodies and handshakes",
    tests: {
      "test/integration/proxy-timeouts.test.ts": ["a head that comes too slowly is answered 408"],
      ...attacks("fields that do not come to their end", "a body that does not come to its end"),
      "test/security/slow-clients.test.ts": ["a thousand slow clients leave an honest one served"],
      "test/security/tls-cases.test.ts": ["half a handshake ends at its deadline"],
    },
  },
  {
    id: "T21",
    lesson:
      "Spellings of a path that policies read and apps do not (CVE-2021-31920, CVE-2021-29492, CVE-2019-9901)",
    rule: "One canonical path is judged and forwarded",
    tests: {
      "test/integration/proxy-paths.test.ts": [
        "T21: each spelling is judged by its canonical path",
      ],
      "src/http/path-normalization.test.ts": ["T21"],
      "test/interop/paths-envoy.test.ts": ["T21"],
    },
  },
  {
    id: "T22",
    lesson: "A fragment in the target (CVE-2021-39156, CVE-2021-32779)",
    rule: "400",
    tests: { "test/integration/proxy-paths.test.ts": ["T22: a fragment in a target is refused"] },
  },
  {
    id: "T23",
    lesson: "Hosts compared in one way here and in another there (CVE-2021-39155)",
    rule: "One canonical authority for routes and policies; bad or double Host is 400",
    tests: {
      "src/http/authority.test.ts": ["T23"],
      "src/http1/request-parser.test.ts": ["Host and targets (RFC 9112 section 3.2, T22, T23)"],
      "src/http2/message/request-reader.test.ts": ["the authority (RFC 9113 section 8.3.1, T23)"],
      "test/interop/edge-envoy.test.ts": ["T23"],
      "src/translate/rbac/authorization.test.ts": [
        "a host is meant in any case, with every port (T23)",
      ],
    },
  },
  {
    id: "T24",
    lesson:
      "Matchers that saw joined values, or only the last (CVE-2026-26308, CVE-2021-32777, CVE-2024-10006)",
    rule: "Each value is judged: DENY by any, ALLOW by all",
    tests: {
      "test/integration/proxy-authorization.test.ts": ["T24: each value of a header is judged"],
      "src/decision/rbac/rbac-engine.test.ts": ["T24: one field of several is enough to deny"],
    },
  },
  {
    id: "T25",
    lesson:
      "Internal headers believed from outside (CVE-2023-27487, CVE-2024-45806, CVE-2024-45410)",
    rule: "Stripped at the edge; hops are counted by configuration; Connection cannot strip what the proxy sets",
    tests: {
      "test/interop/edge-envoy.test.ts": ["T25"],
      "src/http1/framing.test.ts": [
        "cannot strip what routes, frames or identifies a request (T25)",
      ],
    },
  },
  {
    id: "T26",
    lesson:
      "Names of certificates with NUL, injected text or several URIs (CVE-2025-66220, CVE-2026-47778, CVE-2021-44532, CVE-2022-40716)",
    rule: "Names are read from DER, byte by byte; a corpus of crafted certificates is judged right",
    tests: {
      "src/identity/peer-verifier.test.ts": ["corpus"],
      "src/identity/certificate.test.ts": ["a good certificate hidden as PEM inside a forged one"],
      "src/identity/csr.test.ts": ["bad requests are refused with the reason"],
      "test/interop/certificates-openssl.test.ts": ["what we accept OpenSSL accepts too"],
    },
  },
  {
    id: "T27",
    lesson:
      "A resumed session skips the check of another host, or of a trust that has changed (CVE-2025-23419, CVE-2022-21654, CVE-2026-48934)",
    rule: "The check runs again on every handshake; 421 for another host than that of the connection",
    tests: {
      "src/proxy/tls-resumption.test.ts": ["a new trust bundle ends the sessions"],
      "test/integration/proxy-misdirected.test.ts": [
        "a request for another host than that of its connection gets 421",
        "a session of one host does not open another one",
      ],
    },
  },
  {
    id: "T28",
    lesson:
      "Keys that could not be fetched, algorithms that the token chooses (CVE-2026-31837, CVE-2025-64527, CVE-2023-3518, RFC 8725)",
    rule: "No key, no entry; the last good keys are kept; the key decides the algorithm; no token causes a fetch",
    tests: {
      "test/integration/proxy-jwt.test.ts": [
        "T28: forged and confused tokens get 401",
        "T28: two tokens are refused",
      ],
      "src/control-plane/jwks/key-set-keeper.test.ts": [
        "T28: 500, silence, garbage, an empty set and 1 MB",
        "T28: nothing but time causes a fetch",
      ],
      "test/conformance/jose-wycheproof.test.ts": [""],
    },
  },
  {
    id: "T29",
    lesson:
      "Dots as wildcards, newer fields that older proxies pass over, rules that cancel out (CVE-2026-39350, CVE-2022-21679, CVE-2021-36213)",
    rule: "Names are literal; an unknown field is refused; a DENY never lets more in; regular expressions are linear and bounded",
    tests: {
      "src/translate/rbac/authorization.test.ts": [
        "no character of a name is a wildcard (T29)",
        "adding a DENY policy never lets more in",
        "the order of policies does not matter",
      ],
      "test/security/bad-xds.test.ts": ["whatever its fields hold, nothing else is affected"],
    },
  },
  {
    id: "T30",
    lesson:
      "Input of strangers ends the control plane, or shows what is not theirs (CVE-2022-23635, CVE-2026-31838, CVE-2020-7219, CVE-2025-43915)",
    rule: "Who asks is known before anything is parsed; bounds on connections, bodies and rates; labels of metrics are bounded",
    tests: {
      "test/integration/admin-access.test.ts": [
        "T30: a head that never ends",
        "T30: who is not known has no body read",
        "T30: a client that asks without end is slowed down",
        "no secret is in the log",
      ],
      "test/security/bad-resources.test.ts": ["whatever its fields hold, nothing else is affected"],
      "src/telemetry/metric-registry.test.ts": [
        "beyond the bound all label sets share one overflow series",
      ],
    },
  },
];
