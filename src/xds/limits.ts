/** Bounds of the xDS protocol code, each with its reason. */

/** Resource types on one stream. xDS v3 defines about fifteen; a client that asks for more is broken. */
export const STREAM_TYPES_MAX = 64;

/** Names subscribed per type and stream: several times the largest known meshes, about 20 MB of strings. */
export const SUBSCRIBED_NAMES_MAX = 200_000;

/** Sends of one version of a resource before it is held back until its content changes. */
export const REFUSED_SENDS_MAX = 2;

/** Time between a refusal and the one retry: long enough for a port or a file to become free. */
export const REFUSAL_RETRY_MS = 5_000;

/**
 * How long a new stream is expected to ask for more types. Until then its revision does not count as
 * acknowledged and clusters from an earlier stream stay. Normally all requests come in one burst.
 */
export const INTRODUCTION_MS_MAX = 5_000;

/** Characters of a refusal's message that are kept for people to read. */
export const REFUSAL_MESSAGE_CHARS_MAX = 4_096;

/** How long a client waits for a resource that it asked for before it goes on without. Envoy's default. */
export const INITIAL_FETCH_TIMEOUT_MS = 15_000;

/** First and longest ceiling of the pause before a new stream; each pause is uniform below its ceiling. */
export const RECONNECT_BASE_MS = 200;
export const RECONNECT_MAX_MS = 30_000;

/** Characters of a NACK: every field of some hundred bad resources, and well below gRPC's message limit. */
export const NACK_TEXT_CHARS_MAX = 64 * 1024;

/** A server that forgets the interval must not make clients report without pause. */
export const HDS_INTERVAL_MS_MIN = 1_000;
