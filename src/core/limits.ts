/** Every default bound of the product, each with its reason. Sizes in bytes, times in milliseconds. */

/** Fields in one message. Envoy's default; more is a client that builds headers in a loop. */
export const HEADER_COUNT_MAX = 100;
/** Request line and fields together. Envoy allows 60 KiB; ours is the decoded size (T15). */
export const HEAD_SIZE_BYTES_MAX = 64 * 1024;
/** Request or status line alone: longer targets are refused with 414 (RFC 9112 section 3 asks for 8000 at least). */
export const START_LINE_BYTES_MAX = 16 * 1024;
/** One chunk-size line with its extensions (T5). */
export const CHUNK_LINE_BYTES_MAX = 256;
/** Chunk extensions of one body together: they are dropped, so a peer must not send them for ever (T5, CVE-2024-22019). */
export const CHUNK_EXTENSIONS_BYTES_MAX = 16 * 1024;
/** Hexadecimal digits of a chunk size: 13 hold every integer that a double counts exactly. */
export const CHUNK_SIZE_DIGITS_MAX = 13;
/** Digits of a Content-Length, for the same reason. */
export const CONTENT_LENGTH_DIGITS_MAX = 15;
/** Trailer section of a chunked body. */
export const TRAILER_SIZE_BYTES_MAX = 16 * 1024;
/** Interim (1xx) answers before the final one (T10). */
export const INTERIM_RESPONSES_MAX = 10;
/** Names in the Connection fields of one message: each is looked for among all fields (T19). */
export const CONNECTION_OPTIONS_MAX = 32;
/** Empty lines before a request line that are skipped (RFC 9112 section 2.2). */
export const LEADING_EMPTY_LINES_MAX = 4;

/** Time for a complete request head (T20). */
export const REQUEST_HEAD_TIMEOUT_MS = 10_000;
/** Time for a TLS handshake (T20). */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
/** A TLS session serves new connections for this long: a 24th of a certificate's day, and long enough for clients that come back. */
export const TLS_SESSION_LIFETIME_MS = 3_600_000;
/** Connections that one TLS session may serve beside its own. RFC 8446 appendix C.4 asks for few; each has a key exchange of its own. */
export const TLS_SESSION_USES_MAX = 4;
/** A connection is drained so long before its peer's certificate expires: the coarse wheel is two ticks late at most. */
export const PEER_EXPIRY_LEAD_MS = 1_500;
/** An upstream connection makes way for another one so long before that: a few sweeps, a handshake, and a renewed certificate at its other end. */
export const PEER_EXPIRY_SUCCESSION_MS = 30_000;
/** TLS sessions kept for one upstream address. OpenSSL and BoringSSL give two at a time. */
export const TLS_SESSIONS_PER_ENDPOINT_MAX = 2;
/** Upstream addresses of one cluster with TLS sessions. About 1 KB each; the one that was used longest ago goes. */
export const TLS_SESSION_ENDPOINTS_MAX = 256;
/** One TLS session: a ticket with a client's certificate has 1 to 4 KB. Larger ones are not kept. */
export const TLS_SESSION_BYTES_MAX = 8 * 1024;
/** Clients of one listener whose intermediate certificates are kept for resumption, and bytes of them: beyond it all begin anew. */
export const TLS_KEPT_CHAINS_MAX = 1024;
export const TLS_KEPT_CHAINS_BYTES_MAX = 1024 * 1024;
/** Idle downstream connection. Envoy's default. */
export const DOWNSTREAM_IDLE_TIMEOUT_MS = 3_600_000;
/** Idle upstream connection in a pool. Below the 60 s and 75 s after which common servers close, so that we close first. */
export const UPSTREAM_IDLE_TIMEOUT_MS = 55_000;
/** Stream without a byte in either direction. Envoy's default. */
export const STREAM_IDLE_TIMEOUT_MS = 300_000;
/** Route timeout where none is given. Envoy's default. */
export const ROUTE_TIMEOUT_MS = 15_000;
/** TCP connect where a cluster gives none. Envoy's default. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Requests in flight finish within this time when a listener drains. */
export const DRAIN_TIMEOUT_MS = 5_000;
/** A draining proxy still accepts for this long: callers hear of the drain only after some time. */
export const DRAIN_LAG_MS = 2_000;
/** What a sidecar that was replaced carries may go on for this long. Envoy's default. */
export const RESTART_DRAIN_MS = 600_000;
/** More is a slip of the pen. */
export const RESTART_DRAIN_MS_MAX = 86_400_000;
/** A new process of a sidecar has to serve within this time, or the old one goes on. */
export const RESTART_START_MS_MAX = 60_000;
/** The old process hands its sockets over at once; one that does not is gone or hangs. */
export const RESTART_SOCKETS_MS_MAX = 10_000;

/** The read buffer that all plain connections share. One read of this size keeps system calls few. */
export const READ_BUFFER_BYTES = 64 * 1024;
/** Body bytes up to this size are joined to their head and leave in one write. */
export const SMALL_BODY_BYTES_MAX = 4 * 1024;
/** Requests at a time on one upstream HTTP/2 connection, whatever its peer allows. Envoy's default. */
export const UPSTREAM_STREAMS_PER_CONNECTION_MAX = 1_024;
/**
 * Requests at a time on a shared connection above which another one is made: a turn of the event loop seldom
 * brings more for one peer, so that more on one connection saves no write, and a lost packet holds up all of
 * them. Below the 100 that servers announce (RFC 9113 section 6.5.2), so that none has to wait meanwhile.
 */
export const SHARED_CONNECTION_STREAMS_SOFT_MAX = 64;
/** Shared connections made for load alone: enough to reach other cores of the peer. More are made only when all of them are full. */
export const SHARED_CONNECTIONS_PER_ENDPOINT_MAX = 4;
/**
 * A shared connection makes way for a new one after this time: nothing else would move its load when the peer gets
 * more workers or stands behind a balancer. A handshake each ten minutes costs nothing; what was told about the
 * peer's identity is never older.
 */
export const SHARED_CONNECTION_AGE_MS = 600_000;
/** Up to this share of its age a connection makes way earlier, so that those made together do not end together. gRPC spreads by 10 % either way. */
export const SHARED_CONNECTION_AGE_JITTER = 0.2;
/** PING frames of a keepalive come no more often: two kinds of them are then a fifth of what PINGS_MAX and its like in other proxies allow. */
export const KEEPALIVE_INTERVAL_MS_MIN = 100;
/** Up to this share of its interval a keepalive comes later, so that connections made together do not ask together. Envoy's default. */
export const KEEPALIVE_JITTER_PERCENT = 15;
/** Idle connections kept for one endpoint. */
export const IDLE_CONNECTIONS_PER_ENDPOINT_MAX = 512;
/** Pairs of routes that are compared to find those that no request reaches: some milliseconds of each push. */
export const SHADOW_COMPARISONS_MAX = 50_000;
/** Request body kept until there is a connection to send it on; then its source pauses. Linkerd's figure for bodies. */
export const PENDING_BODY_BYTES_MAX = 64 * 1024;
/** Retries that a caller may ask for in a field of its request: with the back-off of all of them a minute or so. */
export const REQUEST_RETRIES_MAX = 100;
/** Request body kept to be mirrored; a larger one is not mirrored. */
export const MIRRORED_BODY_BYTES_MAX = 64 * 1024;
/** Copies under way to one mirror cluster, which may be as slow as it likes. */
export const MIRRORED_REQUESTS_MAX = 1_024;
/** Spans that are kept for a while although nobody has sampled their trace: some 2 MB a process, made when tracing begins. */
export const TRACE_RING_SPANS = 4_096;
/** Method, host, path and request id of one of them. */
export const TRACE_RING_TEXT_BYTES = 384;
/** Traces of which spans that end later are told, too: minutes of failures. A power of two. */
export const WANTED_TRACES_MAX = 1_024;
/** A message of spans is sent when it has so many, or so many bytes, or after this time. */
export const SPANS_PER_MESSAGE = 512;
export const SPANS_MESSAGE_BYTES = 1024 * 1024;
export const SPANS_INTERVAL_MS = 1_000;
export const SPANS_TIMEOUT_MS = 10_000;
/** Traces that one process keeps in a second; when everything fails, spans must not cost more than requests. */
export const KEPT_TRACES_PER_SECOND = 50;
/** Characters of a path in a span where nothing is said: Envoy's default. */
export const TRACE_PATH_LENGTH = 256;
/** A question to the control plane, for wanted traces or taps, is held so long where there is nothing to say. */
export const LONG_POLL_HOLD_MS = 30_000;
/** Traces that the control plane remembers to have asked for. */
export const TAIL_TRACES_MAX = 4_096;
/** Traces that it asks all sidecars for in a second. */
export const TAIL_TRACES_PER_SECOND = 200;
/** How long wanted traces are gathered before sidecars are told. */
export const TAIL_GATHER_MS = 100;
/** Before the next question to a control plane that did not answer one. */
export const LONG_POLL_RETRY_MS = 5_000;
/** Time series of one metric family; later ones are counted in an overflow series (T30). */
export const METRIC_SERIES_MAX = 2_000;
/** A series of requests or connections that has not changed for so long is given up. */
export const METRIC_IDLE_MS = 15 * 60_000;
/** How often that is looked for: all series once. */
export const METRIC_EXPIRY_INTERVAL_MS = 60_000;
/** Processes of an app whose CPU and memory are added up: each costs two small files at every reading. */
export const APP_PROCESSES_MAX = 64;
/** An app's own metrics are waited for so long, while our scraper waits 10 s. */
export const APP_METRICS_MS_MAX = 2_000;
/** Of an app's own metrics page: tens of thousands of series. */
export const APP_METRICS_BYTES_MAX = 4 * 1024 * 1024;
/** Series of one message of OTLP: with 25 labels each some 400 KB, a tenth of what gRPC takes, encoded within a millisecond or two. */
export const OTLP_METRICS_SERIES_PER_MESSAGE = 250;
/** A receiver that takes longer gets nothing more of this push. */
export const OTLP_METRICS_TIMEOUT_MS = 5_000;
/** Series that did not change are told again after this time, for receivers that forget. */
export const OTLP_METRICS_REFRESH_MS = 60_000;
/** Time for the last push of a process that ends. */
export const OTLP_METRICS_LAST_PUSH_MS = 1_000;
/** Between pushes: Envoy's default for `stats_flush_interval`. */
export const STATS_FLUSH_INTERVAL_MS = 5_000;

// Connections before and beside HTTP.
/**
 * Downstream connections of one process where the bootstrap file gives no bound: Envoy's advice for edges. Idle ones
 * of about 20 KB each are then 1 GB.
 */
export const DOWNSTREAM_CONNECTIONS_MAX = 50_000;
/** Descriptors that one downstream connection may take: its own and an upstream one. Fewer files than that bound connections further. */
export const DESCRIPTORS_PER_CONNECTION = 2;
/** Descriptors that are kept from connections: listeners, the admin port, logs, the control plane, the runtime's own. */
export const DESCRIPTORS_RESERVED = 128;
/** Time for the listener filters to read a connection's first bytes. Envoy's default. */
export const LISTENER_FILTERS_TIMEOUT_MS = 15_000;
/**
 * A client that has said nothing for so long may wait for its server: a connection to the upstream is made
 * while its first bytes are still awaited. Longer than a client in the same machine or zone needs for its first
 * bytes behind its connect, shorter than people notice in the greeting of a database.
 */
export const SERVER_FIRST_DETECTION_MS = 40;
/** TCP connection without a byte in either direction. Envoy's default. */
export const TCP_IDLE_TIMEOUT_MS = 3_600_000;

// Rate limits.
/** A bucket's fill interval. Envoy's bound. */
export const RATE_LIMIT_FILL_MS_MIN = 50;
/** Values that have a bucket of their own in one limit ("for each user"), where nothing is said: about 2 MB. Who was seen longest ago goes, and begins anew with a full bucket. */
export const RATE_LIMIT_VALUES_MAX = 10_000;
/** How long the answer of a rate limit service is waited for where nothing is said. Envoy's default. */
export const RATE_LIMIT_SERVICE_MS = 20;
/** Envoy's bound of `stage`. */
export const RATE_LIMIT_STAGE_MAX = 10;
/** The answer to a call of the proxy's own: that of a rate limit service is a few hundred bytes. */
export const GRPC_REPLY_BYTES_MAX = 64 * 1024;
/** Limits that the control plane counts for all proxies at a time, one for each distinct value: about 20 MB. Who was asked about longest ago begins anew. */
export const RATE_LIMIT_COUNTERS_MAX = 100_000;
/** Descriptors of one request that the control plane answers for: a policy has no more rules. */
export const RATE_LIMIT_DESCRIPTORS_MAX = 64;

// HTTP/2 frames.
/** Compressed field block with all its CONTINUATIONs (T14). HPACK seldom makes a block larger than its fields: HEAD_SIZE_BYTES_MAX. */
export const FIELD_BLOCK_BYTES_MAX = 64 * 1024;
/** CONTINUATION frames of one field block (T14): the largest block needs 3 at the smallest frame size a peer may ask for. */
export const FIELD_BLOCK_CONTINUATIONS_MAX = 8;
/** Settings in one frame (T16, CVE-2020-11080): nghttp2's bound. Seven are defined. */
export const SETTINGS_PER_FRAME_MAX = 32;
/** SETTINGS_MAX_FRAME_SIZE that we announce: the RFC's least, which bounds what a frame in parts keeps. DATA is not kept. */
export const FRAME_SIZE_BYTES_MAX = 16 * 1024;
/** SETTINGS_MAX_CONCURRENT_STREAMS that we announce (T12). Envoy's advice for edges, the RFC's least. */
export const CONCURRENT_STREAMS_MAX = 100;
/** SETTINGS_INITIAL_WINDOW_SIZE that we announce (T17). The RFC's and Linkerd's figure: what a stalled stream may hold. */
export const STREAM_WINDOW_BYTES = 65_535;

// HTTP/2 streams.
/**
 * Stream identifiers, counted back from the newest, of which the end is remembered so that a late frame gets the RFC's own
 * answer. More than the streams that are open at once; 64 bytes, which are as many as V8 keeps without memory beside its heap.
 */
export const CLOSED_STREAMS_REMEMBERED_MAX = 128;
/** Receive window of a stream whose reader keeps up: 1 MiB carries 8 Gbit/s over 1 ms. Go's default, hyper's for connections. */
export const STREAM_WINDOW_GROWN_BYTES_MAX = 1024 * 1024;
/** Receive window of a connection (T17): above what all streams may hold together, so that stalled ones block no other. A peer must send what we hold: no amplification. Envoy allows 24 MiB. */
export const CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024;
/** Bytes that one stream sends before the next has its turn: one frame of the size that every peer takes. */
export const SEND_QUANTUM_BYTES = 16 * 1024;
/** Bytes that wait for one stream's window before its source pauses. One read of the shared buffer. */
export const STREAM_SEND_BYTES_MAX = 64 * 1024;
/** A paused source goes on once so little waits: a frame is there while its next bytes come. */
export const STREAM_SEND_LOW_BYTES = 16 * 1024;
/** Bytes that wait in all streams of a connection (T17); above it, each stream's source pauses at once. Envoy's buffer. */
export const CONNECTION_SEND_BYTES_MAX = 1024 * 1024;

// HTTP/2 abuse. What a peer may do in one period for nothing; more must be earned by streams or data.
/** Period of all budgets. Double Envoy's tick of 5 s for overload; a burst of one round trip is small against it. */
export const ABUSE_PERIOD_MS = 10_000;
/** Streams reset soon after their start, and resets that the peer provoked (T12, T13, CVE-2023-44487, CVE-2025-8671), provided that they are more than half of the streams. One full set of concurrent streams; Envoy begins at 500 of a connection's life with the same half. */
export const PREMATURE_RESETS_MAX = 100;
/** The same of a peer that has proved its identity by TLS: a sidecar or gateway passes on what its many clients do, time limits of theirs that run out among it, and bounds each of them itself. */
export const PREMATURE_RESETS_OF_KNOWN_PEER_MAX = 10_000;
/** A stream that lived so long and is then reset cost its place among the concurrent streams. Envoy's figure. */
export const PREMATURE_RESET_AGE_MS = 1_000;
/** PING frames (T16, CVE-2019-9512), one more for each DATA frame we sent: gRPC measures its bandwidth with them. Envoy and nghttp2 stop at 1,000 unanswered ones. */
export const PINGS_MAX = 1_000;
/** SETTINGS frames (T16, CVE-2019-9515). Peers send one at the start and few later; each may touch every stream. */
export const SETTINGS_FRAMES_MAX = 100;
/** PRIORITY frames (T16, CVE-2019-9513), and as many for each stream. Envoy's figure for both. */
export const PRIORITY_FRAMES_MAX = 100;
/** WINDOW_UPDATE frames (T16) that nothing explains: readers that take small pieces long after we sent. nghttp2's burst of odd frames. */
export const WINDOW_UPDATES_MAX = 1_000;
/** WINDOW_UPDATE frames that each stream explains. Envoy's figure. */
export const WINDOW_UPDATES_PER_STREAM = 2;
/** WINDOW_UPDATE frames that each DATA frame we sent explains. Envoy's figure. */
export const WINDOW_UPDATES_PER_DATA_FRAME = 10;
/** DATA, HEADERS or CONTINUATION frames without a byte that end nothing (T16, CVE-2019-9518), and one for each stream. Envoy allows one in a row. */
export const EMPTY_FRAMES_MAX = 100;
/** Frames for streams that are gone and frames of unknown type: dropped, but not for ever. nghttp2's burst of odd frames. */
export const DROPPED_FRAMES_MAX = 1_000;
/** Dropped frames that each stream we reset explains: they were on their way. Small messages that fill a stream's window. */
export const DROPPED_FRAMES_PER_RESET = 1_000;
/** Control frames that wait until the peer reads (T17, CVE-2019-9512, CVE-2019-9515). Envoy's and Node's figure. */
export const QUEUED_CONTROL_FRAMES_MAX = 1_000;

/**
 * Frames, or field blocks, of one connection before others have their turn (T12, T16): one read of 64 KB holds 3,800
 * PINGs, which is a millisecond or two. A full set of concurrent streams, each with a head, a body and a window.
 */
export const FRAMES_PER_TURN_MAX = 300;

// HPACK.
/**
 * Dynamic table of either direction of a connection, in bytes as RFC 7541 section 4.1 counts. The
 * protocol's default: the fields that repeat in a mesh fit, and 1,000 connections hold at most 16 MiB.
 */
export const HPACK_TABLE_BYTES_MAX = 4_096;
/** Table size updates at the start of a block: the smallest since the last block and the final one (RFC 7541 section 4.2). */
export const HPACK_SIZE_UPDATES_MAX = 2;

// First bytes of a connection.
/** Bytes after which the protocol is decided in any case: a method, a short target and `HTTP/1` fit. Kept per undecided connection. */
export const SNIFFED_BYTES_MAX = 1024;
/** ClientHello with its record headers. Envoy's default; one with X25519MLKEM768 and ECH has about 2.5 KB. */
export const CLIENT_HELLO_BYTES_MAX = 16 * 1024;
/** ALPN protocols of one ClientHello: clients offer two or three. */
export const ALPN_PROTOCOLS_MAX = 32;
/** PROXY protocol header, version 2, fixed part included: nginx's bound. TLVs with a client's certificate fit; the protocol's own 65 KB is memory for nothing. */
export const PROXY_HEADER_BYTES_MAX = 4 * 1024;
/**
 * A field section that decodes to more ends the connection instead of its stream (T15): HPACK_TABLE_BYTES_MAX
 * can be copied for each two bytes of a bomb. Four times what is accepted leaves room for honest mistakes.
 */
export const HPACK_LIST_BYTES_MAX = 256 * 1024;

// Filters.
/** A fault that a request's own field asks for delays it no longer: each that waits holds its head and part of its body. */
export const FAULT_HEADER_DELAY_MS_MAX = 300_000;
/** Bytes of one answer that wait until their rate allows them to leave. One read more can come behind it. */
export const RATE_LIMITED_PENDING_BYTES_MAX = 64 * 1024;

/** Requests of a proxy's own at a time: what they are for can wait for the next occasion. */
export const BACKGROUND_REQUESTS_MAX = 64;

// Response cache.
/** Responses kept for one URI: callers choose what tells them apart. The one that came first makes way. */
export const CACHE_VARIANTS_MAX = 64;
/** Requests that wait for one response. Others ask for themselves. */
export const CACHE_WAITERS_MAX = 1_024;
/** URIs remembered whose responses are not kept: some hundred bytes each. */
export const CACHE_PASSES_MAX = 4_096;
/** Tags of one response, and characters of each: purging needs few and short ones. */
export const CACHE_TAGS_MAX = 64;
export const CACHE_TAG_LENGTH_MAX = 128;

// Names of endpoints.
/** Addresses of one name that become endpoints. An answer over UDP holds about as many. */
export const DNS_ADDRESSES_MAX = 256;
/** An answer that holds for less is not asked for more often: a name server is no load balancer. */
export const DNS_TTL_FLOOR_MS = 1_000;
/** Between two resolutions of a name when nobody says. Envoy's default. */
export const DNS_REFRESH_MS = 5_000;

// Name queries of apps.
/** Queries that wait for another name server at a time, each with a socket of its own. An app that asks more has nobody's answer yet. */
export const DNS_PENDING_MAX = 256;
/** One try of another name server. Resolvers of common systems wait 5 s for all of them. */
export const DNS_TIMEOUT_MS = 2_000;
/** One query: a name has 255 bytes at most, an OPT record with cookies some dozens. */
export const DNS_QUERY_BYTES_MAX = 4096;
/** Connections of one responder: apps use one for the few answers that no datagram holds. */
export const DNS_TCP_CONNECTIONS_MAX = 64;
/** A connection without a query, RFC 7766 section 6.2.3: a few seconds. */
export const DNS_TCP_IDLE_TIMEOUT_MS = 10_000;

// Workers.
/** Processes of one proxy. More than the cores of most machines; each holds 25 MB of its own. */
export const WORKERS_MAX = 64;
/** How long a worker waits for what another one's refresh of a session brings: longer than any provider is waited for. */
export const SESSION_REFRESH_MS_MAX = 70_000;
/** A worker that has not answered within this time hangs, and is ended. Compiling the largest configuration takes a second. */
export const WORKER_ANSWER_MS_MAX = 10_000;
/** A worker reads its program and takes the whole configuration within this time, on a machine that is busy starting. */
export const WORKER_START_MS_MAX = 30_000;
/** A scrape is worth no more waiting; scrapers give up after 10 s. */
export const WORKER_SCRAPE_MS_MAX = 1_000;

/**
 * Of the requests to a cluster at most one in so many tries an ejected endpoint: an instance that stays broken costs
 * its callers 5 % of their requests at most, however few they send.
 */
export const OUTLIER_TRIAL_SPACING_PICKS = 20;
/**
 * An endpoint that no request could try for so long is used again without a trial, as Envoy does it: requests of its
 * subset may be rare, and its cluster may get none while another one stands in for it. Envoy's base ejection time.
 */
export const OUTLIER_TRIAL_WAIT_MS = 30_000;
/** Ejected endpoints that metrics name at a time: more are out only where a whole service is. */
export const OUTLIER_EJECTED_TOLD_MAX = 256;
/** What a TCP health check waits for is a few bytes long: what sends more is something else. */
export const HEALTH_CHECK_BYTES_MAX = 64 * 1024;

// Tokens of users.
/** One JSON Web Token. Those of common issuers have 1 to 8 KB, groups included; a field section holds 64 KiB. */
export const JWT_BYTES_MAX = 16 * 1024;
/** Longer ones are verified each time: with Envoy's bound, what is cached stays small. */
export const JWT_CACHED_BYTES_MAX = 4 * 1024;
/** Verified tokens that a provider keeps when nobody says. Envoy's default. */
export const JWT_CACHE_TOKENS = 100;
/** And at most: some 10 KB each with their claims. */
export const JWT_CACHE_TOKENS_MAX = 10_000;
/** Keys that one token is tried with. A token without `kid` may be anybody's, and each try costs a verification. */
export const JWT_KEYS_TRIED_MAX = 8;
/** Nesting of JSON that strangers send (T28): more has crashed proxies, and no claims are as deep. */
export const JSON_DEPTH_MAX = 1_000;
/** A key set, fetched or inline: a hundred keys with their certificates. */
export const JWKS_BYTES_MAX = 256 * 1024;
/** Issuers publish two or three keys, large ones a dozen. */
export const JWKS_KEYS_MAX = 100;
/** Issuers whose keys the control plane fetches. Each costs a request per refresh. */
export const JWKS_SOURCES_MAX = 1_000;
/** Between two fetches of an issuer's keys: a new key is known within this time, and nothing else causes a fetch. */
export const JWKS_REFRESH_MS = 30_000;
/** Behind the first failure; doubled behind each further one, up to the refresh. */
export const JWKS_RETRY_MS = 1_000;
/** What was fetched last holds for so long when it cannot be fetched again. */
export const JWKS_LAST_GOOD_MS = 24 * 3_600_000;
/** NIST SP 800-131A: less is broken or soon will be. */
export const RSA_BITS_LEAST = 2_048;
/** What larger keys cost is paid for each token: 8192 bits take half a millisecond. */
export const RSA_BITS_MAX = 8_192;

// The Workload API of a sidecar.
/** One app and its tools use it: each library holds one connection. */
export const WORKLOAD_API_CONNECTIONS_MAX = 64;
/** Streams that are open at a time, of all connections: a library holds two or three. */
export const WORKLOAD_API_STREAMS_MAX = 256;
/** Tokens that are kept, by audience: an app asks for some few. */
export const WORKLOAD_API_TOKENS_MAX = 256;

// Trust domains and their bundles.
/** A bundle of a trust domain: a hundred roots of 1.5 KB in base64, and keys. */
export const SPIFFE_BUNDLE_BYTES_MAX = 256 * 1024;
/** A trust domain has one to four roots and keys at a time; one that replaces them daily a dozen. */
export const SPIFFE_BUNDLE_KEYS_MAX = 200;

// Authorization.
/**
 * Policies that stand in the indexes by which requests of different peers find theirs, for each set of rules: about
 * 100 bytes each. Beyond it the indexes begin anew.
 */
export const RBAC_INDEXED_POLICIES_MAX = 50_000;
/** Addresses whose place in a range is remembered: callers of one port are dozens, strangers are not worth more. */
export const RBAC_ADDRESSES_REMEMBERED_MAX = 256;
/** Policies that are looked at to tell a denied client which one came nearest: denials may come by the thousand. */
export const RBAC_EXPLAINED_POLICIES_MAX = 64;

/**
 * Addresses that metrics about callers without mutual TLS tell apart: each is a series, and any client can bring a new
 * one. Enough to find out who is left in a namespace.
 */
export const MTLS_SOURCES_MAX = 64;

// External authorization.
/** How long an authorization service is waited for where nothing is said. Envoy's default. */
export const EXT_AUTHZ_TIMEOUT_MS = 200;
/** Bytes of a request's body that a service may be told: each request that waits for it holds as many. */
export const EXT_AUTHZ_BODY_BYTES_MAX = 1024 * 1024;
/** A client that sends nothing of a body that is waited for gets 408 then. Envoy's default of `stream_idle_timeout`. */
export const EXT_AUTHZ_BODY_IDLE_MS = 300_000;
/** The answer of an HTTP authorization service: a page that tells why. */
export const EXT_AUTHZ_REPLY_BYTES_MAX = 64 * 1024;
/** Fields that one answer may change, of requests and responses together. A field section holds 100. */
export const EXT_AUTHZ_HEADERS_MAX = 256;

/** Taps at one time: people who watch requests. */
export const TAPS_MAX = 32;

// Access log records that sidecars send.
/** Between messages: Envoy's default of `buffer_flush_interval`. */
export const LOG_RECORDS_INTERVAL_MS = 1_000;
/** Of one message: Envoy's default of `buffer_size_bytes`. */
export const LOG_RECORDS_BUFFER_BYTES = 16_384;
export const LOG_RECORDS_TIMEOUT_MS = 5_000;

// Spans and access log records that a receiver does not take.
/** Of each that wait for one receiver: some 6,000, which is half a minute of 200 requests a second that are all told. */
export const TELEMETRY_HELD_BYTES_MAX = 4 * 1024 * 1024;
/** One message that is tried for so long goes, so that it holds up no others for ever. As OpenTelemetry's collector has it. */
export const TELEMETRY_HELD_MS_MAX = 300_000;
/** Before the first message is tried again; twice as long each time, until: who is back is found soon. */
export const TELEMETRY_PAUSE_MS = 100;
export const TELEMETRY_PAUSE_MS_MAX = 5_000;
