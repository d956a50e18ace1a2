/**
 * Calls between two processes over the channel that the runtime gives parent and child. A call is
 * answered once, fails with the error of the other side, or fails when that is gone or late.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { type ErrorDetail, MeshError, messageOf } from "../../core/errors.ts";

/** The shape of an interface that lists calls by name. */
export type Calls<C> = {
  readonly [K in keyof C]: { readonly input: unknown; readonly output: unknown };
};

export type Handlers<C extends Calls<C>> = {
  readonly [K in keyof C]: (input: C[K]["input"]) => C[K]["output"] | Promise<C[K]["output"]>;
};

/** The end of a channel: `process` in a child, the child's handle in its parent. */
export interface ChannelEnd {
  /** False when it could not be sent. */
  /** `handle`: a socket that goes with it. */
  send(message: object, handle?: object): void;
  onMessage(listener: (message: unknown, handle?: unknown) => void): void;
}

export interface CallFailed {
  readonly code: "worker-call-failed";
}

interface Failure {
  readonly detail: ErrorDetail | undefined;
  readonly message: string;
}

type Message =
  | { readonly kind: "call"; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly kind: "answer"; readonly id: number; readonly output: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly failure: Failure };

interface Pending {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

export class Channel<Own extends Calls<Own>, Peer extends Calls<Peer>> {
  readonly #end: ChannelEnd;
  readonly #clock: Clock;
  readonly #handlers: Handlers<Own>;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #isClosed = false;

  constructor(end: ChannelEnd, clock: Clock, handlers: Handlers<Own>) {
    this.#end = end;
    this.#clock = clock;
    this.#handlers = handlers;
    end.onMessage((message) => this.#onMessage(message as Message));
  }

  /** Rejects with MeshError: the other side's own, or CallFailed. */
  call<K extends keyof Peer & string>(
    name: K,
    input: Peer[K]["input"],
    deadlineMs: number,
  ): Promise<Peer[K]["output"]> {
    if (this.#isClosed) return Promise.reject(callFailed(`${name}: the process is gone`));
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise<Peer[K]["output"]>((resolve, reject) => {
      const timer = this.#clock.schedule(deadlineMs, () => {
        this.#pending.delete(id);
        reject(callFailed(`${name}: no answer within ${deadlineMs} ms`));
      });
      this.#pending.set(id, { resolve, reject, timer });
      this.#send({ kind: "call", id, name, input });
    });
  }

  /** The other side is gone: what is under way fails. */
  close(): void {
    this.#isClosed = true;
    for (const { reject, timer } of this.#pending.values()) {
      timer.cancel();
      reject(callFailed("the process is gone"));
    }
    this.#pending.clear();
  }

  #send(message: Message): void {
    if (!this.#isClosed) this.#end.send(message);
  }

  #onMessage(message: Message): void {
    if (message.kind === "call") {
      void this.#answer(message.id, message.name, message.input);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    pending.timer.cancel();
    if (message.kind === "answer") pending.resolve(message.output);
    else pending.reject(errorOf(message.failure));
  }

  async #answer(id: number, name: string, input: unknown): Promise<void> {
    try {
      const handlers: Readonly<Record<string, ((input: never) => unknown) | undefined>> =
        this.#handlers;
      const output = await handlers[name]?.(input as never);
      this.#send({ kind: "answer", id, output });
    } catch (error) {
      const detail = error instanceof MeshError ? error.detail : undefined;
      this.#send({ kind: "failure", id, failure: { detail, message: messageOf(error) } });
    }
  }
}

function callFailed(message: string): MeshError<CallFailed> {
  return new MeshError({ code: "worker-call-failed" }, message);
}

function errorOf({ detail, message }: Failure): Error {
  return detail === undefined ? callFailed(message) : new MeshError(detail, message);
}
