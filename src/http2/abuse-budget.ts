/**
 * What a peer may do for nothing on one connection (T12, T13, T16, T17). Every kind of frame that costs us
 * and moves no message has an allowance for each period; streams, our DATA and our resets earn more, since
 * honest peers send such frames because of them. What is earned in one period also counts in the next, for
 * answers that come late. Once over, the connection is to end with GOAWAY and ENHANCE_YOUR_CALM.
 */
import {
  ABUSE_PERIOD_MS,
  DROPPED_FRAMES_MAX,
  DROPPED_FRAMES_PER_RESET,
  EMPTY_FRAMES_MAX,
  PINGS_MAX,
  PREMATURE_RESET_AGE_MS,
  PRIORITY_FRAMES_MAX,
  QUEUED_CONTROL_FRAMES_MAX,
  SETTINGS_FRAMES_MAX,
  WINDOW_UPDATES_MAX,
  WINDOW_UPDATES_PER_DATA_FRAME,
  WINDOW_UPDATES_PER_STREAM,
} from "../core/limits.ts";

const seconds = ABUSE_PERIOD_MS / 1_000;

const BOUNDS = {
  prematureResets: (max: number) =>
    `more than ${max} streams, and half of all, were reset early in ${seconds} s`,
  pings: `more than ${PINGS_MAX} PING frames in ${seconds} s`,
  settings: `more than ${SETTINGS_FRAMES_MAX} SETTINGS frames in ${seconds} s`,
  priorities: `more than ${PRIORITY_FRAMES_MAX} PRIORITY frames for each stream in ${seconds} s`,
  windowUpdates: `more than ${WINDOW_UPDATES_MAX} WINDOW_UPDATE frames without cause in ${seconds} s`,
  emptyFrames: `more than ${EMPTY_FRAMES_MAX} empty frames in ${seconds} s`,
  droppedFrames: `more than ${DROPPED_FRAMES_MAX} frames for closed streams or of unknown type in ${seconds} s`,
  queuedControlFrames: `more than ${QUEUED_CONTROL_FRAMES_MAX} control frames wait for the peer to read`,
} as const;

/** A bound that a peer went over: a label for metrics, and what `reasonOf` explains. */
export type AbuseBound = keyof typeof BOUNDS;

/** Methods return the bound that was passed, or undefined. `nowMs` is monotonic and may lag by a turn. */
export class AbuseBudget {
  readonly #prematureResetsMax: number;
  #periodStartMs: number;
  #prematureResets = 0;
  #pings = 0;
  #settings = 0;
  #priorities = 0;
  #windowUpdates = 0;
  #emptyFrames = 0;
  #droppedFrames = 0;
  /** Earned in this period and in the one before. */
  #streams = 0;
  #streamsBefore = 0;
  #dataFrames = 0;
  #dataFramesBefore = 0;
  #ownResets = 0;
  #ownResetsBefore = 0;
  #queuedControlFrames = 0;

  constructor(nowMs: number, prematureResetsMax: number) {
    this.#periodStartMs = nowMs;
    this.#prematureResetsMax = prematureResetsMax;
  }

  /** A sentence for logs and for GOAWAY's debug data. ASCII. */
  reasonOf(bound: AbuseBound): string {
    const reason = BOUNDS[bound];
    return typeof reason === "string" ? reason : reason(this.#prematureResetsMax);
  }

  /** HEADERS opened a stream, also one that is refused then. */
  onStreamOpened(nowMs: number): void {
    this.#turn(nowMs);
    this.#streams += 1;
  }

  /** So many DATA frames were sent. */
  onDataSent(nowMs: number, frames: number): void {
    this.#turn(nowMs);
    this.#dataFrames += frames;
  }

  /**
   * Servers: the peer reset a stream that was not over. `ageMs` is the time since it was opened. Client
   * roles do not call this: a server that resets does no work of ours.
   */
  onPeerReset(nowMs: number, ageMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    if (ageMs >= PREMATURE_RESET_AGE_MS) return undefined;
    return this.#prematureReset();
  }

  /** We reset or refused a stream by a fault of the peer's (T13): a stream error of any kind. */
  onProvokedReset(nowMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    this.#ownResets += 1;
    return this.#prematureReset();
  }

  /** We reset a stream for reasons of ours: a timeout, a failed upstream, a request given up. */
  onOwnReset(nowMs: number): void {
    this.#turn(nowMs);
    this.#ownResets += 1;
  }

  /** PING that is to be answered (CVE-2019-9512). */
  onPing(nowMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    this.#pings += 1;
    const earned = this.#dataFrames + this.#dataFramesBefore;
    return this.#pings > PINGS_MAX + earned ? "pings" : undefined;
  }

  /** SETTINGS that is to be answered, or an acknowledgement (CVE-2019-9515). */
  onSettings(nowMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    this.#settings += 1;
    return this.#settings > SETTINGS_FRAMES_MAX ? "settings" : undefined;
  }

  /** PRIORITY, of any stream (CVE-2019-9513). */
  onPriority(nowMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    this.#priorities += 1;
    const earned = PRIORITY_FRAMES_MAX * (this.#streams + this.#streamsBefore);
    return this.#priorities > PRIORITY_FRAMES_MAX + earned ? "priorities" : undefined;
  }

  /** WINDOW_UPDATE, of the connection or any stream. */
  onWindowUpdate(nowMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    this.#windowUpdates += 1;
    const earned =
      WINDOW_UPDATES_PER_STREAM * (this.#streams + this.#streamsBefore) +
      WINDOW_UPDATES_PER_DATA_FRAME * (this.#dataFrames + this.#dataFramesBefore);
    return this.#windowUpdates > WINDOW_UPDATES_MAX + earned ? "windowUpdates" : undefined;
  }

  /** DATA without data, or a fragment of a field block without a byte, that ends neither stream nor block (CVE-2019-9518). */
  onEmptyFrame(nowMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    this.#emptyFrames += 1;
    const earned = this.#streams + this.#streamsBefore;
    return this.#emptyFrames > EMPTY_FRAMES_MAX + earned ? "emptyFrames" : undefined;
  }

  /** A frame that RECEIPT_IGNORED dropped, or of unknown type. WINDOW_UPDATE counts as such instead. */
  onDroppedFrame(nowMs: number): AbuseBound | undefined {
    this.#turn(nowMs);
    this.#droppedFrames += 1;
    const earned = DROPPED_FRAMES_PER_RESET * (this.#ownResets + this.#ownResetsBefore);
    return this.#droppedFrames > DROPPED_FRAMES_MAX + earned ? "droppedFrames" : undefined;
  }

  /** An answer to the peer (PING or SETTINGS acknowledged, RST_STREAM, WINDOW_UPDATE) waits to be written (T17). */
  onControlQueued(): AbuseBound | undefined {
    this.#queuedControlFrames += 1;
    const isOver = this.#queuedControlFrames > QUEUED_CONTROL_FRAMES_MAX;
    return isOver ? "queuedControlFrames" : undefined;
  }

  /** The system took everything that waited. */
  onControlFlushed(): void {
    this.#queuedControlFrames = 0;
  }

  #prematureReset(): AbuseBound | undefined {
    this.#prematureResets += 1;
    const resets = this.#prematureResets;
    if (resets <= this.#prematureResetsMax) return undefined;
    return resets * 2 > this.#streams + this.#streamsBefore ? "prematureResets" : undefined;
  }

  /** Ends the period when its time is over. */
  #turn(nowMs: number): void {
    const elapsedMs = nowMs - this.#periodStartMs;
    if (elapsedMs < ABUSE_PERIOD_MS) return;
    const isAdjacent = elapsedMs < 2 * ABUSE_PERIOD_MS;
    this.#periodStartMs = nowMs;
    this.#streamsBefore = isAdjacent ? this.#streams : 0;
    this.#dataFramesBefore = isAdjacent ? this.#dataFrames : 0;
    this.#ownResetsBefore = isAdjacent ? this.#ownResets : 0;
    this.#streams = 0;
    this.#dataFrames = 0;
    this.#ownResets = 0;
    this.#prematureResets = 0;
    this.#pings = 0;
    this.#settings = 0;
    this.#priorities = 0;
    this.#windowUpdates = 0;
    this.#emptyFrames = 0;
    this.#droppedFrames = 0;
  }
}
