/**
 * The side of the sidecar that goes: has a successor started, gives it the sockets, and goes only when that one
 * serves. Until then nothing has changed, so that a successor that fails costs nothing.
 */
import type { Clock } from "../../core/clock.ts";
import { MeshError, messageOf } from "../../core/errors.ts";
import { RESTART_START_MS_MAX } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { Closable, HandoverEnd, HandoverMessage, OpenSocket } from "./messages.ts";

/** What is replaced. */
export interface ReplacedSidecar {
  /** All listening sockets. */
  openSockets(): Promise<readonly OpenSocket[]>;
  /** Another process is about to speak for this proxy: no new stream to the control plane. */
  holdLink(): void;
  /** There is no other process after all. */
  resumeLink(): void;
}

export interface RestartOptions {
  /** Has a successor started; messages to and from it. */
  readonly startSuccessor: () => Promise<HandoverEnd>;
  readonly sidecar: () => ReplacedSidecar | undefined;
  /** How many sidecars came before this one. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Logger;
}

interface UnderWay {
  readonly result: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: MeshError) => void;
  end: HandoverEnd | undefined;
  /** What the successor has. */
  readonly sent: Set<string>;
}

export class Restart {
  readonly #options: RestartOptions;
  /** Resolves with the milliseconds for what is in flight, when a successor serves. */
  readonly handedOver: Promise<number>;
  #resolve: (drainMs: number) => void = () => {};
  #underWay: UnderWay | undefined;
  #drainMs = 0;
  #isOver = false;

  constructor(options: RestartOptions) {
    this.#options = options;
    this.handedOver = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /**
   * Resolves when another process has taken over; this one then has `drainMs` for what it carries. Rejects
   * with MeshError `restart-failed`, and goes on.
   */
  async request(drainMs: number): Promise<void> {
    const { log, clock, startSuccessor, sidecar } = this.#options;
    if (this.#underWay !== undefined) return await this.#underWay.result;
    if (this.#isOver) throw failure("another process has taken over already");
    if (sidecar() === undefined) throw failure("the proxy has not started yet");
    this.#drainMs = drainMs;
    log.info("restarting");
    const underWay = deferred();
    this.#underWay = underWay;
    const timer = clock.schedule(RESTART_START_MS_MAX, () =>
      this.#fail(`the new process does not serve after ${RESTART_START_MS_MAX / 1000} s`),
    );
    try {
      underWay.end = await startSuccessor();
      underWay.end.onMessage((message) => this.#onMessage(message, underWay));
      await underWay.result;
    } catch (error) {
      if (this.#underWay === underWay) this.#fail(messageOf(error));
      throw error;
    } finally {
      timer.cancel();
    }
  }

  /** This process ends, for whatever reason: nobody takes over any more. */
  close(): void {
    this.#isOver = true;
    this.#giveUp("the process ends");
  }

  #onMessage(message: HandoverMessage, underWay: UnderWay): void {
    // A successor that was given up on may still speak.
    if (this.#underWay !== underWay) return;
    switch (message.kind) {
      case "take-over":
        void this.#giveSockets(underWay).catch((error: unknown) => {
          if (this.#underWay === underWay) this.#fail(messageOf(error));
        });
        break;
      case "linking":
        this.#options.sidecar()?.holdLink();
        // Configuration may have brought listeners meanwhile; no more comes from now on.
        void this.#sendSockets(underWay).catch(() => {});
        break;
      case "live":
        this.#isOver = true;
        this.#underWay = undefined;
        underWay.resolve();
        this.#resolve(this.#drainMs);
        break;
      case "failed":
        this.#fail(message.reason);
        break;
      case "restart":
      case "socket":
      case "sockets":
        break;
    }
  }

  async #giveSockets(underWay: UnderWay): Promise<void> {
    await this.#sendSockets(underWay);
    underWay.end?.send({ kind: "sockets", epoch: this.#options.epoch + 1 });
  }

  /** Those that the successor does not have yet. */
  async #sendSockets({ end, sent }: UnderWay): Promise<void> {
    const sockets = (await this.#options.sidecar()?.openSockets()) ?? [];
    for (const { handle, isCopy = false, ...socket } of sockets) {
      const close = (): void => (handle as Closable).close();
      const key = JSON.stringify(socket);
      if (!sent.has(key)) end?.send({ kind: "socket", socket }, handle, isCopy ? close : undefined);
      else if (isCopy) close();
      sent.add(key);
    }
  }

  #fail(reason: string): void {
    if (this.#giveUp(reason)) this.#options.sidecar()?.resumeLink();
    this.#options.log.error("restart failed; this process goes on", { reason });
  }

  /** False when no restart is under way. */
  #giveUp(reason: string): boolean {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    underWay?.end?.giveUp();
    underWay?.reject(failure(reason));
    return underWay !== undefined;
  }
}

function deferred(): UnderWay {
  let resolve = (): void => {};
  let reject = (_: MeshError): void => {};
  const result = new Promise<void>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  // A restart that a signal asked for has nobody who waits.
  result.catch(() => {});
  return { result, resolve, reject, end: undefined, sent: new Set() };
}

function failure(message: string): MeshError {
  return new MeshError({ code: "restart-failed" }, message);
}
