/**
 * The workers of one proxy: started together, started again when they die, and never one of them with
 * a configuration that the others do not have. Whatever changes configuration runs one after the other.
 */
import { Backoff } from "../../core/backoff.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import { WORKER_ANSWER_MS_MAX, WORKER_START_MS_MAX } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { ResourceError, ResourceUpdate } from "../../xds/resource-consumer.ts";
import type { WorkerPlace } from "../connection-limit.ts";
import type { InheritedSockets } from "../handover/inherited-sockets.ts";
import type { OpenSocket } from "../handover/messages.ts";
import { AddressReservations } from "./address-reservations.ts";
import type { StartInput, WantedNames, WorkerCalls } from "./calls.ts";
import { RefreshClaims } from "./refresh-claims.ts";
import { WorkerProcess } from "./worker-process.ts";

const RESTART_BASE_MS = 200;
const RESTART_MAX_MS = 10_000;
/** A worker that lived so long did not die of its start. */
const STABLE_MS = 60_000;
/** Workers that die while they compile one update, after which it is the update's fault. */
const DEATHS_UNTIL_REFUSED = 2;

export interface WorkerGroupOptions {
  readonly count: number;
  readonly command: readonly [string, ...string[]];
  /** Of the process before this one. */
  readonly inherited?: InheritedSockets | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly prng: Prng;
  /** What a worker that starts now has to take. */
  readonly startInput: (place: WorkerPlace) => StartInput;
  readonly onWanted: (wanted: WantedNames) => void;
  /** All workers have everything that is awaited. Called once. */
  readonly onReady: () => void;
  /** A worker has died. Its process is told apart from the next by its pid. */
  readonly onGone: (worker: WorkerProcess) => void;
}

interface Slot {
  readonly index: number;
  readonly backoff: Backoff;
  /** Has taken the configuration in force, and serves. */
  live: WorkerProcess | undefined;
  process: WorkerProcess | undefined;
  timer: Timer | undefined;
  isReady: boolean;
}

export class WorkerGroup {
  readonly #options: WorkerGroupOptions;
  readonly #addresses = new AddressReservations();
  readonly #slots: readonly Slot[];
  #queue: Promise<unknown> = Promise.resolve();
  #onJoined: (() => void)[] = [];
  #isReady = false;
  readonly #refreshes: RefreshClaims;
  #isStopping = false;
  restarts = 0;

  constructor(options: WorkerGroupOptions) {
    this.#options = options;
    this.#refreshes = new RefreshClaims(() => options.clock.monotonicMs());
    this.#slots = Array.from({ length: options.count }, (_, index) => ({
      index,
      backoff: new Backoff({
        baseMs: RESTART_BASE_MS,
        maxMs: RESTART_MAX_MS,
        prng: options.prng,
      }),
      live: undefined,
      process: undefined,
      timer: undefined,
      isReady: false,
    }));
  }

  /** Resolves when all serve. Rejects with the error of one that cannot. */
  async start(): Promise<void> {
    await this.#exclusive(async () => {
      await Promise.all(this.#slots.map((slot) => this.#join(slot, this.#spawn(slot))));
    });
  }

  /** Those that serve, in order. */
  get live(): readonly WorkerProcess[] {
    return this.#slots.flatMap(({ live }) => (live === undefined ? [] : [live]));
  }

  /** Answers of those that gave one in time, in the order of `live`. */
  async ask<K extends keyof WorkerCalls & string>(
    name: K,
    input: WorkerCalls[K]["input"],
    deadlineMs: number,
  ): Promise<readonly WorkerCalls[K]["output"][]> {
    const answers = await Promise.allSettled(
      this.live.map(({ channel }) => channel.call(name, input, deadlineMs)),
    );
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  }

  /**
   * Compiles an update in all workers, then has all of them take it, but for resources that one of them
   * refuses. `onTaken` is told what is refused before any worker takes the rest.
   */
  async update(
    update: ResourceUpdate,
    onTaken: (refused: ReadonlySet<string>) => void,
  ): Promise<readonly ResourceError[]> {
    let deaths = 0;
    while (!this.#isStopping) {
      if (this.live.length === 0) await this.#whenJoined();
      const errors = await this.#exclusive(async () => {
        const found = await this.#prepare(update);
        deaths += found.deaths;
        if (deaths >= DEATHS_UNTIL_REFUSED) return everyNameOf(update, FATAL);
        // With one worker less the others have to hear of it again; with none, somebody has to.
        if (found.deaths > 0 || this.live.length === 0) return undefined;
        const refused = new Set(found.errors.map(({ name }) => name));
        onTaken(refused);
        await this.#commit([...refused]);
        return found.errors;
      });
      if (errors !== undefined) return errors;
    }
    return everyNameOf(update, "the proxy is stopping");
  }

  /** A change that cannot be refused. `onTaken` runs before the workers hear of it. */
  async tell<K extends "missing" | "identity" | "logLevel" | "announceDrain">(
    name: K,
    input: WorkerCalls[K]["input"],
    onTaken: () => void,
  ): Promise<void> {
    await this.#exclusive(async () => {
      onTaken();
      await this.#callAll(name, input);
    });
  }

  /** Listening sockets of all workers, as copies. */
  async sockets(): Promise<readonly OpenSocket[]> {
    const ofEach = await Promise.all(this.live.map((worker) => worker.sockets()));
    return ofEach.flat();
  }

  /** No worker is started any more. */
  stopRestarting(): void {
    this.#isStopping = true;
    for (const { timer } of this.#slots) timer?.cancel();
    this.#wakeJoined();
  }

  /** Ends all workers, those that do not answer by force. */
  async stop(): Promise<void> {
    this.stopRestarting();
    await this.ask("stop", undefined, WORKER_ANSWER_MS_MAX);
    const processes = this.#slots.flatMap(({ process }) => process ?? []);
    for (const process of processes) {
      process.disconnect();
      const timer = this.#options.clock.schedule(WORKER_ANSWER_MS_MAX, () => process.kill());
      void process.ended.then(() => timer.cancel());
    }
    await Promise.all(processes.map(({ ended }) => ended));
  }

  #spawn(slot: Slot): WorkerProcess {
    const { command, clock, log } = this.#options;
    const { index } = slot;
    const worker = new WorkerProcess({
      index,
      command,
      clock,
      handlers: {
        ready: () => {
          slot.isReady = true;
          this.#tellReady();
          return undefined;
        },
        reserve: ({ listener, host, port }) => this.#addresses.reserve(index, listener, host, port),
        adopt: ({ listener, host, port, boundPort }) =>
          void this.#addresses.adopt(index, listener, host, port, boundPort),
        release: ({ listener, host, port }) =>
          void this.#addresses.release(index, listener, host, port),
        claimRefresh: (key) => this.#refreshes.claim(index, key),
        endRefresh: (end) => void this.#refreshes.end(end),
      },
    });
    slot.process = worker;
    log.info("worker started", { worker: index, pid: worker.pid });
    void worker.ended.then((reason) => this.#onEnded(slot, worker, reason));
    return worker;
  }

  /** Within the queue. Rejects with the worker's error. */
  async #join(slot: Slot, worker: WorkerProcess): Promise<void> {
    const { startInput, onWanted, count, inherited } = this.#options;
    worker.give(inherited?.takeOf(slot.index) ?? []);
    const input = startInput({ index: slot.index, count });
    const { channel } = worker;
    const { wanted } = await channel.call("start", input, WORKER_START_MS_MAX);
    slot.live = worker;
    onWanted(wanted);
    this.#wakeJoined();
  }

  #onEnded(slot: Slot, worker: WorkerProcess, reason: string): void {
    const { clock, log, onGone } = this.#options;
    slot.process = undefined;
    if (slot.live === worker) slot.live = undefined;
    this.#addresses.onDied(slot.index);
    this.#refreshes.onDied(slot.index);
    onGone(worker);
    if (this.#isStopping) return;
    if (clock.monotonicMs() - worker.startedMs > STABLE_MS) slot.backoff.reset();
    const delayMs = Math.round(slot.backoff.nextMs());
    const { index: number, pid } = worker;
    log.error("worker ended; starting it again", { worker: number, pid, reason, delayMs });
    slot.timer = clock.schedule(delayMs, () => void this.#restart(slot));
  }

  async #restart(slot: Slot): Promise<void> {
    await this.#exclusive(async () => {
      if (this.#isStopping) return;
      this.restarts += 1;
      const worker = this.#spawn(slot);
      try {
        await this.#join(slot, worker);
      } catch (error) {
        const fields = { worker: slot.index, pid: worker.pid, reason: messageOf(error) };
        this.#options.log.error("worker cannot start", fields);
        worker.kill();
      }
    });
  }

  /** Violations by all, each once. Who does not answer has died of it, at the latest now. */
  async #prepare(
    update: ResourceUpdate,
  ): Promise<{ readonly errors: readonly ResourceError[]; readonly deaths: number }> {
    const errors = new Map<string, ResourceError>();
    const answers = await this.#callAll("prepare", update);
    for (const error of answers.flatMap((answer) => answer ?? [])) {
      errors.set(`${error.name}\n${error.message}`, error);
    }
    const deaths = answers.filter((answer) => answer === undefined).length;
    return { errors: [...errors.values()], deaths };
  }

  async #commit(refused: readonly string[]): Promise<void> {
    const answers = await this.#callAll("commit", refused);
    const wanted = answers.find((answer) => answer !== undefined);
    if (wanted !== undefined) this.#options.onWanted(wanted);
  }

  /** Undefined for those that did not answer: they are ended, and start again with what is in force. */
  async #callAll<
    K extends "prepare" | "commit" | "missing" | "identity" | "logLevel" | "announceDrain",
  >(
    name: K,
    input: WorkerCalls[K]["input"],
  ): Promise<readonly (WorkerCalls[K]["output"] | undefined)[]> {
    return await Promise.all(
      this.live.map(async (worker) => {
        try {
          return await worker.channel.call(name, input, WORKER_ANSWER_MS_MAX);
        } catch (error) {
          const fields = { worker: worker.index, pid: worker.pid, reason: messageOf(error) };
          this.#options.log.error("worker does not follow", fields);
          worker.kill();
          await worker.ended;
          return undefined;
        }
      }),
    );
  }

  #tellReady(): void {
    if (this.#isReady || !this.#slots.every(({ isReady }) => isReady)) return;
    this.#isReady = true;
    this.#options.onReady();
  }

  #whenJoined(): Promise<void> {
    return new Promise((resolve) => this.#onJoined.push(resolve));
  }

  #wakeJoined(): void {
    const waiting = this.#onJoined;
    this.#onJoined = [];
    for (const resolve of waiting) resolve();
  }

  #exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => {});
    return result;
  }
}

const FATAL = "workers end while they compile this update; see the proxy's log";

function everyNameOf({ changed, removed }: ResourceUpdate, message: string): ResourceError[] {
  return [...changed.map(({ name }) => name), ...removed].map((name) => ({ name, message }));
}
