/**
 * One request at a time asks for a response that many want: the others wait, within bounds. What turned out not to be
 * kept is remembered for a while, so that requests for it do not wait for each other in vain.
 */
import { CACHE_PASSES_MAX, CACHE_WAITERS_MAX } from "../../core/limits.ts";

/** For so long nobody waits for what was not kept. */
const PASS_MS = 10_000;

/** A request that waits for another one's response. */
export interface FlightWaiter {
  /** `isStored`: there is a response now. Otherwise the request is on its own; `isRefused`: there will be none. */
  onLanded(isStored: boolean, isRefused: boolean): void;
}

export class Flight {
  readonly #flights: Flights;
  readonly #key: string;
  readonly #waiters = new Set<FlightWaiter>();
  #isOver = false;

  constructor(flights: Flights, key: string) {
    this.#flights = flights;
    this.#key = key;
  }

  get hasRoom(): boolean {
    return this.#waiters.size < CACHE_WAITERS_MAX;
  }

  join(waiter: FlightWaiter): void {
    this.#waiters.add(waiter);
    this.#flights.waiting.value += 1;
  }

  leave(waiter: FlightWaiter): void {
    if (this.#waiters.delete(waiter)) this.#flights.waiting.value -= 1;
  }

  stored(): void {
    this.#land(true, false);
  }

  /** The response is not to be kept. */
  refused(nowMs: number): void {
    this.#flights.pass(this.#key, nowMs);
    this.#land(false, true);
  }

  /** There is no response. */
  failed(): void {
    this.#land(false, false);
  }

  #land(isStored: boolean, isRefused: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#flights.forget(this.#key, this);
    const waiters = [...this.#waiters];
    for (const waiter of waiters) this.leave(waiter);
    for (const waiter of waiters) waiter.onLanded(isStored, isRefused);
  }
}

export class Flights {
  /** How many wait, in all caches together. */
  readonly waiting: { value: number };
  readonly #flights = new Map<string, Flight>();
  /** Until when nobody waits, by key. The one that was noted first goes first. */
  readonly #passes = new Map<string, number>();

  constructor(waiting: { value: number }) {
    this.waiting = waiting;
  }

  /** Whether a request for this may wait, or make others wait. Times are monotonic. */
  mayWait(key: string, nowMs: number): boolean {
    const untilMs = this.#passes.get(key);
    if (untilMs === undefined) return true;
    if (nowMs < untilMs) return false;
    this.#passes.delete(key);
    return true;
  }

  /** The flight that a request may join, if it has room. */
  of(key: string): Flight | undefined {
    const flight = this.#flights.get(key);
    return flight?.hasRoom === true ? flight : undefined;
  }

  /** Whether nobody asks for it at the moment. */
  isFree(key: string): boolean {
    return !this.#flights.has(key);
  }

  begin(key: string): Flight {
    const flight = new Flight(this, key);
    this.#flights.set(key, flight);
    return flight;
  }

  pass(key: string, nowMs: number): void {
    this.#passes.delete(key);
    this.#passes.set(key, nowMs + PASS_MS);
    if (this.#passes.size <= CACHE_PASSES_MAX) return;
    for (const oldest of this.#passes.keys()) {
      this.#passes.delete(oldest);
      break;
    }
  }

  forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
