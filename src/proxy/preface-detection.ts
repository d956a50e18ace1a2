/**
 * A connection that speaks HTTP of a version that only its first bytes tell: none of it is there yet, so it
 * counts as an idle one.
 */
import type { Socket } from "node:net";
import { TimerEntry } from "../core/timer-wheel.ts";
import { CLIENT_PREFACE, matchPreface, PREFACE_MISMATCH } from "../http2/preface.ts";
import { FirstRead } from "../net/first-read.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import { FIRST_REQUEST_GRACE_MS } from "./connection-deadline.ts";
import type { ServerConnection } from "./connection-server.ts";
import type { HttpServer } from "./http-server.ts";

/** Gets all bytes that have come, and the socket with them. */
export type VersionCallback = (isHttp2: boolean, bytes: Buffer | undefined) => void;

export class PrefaceDetection implements ServerConnection, FaultOwner {
  readonly #socket: Socket;
  readonly #server: HttpServer;
  readonly #before: Buffer | undefined;
  readonly #onVersion: VersionCallback;
  readonly #read: FirstRead;
  readonly #timer: TimerEntry;
  #isOver = false;
  #hasBytes = false;

  /** `before`: a part of the preface that has been read. */
  constructor(
    socket: Socket,
    server: HttpServer,
    before: Buffer | undefined,
    onVersion: VersionCallback,
  ) {
    this.#socket = socket;
    this.#server = server;
    this.#before = before;
    this.#onVersion = onVersion;
    this.#hasBytes = before !== undefined;
    this.#timer = new TimerEntry(guarded(this, () => this.destroy()));
    server.connections.add(this);
    socket.on("error", ignore);
    socket.on("end", this.#onGone);
    socket.on("close", this.#onGone);
    const limitMs = this.#hasBytes ? server.requestHeadTimeoutMs : server.idleTimeoutMs;
    if (limitMs > 0) server.timers.idle.arm(this.#timer, limitMs);
    this.#read = new FirstRead(socket, guarded(this, this.#onBytes));
  }

  drain(): void {
    if (!this.#hasBytes) this.#server.timers.idle.arm(this.#timer, FIRST_REQUEST_GRACE_MS);
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#socket.destroy();
    this.#server.onConnectionClosed(this);
  }

  onFault(error: unknown): void {
    this.#server.faults.report("downstream connection", error);
    this.destroy();
  }

  readonly #onBytes = (bytes: Buffer, hasEnded: boolean): void => {
    const before = this.#before;
    const start = before === undefined ? 0 : matchPreface(before, 0, before.length, 0);
    const matched = matchPreface(bytes, 0, bytes.length, start);
    if (matched !== PREFACE_MISMATCH && matched < CLIENT_PREFACE.length) {
      if (hasEnded) this.destroy();
      else this.#awaitRest();
      return;
    }
    this.#leave();
    const read = this.#read.stop();
    const whole = before === undefined ? read : Buffer.concat([before, read ?? Buffer.alloc(0)]);
    this.#onVersion(matched === CLIENT_PREFACE.length, whole);
    // Behind it: a drain must not find the server empty in between.
    this.#server.onConnectionClosed(this);
  };

  /** Part of a preface has a deadline as part of a head has. */
  #awaitRest(): void {
    if (this.#hasBytes) return;
    this.#hasBytes = true;
    this.#server.timers.idle.arm(this.#timer, this.#server.requestHeadTimeoutMs);
  }

  readonly #onGone = (): void => {
    this.destroy();
  };

  #leave(): void {
    this.#isOver = true;
    this.#server.timers.idle.disarm(this.#timer);
    this.#socket.off("end", this.#onGone);
    this.#socket.off("close", this.#onGone);
  }
}

function ignore(): void {}
