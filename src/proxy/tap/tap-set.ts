/**
 * The access logs that somebody wants for a while, as the control plane tells of them. Nobody taps most of the time: then
 * both lists are empty, and that is all that a request looks at.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { AccessLog } from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import {
  type Tap,
  WatchTapsRequestSchema,
  WatchTapsResponseSchema,
} from "../../gen/tulle/telemetry/v1/taps_pb.js";
import {
  type AccessLogConfig,
  type AccessLogsConfig,
  compileAccessLogs,
} from "../access-log/access-log-config.ts";
import { LogNeeds } from "../access-log/log-needs.ts";
import { LongPoll, type LongPollOptions } from "../long-poll.ts";

const WATCH = "/tulle.telemetry.v1.Taps/Watch";
const NONE: readonly AccessLogConfig[] = [];

export interface TapSetOptions
  extends Pick<LongPollOptions, "clusters" | "timers" | "nowMs" | "faults"> {
  /** As the receiver knows this proxy. */
  readonly instance: string;
}

interface CompiledTap {
  readonly outbound: AccessLogsConfig;
  readonly inbound: AccessLogsConfig;
}

export class TapSet {
  readonly #options: TapSetOptions;
  readonly #polls = new Map<string, LongPoll>();
  /** By id: what a tap has counted in its second goes on when others come and go. */
  #taps: ReadonlyMap<string, CompiledTap> = new Map();
  outbound = NONE;
  inbound = NONE;
  /** What taps want remembered of requests; undefined where that is nothing. */
  outboundNeeds: LogNeeds | undefined;
  inboundNeeds: LogNeeds | undefined;

  constructor(options: TapSetOptions) {
    this.#options = options;
  }

  /** Asks the receivers of these logs, where they are ones that know taps. */
  follow(logs: readonly AccessLogConfig[]): void {
    for (const log of logs) {
      if (log.kind !== "records" || !log.target.knowsTaps) continue;
      const { cluster, authority } = log.target;
      if (!this.#polls.has(cluster)) this.#polls.set(cluster, this.#poll({ cluster, authority }));
    }
  }

  stop(): void {
    for (const poll of this.#polls.values()) poll.stop();
  }

  #poll(target: LongPollOptions["target"]): LongPoll {
    const { instance, ...shared } = this.#options;
    let version = 0n;
    let run = "";
    const poll = new LongPoll({
      ...{ ...shared, target, method: WATCH },
      question: () =>
        toBinary(
          WatchTapsRequestSchema,
          create(WatchTapsRequestSchema, { instance, version, run }),
        ),
      read: (bytes) => {
        const answer = fromBinary(WatchTapsResponseSchema, bytes);
        this.#set(answer.taps);
        ({ version, run } = answer);
      },
    });
    poll.start();
    return poll;
  }

  #set(taps: readonly Tap[]): void {
    this.#taps = new Map(taps.map((tap) => [tap.id, this.#taps.get(tap.id) ?? compile(tap)]));
    const all = [...this.#taps.values()];
    this.outbound = all.flatMap(({ outbound }) => outbound.logs);
    this.inbound = all.flatMap(({ inbound }) => inbound.logs);
    this.outboundNeeds = needsOf(all.map(({ outbound }) => outbound));
    this.inboundNeeds = needsOf(all.map(({ inbound }) => inbound));
  }
}

/** A log that this proxy cannot write is left out: what comes of a newer control plane ends nothing here. */
function compile({ outbound, inbound }: Tap): CompiledTap {
  const one = (log: AccessLog | undefined): AccessLogsConfig => {
    const errors: { readonly path: string; readonly message: string }[] = [];
    const compiled = compileAccessLogs(log === undefined ? [] : [log], "tap", errors);
    return errors.length === 0 ? compiled : compileAccessLogs([], "tap", errors);
  };
  return { outbound: one(outbound), inbound: one(inbound) };
}

function needsOf(configs: readonly AccessLogsConfig[]): LogNeeds | undefined {
  const needs = LogNeeds.of(configs.map((config) => config.needs));
  return needs.isNothing ? undefined : needs;
}
