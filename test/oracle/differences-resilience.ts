/** Retries and circuit breakers that act otherwise than Envoy's, which needs time or load to see. */
import type { Difference } from "./difference.ts";

export const RESILIENCE: readonly Difference[] = [
  {
    id: "retry budgets",
    envoy:
      "Bounds retries that are under way at once: `budget_percent` of the requests under way, and `min_retry_concurrency` in any case, connections that could not be made included.",
    tulle:
      "Bounds retries over time: each request brings `budget_percent` of one, a balance holds at most what Envoy allows at once. Retries of requests that provably reached no app draw on the answers of others instead.",
    reason:
      "With fast failures and few requests at once Envoy's bound allows to repeat all of them. What reached no app adds no load to it.",
    seen: [],
  },
  {
    id: "pauses before retries",
    envoy: "Waits before each retry, for a time that an answer asks for even beyond the timeout.",
    tulle:
      "Tries another endpoint at once where nothing was sent, and passes an answer on that asks to wait for longer than the request may take.",
    reason:
      "A pause protects who is overloaded, not who is gone. An answer now helps more than a 504 later.",
    seen: [],
  },
  {
    id: "endpoints of retries",
    envoy:
      "May pick the endpoint that has just failed, unless a `retry_host_predicate` forbids it.",
    tulle: "Picks one that has not failed this request where there is one, in any case.",
    reason: "Nobody wants the other.",
    seen: [],
  },
  {
    id: "deadlines of gRPC in retries",
    envoy: "Repeats `grpc-timeout` as the first try had it, unless `max_grpc_timeout` is set.",
    tulle: "Tells what is left.",
    reason: "A server that works on for nobody helps nobody.",
    seen: [],
  },
  {
    id: "connections of requests with priority",
    envoy: "Keeps connections of its own for requests of routes with `priority: HIGH`.",
    tulle:
      "Uses the same connections for both; each priority may make one while there are fewer than its own `max_connections`, and urgent requests wait before others.",
    reason: "Twice the handshakes buy nothing.",
    seen: [],
  },
  {
    id: "mirrors that are slow",
    envoy: "Pauses the original request while a mirror does not take the body fast enough.",
    tulle: "Gives the copy up when 64 KiB of it wait.",
    reason: "A mirror never slows the original.",
    seen: [],
  },
];
