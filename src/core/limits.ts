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

/** The read buffer that all plain connections share. One read of this size keeps system calls few. */
export const READ_BUFFER_BYTES = 64 * 1024;
/** Body bytes up to this size are joined to their head and leave in one write. */
export const SMALL_BODY_BYTES_MAX = 4 * 1024;
/** Idle connections kept for one endpoint. */
export const IDLE_CONNECTIONS_PER_ENDPOINT_MAX = 512;
/** Request body kept until there is a connection to send it on; then its source pauses. Linkerd's figure for bodies. */
export const PENDING_BODY_BYTES_MAX = 64 * 1024;
/** Request body kept to be mirrored; a larger one is not mirrored. */
export const MIRRORED_BODY_BYTES_MAX = 64 * 1024;
/** Copies under way to one mirror cluster, which may be as slow as it likes. */
export const MIRRORED_REQUESTS_MAX = 1_024;
/** Time series of one metric family; later ones are counted in an overflow series (T30). */
export const METRIC_SERIES_MAX = 2_000;

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
