/**
 * Binds the listeners that xDS brings, one after the other in the order in which they came, and tries
 * those again that could not be bound: whoever holds the address may let go of it.
 */
import { Backoff } from "../core/backoff.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import { type DataPlane, listenErrorText } from "./data-plane.ts";

const RETRY_BASE_MS = 500;
const RETRY_MAX_MS = 30_000;

export interface BindError {
  readonly reason: string;
  /** Of the last attempt, wall clock. */
  readonly atMs: number;
}

export interface ListenerBinderOptions {
  readonly proxy: DataPlane;
  readonly log: Logger;
  readonly clock: Clock;
  readonly prng: Prng;
}

interface Retry {
  readonly backoff: Backoff;
  timer: Timer | undefined;
}

export class ListenerBinder {
  readonly #options: ListenerBinderOptions;
  /** What each listener should be. */
  readonly #wanted = new Map<string, ListenerConfig>();
  readonly #errors = new Map<string, BindError>();
  readonly #retries = new Map<string, Retry>();
  #queue: Promise<void> = Promise.resolve();

  constructor(options: ListenerBinderOptions) {
    this.#options = options;
  }

  /** Why listeners are not bound as they should be, by name. */
  get errors(): ReadonlyMap<string, BindError> {
    return this.#errors;
  }

  bind(config: ListenerConfig): void {
    this.#wanted.set(config.name, config);
    this.#forgetRetry(config.name);
    this.#enqueue(() => this.#bind(config));
  }

  remove(name: string): void {
    this.#wanted.delete(name);
    this.#errors.delete(name);
    this.#forgetRetry(name);
    this.#enqueue(() => this.#options.proxy.removeListener(name));
  }

  /** Runs `task` once everything asked for before has been tried. */
  afterAll(task: () => void): void {
    this.#enqueue(async () => task());
  }

  async #bind(config: ListenerConfig): Promise<void> {
    const { name } = config;
    const { proxy, log, clock } = this.#options;
    // A later state of the same listener may be waiting behind this one.
    if (this.#wanted.get(name) !== config) return;
    try {
      await proxy.setListener(config);
    } catch (error) {
      const reason = listenErrorText(error);
      if (this.#errors.get(name)?.reason !== reason) {
        log.error("cannot bind a listener; trying again", { listener: name, reason });
      }
      this.#errors.set(name, { reason, atMs: clock.nowMs() });
      this.#retryLater(config);
      return;
    }
    if (this.#errors.delete(name)) log.info("bound a listener at last", { listener: name });
    this.#forgetRetry(name);
  }

  #retryLater(config: ListenerConfig): void {
    const { clock, prng } = this.#options;
    let retry = this.#retries.get(config.name);
    if (retry === undefined) {
      const backoff = new Backoff({ baseMs: RETRY_BASE_MS, maxMs: RETRY_MAX_MS, prng });
      retry = { backoff, timer: undefined };
      this.#retries.set(config.name, retry);
    }
    retry.timer = clock.schedule(retry.backoff.nextMs(), () => {
      this.#enqueue(() => this.#bind(config));
    });
  }

  #forgetRetry(name: string): void {
    this.#retries.get(name)?.timer?.cancel();
    this.#retries.delete(name);
  }

  #enqueue(task: () => Promise<void>): void {
    this.#queue = this.#queue.then(task).catch((error: unknown) => {
      this.#options.log.error("applying configuration failed", { error });
    });
  }
}
