/**
 * The limits on connections of one filter chain. They are asked before anything is read, TLS included, in the order of
 * their filters. Counts and buckets outlive configuration that says the same.
 */
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import type { ConnectionRule } from "./config/connection-rules.ts";
import { TokenBucket } from "./filters/token-bucket.ts";

/** Why a connection is closed, in Envoy's words, and the flag that Envoy gives it. */
export interface LimitRefusal {
  readonly details: "over_connection_limit" | "local_ratelimit_close_over_limit";
  readonly flag: number;
  readonly policy: string;
}

interface Gate {
  readonly rule: ConnectionRule;
  readonly refusal: LimitRefusal;
  readonly refused: Counter;
  /** Most at a time. */
  readonly max: number;
  /** Of a rate. */
  readonly bucket: TokenBucket | undefined;
}

export class ChainLimitMetrics {
  readonly #refused: SeriesSource<Counter>;

  constructor(registry: MetricRegistry) {
    this.#refused = registry.counter(
      "tulle_ratelimit_connections_refused_total",
      "Connections that a limit of their filter chain closed, by policy and reason.",
    );
  }

  refusedBy({ policy, details }: LimitRefusal): Counter {
    return this.#refused.with({ policy, reason: details });
  }
}

export interface ChainLimitsOptions {
  readonly metrics: ChainLimitMetrics;
  /** Processes that share the proxy's traffic: each has its part, and at least one connection. */
  readonly workers: number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export class ChainLimits {
  readonly #options: ChainLimitsOptions;
  #gates: readonly Gate[] = [];
  #active = 0;

  readonly onLeft = (): void => {
    this.#active -= 1;
  };

  constructor(rules: readonly ConnectionRule[], options: ChainLimitsOptions) {
    this.#options = options;
    this.configure(rules);
  }

  /** Holds for connections from now on. Those that came while there was no limit are not counted. */
  configure(rules: readonly ConnectionRule[]): void {
    this.#gates = rules.map((rule) => {
      const text = JSON.stringify(rule);
      return this.#gates.find((gate) => JSON.stringify(gate.rule) === text) ?? this.#gateOf(rule);
    });
  }

  /** Nothing is counted. */
  get isEmpty(): boolean {
    return this.#gates.length === 0;
  }

  /** Undefined for a connection that may stay: `onLeft` follows, once. */
  enter(): LimitRefusal | undefined {
    const nowMs = this.#options.nowMs();
    for (const { max, bucket, refusal, refused } of this.#gates) {
      if (this.#active >= max || bucket?.has(nowMs) === false) {
        refused.value += 1;
        return refusal;
      }
      bucket?.take(nowMs);
    }
    this.#active += 1;
    return undefined;
  }

  #gateOf(rule: ConnectionRule): Gate {
    const { metrics, workers, nowMs } = this.#options;
    const { policy } = rule;
    if (rule.kind === "active") {
      const refusal = { details: "over_connection_limit", flag: FLAG.none, policy } as const;
      const max = Math.max(1, Math.floor(rule.max / workers));
      return { rule, refusal, refused: metrics.refusedBy(refusal), max, bucket: undefined };
    }
    // Envoy has no flag of its own for this one either, and takes that of too many retries.
    const details = "local_ratelimit_close_over_limit";
    const refusal = { details, flag: FLAG.URX, policy } as const;
    const rate = {
      tokensMax: Math.max(1, rule.tokensMax / workers),
      intervalMs: rule.intervalMs * workers,
    };
    return {
      ...{ rule, refusal, refused: metrics.refusedBy(refusal), max: Number.POSITIVE_INFINITY },
      bucket: new TokenBucket(rate, nowMs()),
    };
  }
}
