/** Settings of the traffic to one service, as MeshConfig gives their defaults and TrafficPolicy overrides them. */
import { z } from "zod";
import { duration } from "../fields.ts";

const HOUR_MS = 3_600_000;

export const CONNECT_TIMEOUT_RANGE = { minMs: 1, maxMs: HOUR_MS } as const;

export const LOAD_BALANCER_ALGORITHMS = [
  "PeakEWMA",
  "LeastRequest",
  "RoundRobin",
  "Random",
] as const;
export type LoadBalancerAlgorithm = (typeof LOAD_BALANCER_ALGORITHMS)[number];

export const loadBalancer = z.strictObject({
  algorithm: z
    .enum(LOAD_BALANCER_ALGORITHMS)
    .default("PeakEWMA")
    .describe(
      "PeakEWMA: the better of two random instances by recent peak latency times requests in flight. LeastRequest: the better of two by requests in flight. RoundRobin: each in turn. Random.",
    ),
});

export const timeoutFields = {
  request: duration({ maxMs: 24 * HOUR_MS }).describe(
    "From the whole request received to the whole response sent; 0s for none. An HTTPRoute's own timeouts go before.",
  ),
  idle: duration({ maxMs: 24 * HOUR_MS }).describe(
    "Without a byte in either direction while a request is in flight; 0s for none. WebSockets are ended by a TrafficPolicy's only; gRPC streams too.",
  ),
  connectionIdle: duration({ maxMs: 24 * HOUR_MS }).describe(
    "Of a connection to an instance that carries no request, before it is closed; 0s for none.",
  ),
} as const;
