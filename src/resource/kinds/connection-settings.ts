/** Connections to instances: how many, how long each lives, and what may be under way to a service at once. */
import { z } from "zod";
import { duration } from "../fields.ts";
import { partOf, wholeOf } from "./settings-shape.ts";

const HOUR_MS = 3_600_000;
/** The largest number of Envoy's fields, which stands for no limit. */
export const NO_LIMIT = 0xffff_ffff;

const limit = () => z.int().min(1).max(NO_LIMIT);

const circuitBreakerFields = {
  maxConnections: limit().describe("Connections to the service; a request waits for one."),
  maxPendingRequests: limit().describe("Requests that wait for a connection; more get 503."),
  maxRequests: limit().describe("Requests in flight; more get 503."),
  maxRetries: limit().describe("Retries in flight, where retries.budget does not bound them."),
} as const;

export const circuitBreakersPart = partOf(circuitBreakerFields);
export const circuitBreakersWhole = wholeOf(circuitBreakerFields, {
  // None, as in Istio: what an app can take is the author's to say, and Envoy's 1024 surprises.
  maxConnections: NO_LIMIT,
  maxPendingRequests: NO_LIMIT,
  maxRequests: NO_LIMIT,
  maxRetries: NO_LIMIT,
});

const poolFields = {
  maxRequestsPerConnection: z
    .int()
    .min(0)
    .max(NO_LIMIT)
    .describe("Requests after which a connection is closed; 0 for no limit."),
  maxConnectionDuration: duration({ maxMs: 99_999 * HOUR_MS }).describe(
    "Age at which a connection is closed, once its requests are done; 0s for no limit.",
  ),
  maxConcurrentStreams: z
    .int()
    .min(0)
    .max(0x7fff_ffff)
    .describe("Requests at once on a connection of HTTP/2; 0: as many as the other end takes."),
} as const;

const keepaliveFields = {
  time: duration({ maxMs: 24 * HOUR_MS }).describe(
    "Of silence, before the system asks whether the other end is there; 0s: it does not.",
  ),
  interval: duration({ minMs: 1000, maxMs: HOUR_MS }).describe("Between two such questions."),
  probes: z.int().min(1).max(100).describe("Questions without an answer that end a connection."),
} as const;

export const connectionPoolPart = partOf(poolFields).extend({
  tcpKeepalive: partOf(keepaliveFields).optional().describe("Of TCP, for long silent connections."),
});
export const connectionPoolWhole = wholeOf(poolFields, {
  // A connection of the mesh lives as long as it can: handshakes cost, and PINGs tell when it is dead.
  maxRequestsPerConnection: 0,
  maxConnectionDuration: "0s",
  maxConcurrentStreams: 0,
}).extend({
  tcpKeepalive: wholeOf(keepaliveFields, {
    // Off: between sidecars HTTP/2 PINGs do it. The other values are what Linux is often set to.
    time: "0s",
    interval: "10s",
    probes: 3,
  }).prefault({}),
});

export type CircuitBreakerSettings = z.output<typeof circuitBreakersWhole>;
export type ConnectionPoolSettings = z.output<typeof connectionPoolWhole>;
