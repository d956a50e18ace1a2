/** Bounds of what the control plane receives and keeps of telemetry, each with its reason. */

/** One export request, unpacked. As gRPC's own bound, which SDKs stay below. */
export const TELEMETRY_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Spans or log records of one request; a message of 4 MiB holds hardly more. */
export const TELEMETRY_RECORDS_PER_REQUEST_MAX = 10_000;
/** Export requests of one identity a second, all its instances together: fifty replicas with each signal every second. */
export const TELEMETRY_REQUESTS_PER_SECOND = 150;
/** Identities that send at one time. */
export const TELEMETRY_SENDERS_MAX = 10_000;
/** What waits for the store's thread; beyond it senders are asked to try again. A few seconds of a large mesh. */
export const TELEMETRY_QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** Series of traffic that are told apart: ten times what 2,000 edges with 400 proxies make. */
export const TELEMETRY_SERIES_MAX = 200_000;
/** Records and spans that are kept, the newest: some 100 MB of each. */
export const TELEMETRY_LOGS_MAX = 100_000;
export const TELEMETRY_SPANS_MAX = 150_000;
/** The telemetry store on disk where nothing is said. */
export const TELEMETRY_STORE_BYTES_MAX = 512 * 1024 * 1024;
/** How long telemetry is kept where nothing is said. */
export const TELEMETRY_RETENTION_MS = 24 * 3_600_000;
/** Connections of apps and Envoys that send by OTLP/HTTP. */
export const OTLP_HTTP_CONNECTIONS_MAX = 512;
