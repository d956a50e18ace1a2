/** Hears from a control plane which traces turned out to matter. */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { TRACE_WORDS } from "../../telemetry/trace/trace-context.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import { readFields } from "../ext-authz/wire-fields.ts";
import { LongPoll } from "../long-poll.ts";
import type { TelemetryTimers } from "../telemetry-queue.ts";
import type { SpanTarget } from "./tracing-config.ts";

const WATCH = "/tulle.telemetry.v1.WantedTraces/Watch";
const TRACE_ID_BYTES = 16;

export interface WantedPollOptions {
  readonly target: SpanTarget;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: TelemetryTimers;
  readonly nowMs: () => number;
  readonly faults: CallbackFaults;
  /** Called with the words of each trace. */
  readonly want: (trace: Int32Array) => void;
}

export class WantedPoll {
  readonly #want: WantedPollOptions["want"];
  readonly #poll: LongPoll;
  readonly #trace = new Int32Array(TRACE_WORDS);
  #after = 0;
  #run = "";

  constructor({ want, ...options }: WantedPollOptions) {
    this.#want = want;
    this.#poll = new LongPoll({
      ...options,
      method: WATCH,
      question: () => this.#question(),
      read: (answer) => this.#read(answer),
    });
  }

  start(): void {
    this.#poll.start();
  }

  stop(): void {
    this.#poll.stop();
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
    this.#want(this.#trace);
  }
}
