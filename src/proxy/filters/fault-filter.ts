/**
 * Injects faults into requests: a delay, then an answer in place of the upstream's; or an answer that leaves slowly.
 * As in Envoy each is drawn by itself, and a request counts as one active fault however many it has.
 */
import {
  abortOf,
  delayOf,
  type FaultAnswer,
  type FaultRule,
  isFaulty,
  rateOf,
} from "../../decision/filters/fault-rule.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import { LOCAL_REPLY } from "../local-reply.ts";
import { ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type DelayHandler,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
  WAITS,
} from "./http-filter.ts";
import { RateLimitedStream } from "./rate-limited-stream.ts";

export class FaultFilter implements HttpFilter {
  readonly #rule: FaultRule;
  readonly #services: FilterServices;
  /** Requests with a fault at the moment. */
  #activeCount = 0;

  constructor(rule: FaultRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { ofRoute } = call;
    const rule = ofRoute?.kind === "fault" ? ofRoute : this.#rule;
    const { request } = call;
    if (!isFaulty(rule, request, rule.cluster === "" ? "" : call.cluster)) return GO_ON;
    const isLimited = this.#limitAnswer(rule, call);
    const { metrics } = this.#services;
    const delayMs = delayOf(rule.delay, request, this.#chanceFor(rule.delay));
    if (delayMs > 0 && (isLimited || this.#begin(rule))) {
      metrics.fault.delays.value += 1;
      call.outcome.flag = FLAG.DI;
      call.delay(delayMs, new DelayedRequest(this, rule, isLimited));
      return WAITS;
    }
    const answer = abortOf(rule.abort, request, this.#chanceFor(rule.abort));
    if (answer === undefined || !(isLimited || this.#hasRoom(rule))) return GO_ON;
    this.#abort(call, answer);
    return ANSWERED;
  }

  /** The request goes on, or is answered. `isLimited`: what it counts as is given back by its answer's stream. */
  onDelayOver(call: FilterCall, rule: FaultRule, isLimited: boolean): void {
    if (!isLimited) this.end();
    const answer = abortOf(rule.abort, call.request, this.#chanceFor(rule.abort));
    if (answer === undefined) call.proceed();
    else this.#abort(call, answer);
  }

  /** One fault less is active. */
  readonly end = (): void => {
    this.#activeCount -= 1;
    this.#services.metrics.fault.active.value -= 1;
  };

  #chanceFor(fault: object | undefined): number {
    return fault === undefined ? 0 : this.#services.prng.next();
  }

  /** Whether the answer is to leave slowly. A tunnel's bytes are no body. */
  #limitAnswer(rule: FaultRule, call: FilterCall): boolean {
    if (rule.rateLimit === undefined || call.request.isForTunnel) return false;
    const rate = rateOf(rule.rateLimit, call.request, this.#services.prng.next());
    if (rate === 0 || !this.#begin(rule)) return false;
    this.#services.metrics.fault.rateLimits.value += 1;
    const budget = new ByteBudget(rate, this.#services.nowMs());
    call.hold((next) => new RateLimitedStream(next, call, budget, this.#services, this.end));
    return true;
  }

  #abort(call: FilterCall, { status, grpcStatus }: FaultAnswer): void {
    this.#services.metrics.fault.aborts.value += 1;
    const reply = { ...LOCAL_REPLY.faultAbort, status };
    call.answer(grpcStatus < 0 ? reply : { ...reply, grpcStatus }, "");
  }

  #begin(rule: FaultRule): boolean {
    if (!this.#hasRoom(rule)) return false;
    this.#activeCount += 1;
    this.#services.metrics.fault.active.value += 1;
    return true;
  }

  #hasRoom({ activeMax }: FaultRule): boolean {
    if (this.#activeCount < activeMax) return true;
    this.#services.metrics.fault.overflows.value += 1;
    return false;
  }
}

/** The rule of a request is the one that it began with, also when configuration changes meanwhile. */
class DelayedRequest implements DelayHandler {
  readonly #filter: FaultFilter;
  readonly #rule: FaultRule;
  readonly #isLimited: boolean;

  constructor(filter: FaultFilter, rule: FaultRule, isLimited: boolean) {
    this.#filter = filter;
    this.#rule = rule;
    this.#isLimited = isLimited;
  }

  onDelayOver(call: FilterCall): void {
    this.#filter.onDelayOver(call, this.#rule, this.#isLimited);
  }

  onDelayCancelled(): void {
    if (!this.#isLimited) this.#filter.end();
  }
}
