/**
 * Keeps one thing running: starts it, starts it again as its schedule says, stops it for good.
 *
 * ```
 *   idle ──start──► starting ──► running ──ended──► waiting ──delay──► starting
 *                       │           │                  │
 *                       └───stop────┴──────stop────────┴──► finished   (also: ended, and given up)
 * ```
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { ExitStatus } from "./process-group.ts";
import type { RestartDecision, RestartSchedule } from "./restart-policy.ts";

/** Something that runs once. */
export interface Run {
  readonly exited: Promise<ExitStatus>;
  signal(signal: NodeJS.Signals): void;
  /** Sends `signal` (default SIGTERM), and SIGKILL after `graceMs`. */
  stop(graceMs: number, signal?: NodeJS.Signals): Promise<ExitStatus>;
}

export type SupervisorState = "idle" | "starting" | "running" | "waiting" | "finished";

export interface SupervisorOptions {
  /** Must not reject. */
  readonly start: () => Promise<Run>;
  readonly schedule: RestartSchedule;
  readonly clock: Clock;
  /** Called when it has ended by itself, and not when it was stopped. */
  readonly onEnded: (status: ExitStatus, next: RestartDecision) => void;
}

const NEVER_RAN: ExitStatus = { kind: "exited", code: 0 };

export class Supervisor {
  readonly #options: SupervisorOptions;
  /** Settles with the last ending, when it was stopped or given up. */
  readonly finished: Promise<ExitStatus>;
  #state: SupervisorState = "idle";
  #settle: (status: ExitStatus) => void = () => {};
  #run: Run | undefined;
  #timer: Timer | undefined;
  #starting: Promise<void> | undefined;
  #stop: { readonly graceMs: number; readonly signal: NodeJS.Signals | undefined } | undefined;
  #lastStatus: ExitStatus = NEVER_RAN;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.finished = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get state(): SupervisorState {
    return this.#state;
  }

  /** Resolves when it runs. Call once. */
  start(): Promise<void> {
    if (this.#state === "finished") return Promise.resolve();
    this.#starting = this.#launch();
    return this.#starting;
  }

  signal(signal: NodeJS.Signals): void {
    this.#run?.signal(signal);
  }

  /** `run` has taken over from the one that runs, whose ending is nobody's business any more. */
  replace(run: Run): void {
    this.#follow(run);
    if (this.#stop !== undefined) void run.stop(this.#stop.graceMs, this.#stop.signal);
  }

  /** Stops it for good; safe in every state and more than once. */
  async stop(graceMs: number, signal?: NodeJS.Signals): Promise<ExitStatus> {
    this.#stop ??= { graceMs, signal };
    if (this.#state === "idle" || this.#state === "waiting") {
      this.#timer?.cancel();
      this.#finish(this.#lastStatus);
    }
    await this.#starting;
    await this.#run?.stop(graceMs, signal);
    return this.finished;
  }

  async #launch(): Promise<void> {
    this.#state = "starting";
    const run = await this.#options.start();
    this.#follow(run);
    if (this.#stop !== undefined) await run.stop(this.#stop.graceMs, this.#stop.signal);
  }

  #follow(run: Run): void {
    this.#run = run;
    this.#state = "running";
    this.#options.schedule.started();
    void run.exited.then((status) => {
      if (this.#run === run) this.#ended(status);
    });
  }

  #ended(status: ExitStatus): void {
    this.#run = undefined;
    this.#lastStatus = status;
    if (this.#stop !== undefined) {
      this.#finish(status);
      return;
    }
    const next = this.#options.schedule.ended(status);
    if (next.kind === "restart") {
      this.#state = "waiting";
      this.#timer = this.#options.clock.schedule(next.delayMs, () => {
        this.#starting = this.#launch();
      });
    } else {
      this.#finish(status);
    }
    this.#options.onEnded(status, next);
  }

  #finish(status: ExitStatus): void {
    this.#state = "finished";
    this.#settle(status);
  }
}
