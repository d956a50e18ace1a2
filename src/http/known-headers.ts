/**
 * Names of header fields that several parts of the mesh must agree on. What one part alone reads or writes stands with
 * that part.
 */
import { HeaderName } from "./header-field.ts";

/** The deadline of a call of gRPC. */
export const GRPC_TIMEOUT = new HeaderName("grpc-timeout");

/** How often a request was sent: Envoy tells the upstream, and the client when it is asked to. */
export const ATTEMPT_COUNT = new HeaderName("x-envoy-attempt-count");

/**
 * What the sidecar of an app that does not listen puts on its answer: the request never reached the app, so the
 * caller's sidecar may send it to another instance. It travels between sidecars only: neither does an app see it,
 * nor can one set it.
 */
export const UNDELIVERED_HEADER = "x-tulle-undelivered";
