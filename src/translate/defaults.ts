/** Every fixed value that translation puts into xDS, each with its reason. Times in milliseconds. */

/** Failures after which the app provably never saw the request, whatever its method. */
export const SAFE_RETRY_ON = [
  "connect-failure",
  "refused-stream",
  "reset-before-request",
  "retriable-headers",
] as const;
/** Envoy's response flag for a connection that could not be made: nothing was sent. */
export const UNDELIVERED_FLAG = "UF";
/** Retries of one request besides the first attempt. Istio's default. */
export const SAFE_RETRY_COUNT = 2;

/** Envoy fails a cluster at 1024 connections, pending requests, requests or 3 retries unless told otherwise. */
export const CIRCUIT_BREAKER_UNLIMITED = 0xffff_ffff;

/**
 * An idle connection of the inbound listener, and an idle stream on it. Longer than the day that a
 * TrafficPolicy allows: the caller's sidecar, which knows the policy, closes first, so that it never
 * sends a request into a connection that this side is just closing.
 */
export const INBOUND_IDLE_TIMEOUT_MS = 25 * 3_600_000;

/**
 * An idle connection from a sidecar to its own app. Below the keep-alive defaults of common servers
 * (gunicorn 2 s, Node 5 s), so that the app never closes a connection that a request is just entering.
 * Connecting anew on loopback costs next to nothing.
 */
export const APP_IDLE_TIMEOUT_MS = 1_500;
/**
 * A sidecar asks the sidecar of the app for a sign of life when nothing has come for so long: a host that is lost or
 * cut off sends neither FIN nor RST, the system repeats what was written for a quarter of an hour, and every request
 * to that instance would wait on the one connection meanwhile. Linkerd's interval. Between sidecars only: a gRPC
 * server ends connections that send PINGs more often than each 5 minutes.
 */
export const MESH_KEEPALIVE_INTERVAL_MS = 10_000;
/** A request on a connection that was silent for so long brings the question with it, so that the loss shows within the timeout. */
export const MESH_KEEPALIVE_IDLE_INTERVAL_MS = 1_000;
/** Without a byte for so long behind the question the connection is over. Linkerd waits 3 s; a process that is starved of CPU is not lost yet. */
export const MESH_KEEPALIVE_TIMEOUT_MS = 5_000;
/** The sidecar of the app asks later than callers' sidecars do: then it does so only when one is gone, and frees what it held. */
export const INBOUND_KEEPALIVE_INTERVAL_MS = 30_000;
/** As patient as twice a caller: nobody waits for it. */
export const INBOUND_KEEPALIVE_TIMEOUT_MS = 10_000;
/** Connecting to the app on loopback either works at once or not at all. */
export const APP_CONNECT_TIMEOUT_MS = 1_000;
/** Where the app listens. */
export const APP_ADDRESS = "127.0.0.1";

/**
 * ALPN of opaque TCP between sidecars. A name of our own, so that no other protocol is ever read as a stream of
 * bytes for the app.
 */
export const TCP_ALPN = ["tulle-tcp"] as const;

/**
 * Tells the sidecar of the app in which version its client speaks HTTP, as Envoy's `%PROTOCOL%` writes it: the app
 * is spoken to alike, whatever the sidecars speak between them. It travels between sidecars only.
 */
export const PROTOCOL_HEADER = "x-tulle-protocol";

/** SDS name of a workload's own certificate and key. The key is never sent: a sidecar's agent holds it. */
export const OWN_CERTIFICATE_SECRET = "default";
/** SDS name of the roots that peers must chain to. */
export const TRUST_BUNDLE_SECRET = "ROOTCA";

/**
 * Where a proxy finds the roots that its system trusts: the path of Debian and its like, as Envoy's documents have it.
 * Our sidecar looks further where there is no such file.
 */
export const SYSTEM_ROOTS_FILE = "/etc/ssl/certs/ca-certificates.crt";
/** Connecting to a rate limit service: requests stop waiting for it long before. */
export const RATE_LIMIT_CONNECT_TIMEOUT_MS = 1_000;
/** An idle connection to a rate limit service is kept, so that a request after a quiet time need not wait for a new one. */
export const RATE_LIMIT_IDLE_TIMEOUT_MS = 3_600_000;

/**
 * More addresses at the end of `x-forwarded-for` than anybody sends are left out: nobody is believed in what it says
 * (lesson T25), and the client of a request is whoever connects.
 */
export const NO_TRUSTED_HOPS = 0xffff_ffff;
