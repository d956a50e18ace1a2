/**
 * The registry of instances. Each is a lease tied to its sidecar's ADS stream: the stream's end makes it
 * suspect at once, the grace period removes it. A state machine: it does no I/O, and time is passed in.
 */
import { assert } from "../core/assert.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { controlPlaneError } from "./errors.ts";
import {
  type Instance,
  type InstanceDescription,
  type InstanceHealth,
  instanceKey,
  isServing,
  type LeaseState,
} from "./instance.ts";

export interface RegistryTimes {
  /** How long a suspect instance may come back under its name before it is forgotten. */
  readonly suspectGraceMs: number;
  /** How long instances known from before a restart are served without a word from their sidecars. */
  readonly reconnectWindowMs: number;
}

export interface RegistryChange {
  readonly key: string;
  readonly before: Instance | undefined;
  readonly after: Instance | undefined;
  /** Traffic must leave the instance: such a change is never delayed. */
  readonly isRemoval: boolean;
}

export interface RegistryOptions {
  readonly clock: Clock;
  /** Asked whenever a time begins to run. */
  readonly getTimes: () => RegistryTimes;
  /** Called after each change, in order; must not call back into the registry. */
  readonly onChange: (change: RegistryChange) => void;
}

export class Registry {
  readonly #clock: Clock;
  readonly #getTimes: () => RegistryTimes;
  readonly #onChange: (change: RegistryChange) => void;
  readonly #instances = new Map<string, Instance>();
  readonly #keyByLease = new Map<string, string>();
  /** Reports of health streams that are open; one may come before the instance's ADS stream. */
  readonly #reports = new Map<string, InstanceHealth>();
  readonly #timers = new Map<string, Timer>();
  #isStopped = false;

  constructor(options: RegistryOptions) {
    this.#clock = options.clock;
    this.#getTimes = options.getTimes;
    this.#onChange = options.onChange;
  }

  get(key: string): Instance | undefined {
    return this.#instances.get(key);
  }

  /** Every instance, sorted by key. */
  list(): readonly Instance[] {
    return [...this.#instances.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, instance]) => instance);
  }

  /** Takes over an instance that an earlier control plane wrote down. Only before any stream opens. */
  restore(
    description: InstanceDescription,
    health: InstanceHealth | undefined,
    isInMaintenance = false,
  ): void {
    const key = instanceKey(description);
    assert(!this.#instances.has(key), `instance ${key} is restored once`);
    this.#set(key, {
      ...this.#make(description, "unconfirmed", health, undefined),
      isInMaintenance,
    });
    this.#schedule(key, this.#getTimes().reconnectWindowMs, () => this.#suspect(key));
  }

  /**
   * A sidecar's ADS stream opened. A newer stream takes the lease from an older one of the same
   * instance. Throws `proxy-refused` when the name is leased to another service account.
   */
  connect(lease: string, description: InstanceDescription): void {
    const key = instanceKey(description);
    const known = this.#instances.get(key);
    if (
      known?.lease !== undefined &&
      known.description.serviceAccount !== description.serviceAccount
    ) {
      throw controlPlaneError(
        { code: "proxy-refused", proxy: key },
        `instance ${key} is connected already, with service account ` +
          `"${known.description.serviceAccount}", not "${description.serviceAccount}"`,
      );
    }
    this.#clearTimer(key);
    if (known?.lease !== undefined) this.#keyByLease.delete(known.lease);
    this.#keyByLease.set(lease, key);
    // What was known holds while the instance was served all the time. One that was suspect, or is at another
    // place, may be another process, whose app is yet to start: its sidecar's first report says.
    const isSame =
      known !== undefined &&
      known.state !== "suspect" &&
      known.description.address === description.address;
    const health = this.#reports.get(key) ?? (isSame ? known.health : undefined);
    this.#set(key, this.#make(description, health ?? "starting", health, lease));
  }

  /**
   * A sidecar's ADS stream ended. `expired`: because the certificate that it was opened with did, which says
   * nothing about the instance; it serves on while its sidecar reconnects. Unknown and superseded leases are
   * ignored.
   */
  disconnect(lease: string, cause: "lost" | "expired" = "lost"): void {
    const key = this.#keyByLease.get(lease);
    if (key === undefined || this.#isStopped) return;
    this.#keyByLease.delete(lease);
    const known = this.#instances.get(key);
    // A drained instance said goodbye: there is nothing to wait for.
    if (known?.state === "draining") this.#remove(key);
    else if (cause === "lost" || known === undefined) this.#suspect(key);
    else {
      this.#set(key, this.#make(known.description, "unconfirmed", known.health, undefined));
      this.#schedule(key, this.#getTimes().suspectGraceMs, () => this.#suspect(key));
    }
  }

  /** A sidecar's word on its app. Kept for an instance whose ADS stream has yet to open. */
  report(key: string, health: InstanceHealth): void {
    if (this.#isStopped) return;
    this.#reports.set(key, health);
    const known = this.#instances.get(key);
    if (known === undefined || known.lease === undefined || known.state === health) return;
    this.#set(key, this.#make(known.description, health, health, known.lease));
  }

  /** Takes an instance out of service, or back. It stays so until it is gone. False when there is none of the name. */
  setMaintenance(key: string, isInMaintenance: boolean): boolean {
    const known = this.#instances.get(key);
    if (known === undefined) return false;
    if (known.isInMaintenance !== isInMaintenance) this.#set(key, { ...known, isInMaintenance });
    return true;
  }

  /** A sidecar's health stream ended: what it said last stands, but outlives no reconnect. */
  endReports(key: string): void {
    this.#reports.delete(key);
  }

  /** From here on streams that end mean that the control plane is leaving, not the instances. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #suspect(key: string): void {
    const known = this.#instances.get(key);
    assert(known !== undefined, `suspect instance ${key} is registered`);
    this.#set(key, this.#make(known.description, "suspect", known.health, undefined));
    this.#schedule(key, this.#getTimes().suspectGraceMs, () => this.#remove(key));
  }

  #remove(key: string): void {
    this.#clearTimer(key);
    this.#set(key, undefined);
  }

  #make(
    description: InstanceDescription,
    state: LeaseState,
    health: InstanceHealth | undefined,
    lease: string | undefined,
  ): Instance {
    const known = this.#instances.get(instanceKey(description));
    const stateSinceMs = known?.state === state ? known.stateSinceMs : this.#clock.nowMs();
    const isInMaintenance = known?.isInMaintenance ?? false;
    return { description, state, stateSinceMs, health, isInMaintenance, lease };
  }

  #set(key: string, after: Instance | undefined): void {
    const before = this.#instances.get(key);
    if (after === undefined) this.#instances.delete(key);
    else this.#instances.set(key, after);
    const wasServing = before !== undefined && isServing(before);
    const isRemoval = wasServing && (after === undefined || !isServing(after));
    this.#onChange({ key, before, after, isRemoval });
  }

  #schedule(key: string, delayMs: number, callback: () => void): void {
    this.#clearTimer(key);
    this.#timers.set(key, this.#clock.schedule(delayMs, callback));
  }

  #clearTimer(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }
}
