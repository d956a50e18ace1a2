/** A request that waits for another one's response, at most as long as its policy says. */
import type { CacheRule } from "../../decision/filters/cache-rule.ts";
import type { Flight, FlightWaiter } from "../cache/flights.ts";
import { type DelayHandler, type FilterCall, type FilterVerdict, GO_ON } from "./http-filter.ts";

/** Looks again at a request that has waited. */
export type Decide = (call: FilterCall, rule: CacheRule, mayWait: boolean) => FilterVerdict;

export class CacheWaiter implements DelayHandler, FlightWaiter {
  readonly #decide: Decide;
  readonly #call: FilterCall;
  readonly #rule: CacheRule;
  readonly #flight: Flight;
  /** The request has ended. */
  #isOver = false;

  constructor(decide: Decide, call: FilterCall, rule: CacheRule, flight: Flight) {
    this.#decide = decide;
    this.#call = call;
    this.#rule = rule;
    this.#flight = flight;
  }

  /** The request that was waited for failed without a response: the first that waited takes its place. */
  onLanded(isStored: boolean, isRefused: boolean): void {
    try {
      this.#goOn(!isStored && !isRefused);
    } catch (error) {
      // The fault is this request's, not that of the one that was waited for.
      this.#call.faults.onFault(error);
    }
  }

  onDelayOver(): void {
    this.#flight.leave(this);
    this.#goOn(false);
  }

  onDelayCancelled(): void {
    this.#isOver = true;
    this.#flight.leave(this);
  }

  #goOn(mayWait: boolean): void {
    if (this.#isOver) return;
    if (this.#decide(this.#call, this.#rule, mayWait) === GO_ON) this.#call.proceed();
  }
}
