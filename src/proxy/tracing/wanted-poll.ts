/**
 * Asks a control plane again and again which traces turned out to matter: a question is held there until there are some.
 * One that is not answered, or not understood, is asked again after a while.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { WANTED_TRACES_HOLD_MS, WANTED_TRACES_RETRY_MS } from "../../core/limits.ts";
import { TimerEntry } from "../../core/timer-wheel.ts";
import { GRPC_STATUS } from "../../telemetry/grpc-status.ts";
import { TRACE_WORDS } from "../../telemetry/trace/trace-context.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import { readFields } from "../ext-authz/wire-fields.ts";
import { GrpcCall, type GrpcCallHandler } from "../grpc-call.ts";
import type { SpanTimers } from "./span-timers.ts";
import type { SpanTarget } from "./tracing-config.ts";

const WATCH = "/tulle.telemetry.v1.WantedTraces/Watch";
/** The answer may take its time on top. */
const PATIENCE_MS = 10_000;
/** Of a receiver that does not know the question. */
const UNKNOWN_RETRIES = 60;
const TRACE_ID_BYTES = 16;

export interface WantedPollOptions {
  readonly target: SpanTarget;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: SpanTimers;
  readonly nowMs: () => number;
  readonly faults: CallbackFaults;
  /** Called with the words of each trace. */
  readonly want: (trace: Int32Array) => void;
}

export class WantedPoll implements GrpcCallHandler {
  readonly #options: WantedPollOptions;
  readonly #pause = new TimerEntry(() => this.#ask());
  readonly #trace = new Int32Array(TRACE_WORDS);
  #call: GrpcCall | undefined;
  #after = 0;
  #run = "";
  #isStopped = false;

  constructor(options: WantedPollOptions) {
    this.#options = options;
  }

  start(): void {
    this.#askLater(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.timers.idle.disarm(this.#pause);
    this.#call?.cancel();
  }

  onGrpcReply(message: Buffer): void {
    this.#call = undefined;
    try {
      this.#read(message);
    } catch {
      this.#askLater(1);
      return;
    }
    if (!this.#isStopped) this.#ask();
  }

  onGrpcFailure(status: number): void {
    this.#call = undefined;
    this.#askLater(status === GRPC_STATUS.unimplemented ? UNKNOWN_RETRIES : 1);
  }

  #ask(): void {
    const { target, clusters, timers, nowMs, faults } = this.#options;
    const cluster = clusters.get(target.cluster);
    if (cluster === undefined) {
      this.#askLater(1);
      return;
    }
    const call = new GrpcCall(
      {
        ...{ cluster, method: WATCH, authority: target.authority, nowMs, faults },
        message: this.#question(),
        timers: timers.request,
        timeoutMs: WANTED_TRACES_HOLD_MS + PATIENCE_MS,
      },
      this,
    );
    if (call.start() === undefined) this.#call = call;
    else this.#askLater(1);
  }

  #question(): Uint8Array {
    const writer = new BinaryWriter();
    if (this.#after > 0) writer.tag(1, 0).uint64(this.#after);
    if (this.#run !== "") writer.tag(2, 2).string(this.#run);
    return writer.finish();
  }

  #read(message: Buffer): void {
    readFields(message, (field, reader) => {
      if (field === 1) this.#take(reader.bytes());
      else if (field === 2) this.#after = Number(reader.uint64());
      else if (field === 3) this.#run = reader.string();
      else return false;
      return true;
    });
  }

  #take(id: Uint8Array): void {
    if (id.length !== TRACE_ID_BYTES) return;
    const view = new DataView(id.buffer, id.byteOffset, id.length);
    for (let i = 0; i < TRACE_WORDS; i++) this.#trace[i] = view.getInt32(i * 4);
    this.#options.want(this.#trace);
  }

  #askLater(times: number): void {
    if (this.#isStopped) return;
    this.#options.timers.idle.arm(this.#pause, WANTED_TRACES_RETRY_MS * times);
  }
}
