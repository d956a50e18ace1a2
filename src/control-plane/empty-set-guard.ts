/**
 * Holds sets of instances that go to zero at once. When every instance of a Service is lost within seconds, and none
 * said goodbye, then more likely the way to them is broken than all of them at once: callers keep their addresses, and
 * what they see of them decides. A single instance that is lost is no such sign, nor is one after the other.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { type Instance, instanceKey, isServing } from "./instance.ts";
import type { RegistryChange } from "./registry.ts";

/** Losses so near to each other have one cause. Streams that break together are noticed within seconds. */
const TOGETHER_MS = 10_000;
/** Fewer than this are no set. */
const SET_SIZE_MIN = 2;

/** A Service whose instances are held. */
export interface HeldSet {
  /** `default/catalog`. */
  readonly service: string;
  readonly instances: readonly Instance[];
  /** Wall clock, milliseconds. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface EmptySetGuardOptions {
  readonly clock: Clock;
  /** How long a set is held; 0: never. Asked when one is lost. */
  readonly getHoldMs: () => number;
  /** A hold is over by time: what is served changes. */
  readonly onReleased: () => void;
}

/** An instance that served and is gone, without a word of its own. */
interface Lost {
  readonly instance: Instance;
  readonly atMs: number;
}

/** What is asked with each picture of the mesh. */
export interface GuardedService {
  /** `default/catalog`. */
  readonly name: string;
  /** Whether the instance is one of it. */
  readonly selects: (instance: Instance) => boolean;
}

export class EmptySetGuard {
  readonly #options: EmptySetGuardOptions;
  /** By instance key. Forgotten when it comes back, or after the hold at the latest. */
  readonly #lost = new Map<string, Lost>();
  readonly #held = new Map<string, HeldSet>();
  #timer: Timer | undefined;

  constructor(options: EmptySetGuardOptions) {
    this.#options = options;
  }

  /** For the registry's `onChange`. */
  observe({ key, before, after }: RegistryChange): void {
    if (after !== undefined && (isServing(after) || after.state !== "suspect")) {
      // It is back, or its sidecar says how it is: nothing has to be supposed.
      this.#lost.delete(key);
    } else if (before !== undefined && isServing(before) && after?.state === "suspect") {
      this.#lost.set(key, { instance: before, atMs: this.#options.clock.nowMs() });
    }
  }

  /** Somebody took it out of service: its loss is intended. */
  forget(key: string): void {
    this.#lost.delete(key);
  }

  /** The sets that are held now, among these Services. `serving` are the instances that serve. */
  update(services: readonly GuardedService[], serving: readonly Instance[]): readonly HeldSet[] {
    const nowMs = this.#options.clock.nowMs();
    const known = new Set(services.map(({ name }) => name));
    for (const name of this.#held.keys()) if (!known.has(name)) this.#held.delete(name);
    for (const service of services) {
      if (serving.some(service.selects)) {
        this.#held.delete(service.name);
        continue;
      }
      const held = this.#held.get(service.name) ?? this.#newHold(service, nowMs);
      const instances = held?.instances.filter(
        (instance) =>
          service.selects(instance) && this.#lost.has(instanceKey(instance.description)),
      );
      if (
        held === undefined ||
        instances === undefined ||
        instances.length === 0 ||
        held.untilMs <= nowMs
      ) {
        this.#held.delete(service.name);
      } else this.#held.set(service.name, { ...held, instances });
    }
    this.#prune(nowMs);
    this.#schedule(nowMs);
    return [...this.#held.values()];
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #newHold(service: GuardedService, nowMs: number): HeldSet | undefined {
    const holdMs = this.#options.getHoldMs();
    const lost = [...this.#lost.values()].filter(({ instance }) => service.selects(instance));
    const lastMs = Math.max(...lost.map(({ atMs }) => atMs));
    const together = lost.filter(({ atMs }) => lastMs - atMs <= TOGETHER_MS);
    if (holdMs === 0 || together.length < SET_SIZE_MIN || lastMs + holdMs <= nowMs)
      return undefined;
    return {
      service: service.name,
      instances: together.map(({ instance }) => instance),
      sinceMs: lastMs,
      untilMs: lastMs + holdMs,
    };
  }

  /** Losses that no hold needs any more. */
  #prune(nowMs: number): void {
    const holdMs = Math.max(this.#options.getHoldMs(), TOGETHER_MS);
    for (const [key, { atMs }] of this.#lost) if (atMs + holdMs <= nowMs) this.#lost.delete(key);
  }

  #schedule(nowMs: number): void {
    this.#timer?.cancel();
    const nextMs = Math.min(...[...this.#held.values()].map(({ untilMs }) => untilMs));
    if (!Number.isFinite(nextMs)) return;
    this.#timer = this.#options.clock.schedule(
      Math.max(nextMs - nowMs, 1),
      this.#options.onReleased,
    );
  }
}
