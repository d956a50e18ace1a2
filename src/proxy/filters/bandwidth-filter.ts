/** Envoy's bandwidth limit: bodies of requests, responses or both share so many bytes a second, and slow their senders down. */
import type { BandwidthRule } from "../../decision/filters/bandwidth-rule.ts";
import { BODY_NONE } from "../../http/request-head.ts";
import { ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";
import { type FilterCall, type FilterVerdict, GO_ON, type HttpFilter } from "./http-filter.ts";
import { RateLimitedRequest } from "./rate-limited-request.ts";
import { RateLimitedStream } from "./rate-limited-stream.ts";

const nothing = (): void => {};

export class BandwidthFilter implements HttpFilter {
  readonly #rule: BandwidthRule;
  readonly #services: FilterServices;
  readonly #budgets = new WeakMap<BandwidthRule, ByteBudget>();

  constructor(rule: BandwidthRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const rule = call.ofRoute?.kind === "bandwidth" ? call.ofRoute : this.#rule;
    // A tunnel's bytes are no body.
    if (rule.bytesPerSecond === 0 || call.request.isForTunnel) return GO_ON;
    const budget = this.#budgetOf(rule);
    const { bandwidth } = this.#services.metrics;
    if (rule.limitsRequests && call.request.head?.bodyKind !== BODY_NONE) {
      bandwidth.requestsOf(rule.policy).value += 1;
      call.pace((path) => new RateLimitedRequest(path, call, budget, this.#services));
    }
    if (rule.limitsResponses) {
      bandwidth.responsesOf(rule.policy).value += 1;
      call.hold((next) => new RateLimitedStream(next, call, budget, this.#services, nothing));
    }
    return GO_ON;
  }

  /** Each of several workers has its part. */
  #budgetOf(rule: BandwidthRule): ByteBudget {
    let budget = this.#budgets.get(rule);
    if (budget === undefined) {
      const { workers, nowMs } = this.#services;
      budget = new ByteBudget(rule.bytesPerSecond / workers, nowMs());
      this.#budgets.set(rule, budget);
    }
    return budget;
  }
}
