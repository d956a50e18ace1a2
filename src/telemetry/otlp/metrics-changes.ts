/**
 * Which series a receiver does not know as they are: those that changed since it took them last, or all of them. Keeps
 * for each series what was taken and its encoded labels.
 */
import { OTLP_METRICS_SERIES_PER_MESSAGE } from "../../core/limits.ts";
import type { FamilySnapshot, SeriesSnapshot } from "../metric-snapshot.ts";
import type { OtlpMetricsMessage, OtlpPoint } from "./metrics-message.ts";

interface SeriesState {
  readonly attributes: Uint8Array;
  startMs: number;
  /** What was taken last: the value, or a histogram's count. NaN for nothing. */
  taken: number;
  pending: number;
  /** The push that saw it last. */
  round: number;
}

/** A request, and what to call when it was taken. */
export interface OtlpBatch {
  readonly bytes: Uint8Array;
  readonly taken: () => void;
}

export class OtlpMetricsChanges {
  readonly #message: OtlpMetricsMessage;
  readonly #families = new Map<string, Map<string, SeriesState>>();
  /** Counts that are new began after this: the last look, or the start of the process. */
  #lastMs: number;
  #round = 0;

  /** `startMs`: wall clock, when the counts began. */
  constructor(message: OtlpMetricsMessage, startMs: number) {
    this.#message = message;
    this.#lastMs = startMs;
  }

  /**
   * Messages of at most OTLP_METRICS_SERIES_PER_MESSAGE series, each made when it is asked for, so that the caller can
   * let others run between them.
   */
  *batches(
    families: readonly FamilySnapshot[],
    nowMs: number,
    includesAll: boolean,
  ): Generator<OtlpBatch, void, undefined> {
    this.#round += 1;
    const message = this.#message;
    message.begin(nowMs);
    let included: SeriesState[] = [];
    for (const family of families) {
      let points: OtlpPoint[] = [];
      const states = this.#statesOf(family.name);
      for (const series of family.series) {
        const state = this.#stateOf(states, family, series, nowMs);
        if (state.pending === state.taken && !includesAll) continue;
        included.push(state);
        const { attributes, startMs } = state;
        points.push({ attributes, startMs, value: series.value });
        if (included.length < OTLP_METRICS_SERIES_PER_MESSAGE) continue;
        message.add(family, points);
        yield batchOf(message.finish(), included);
        message.begin(nowMs);
        included = [];
        points = [];
      }
      message.add(family, points);
      for (const [key, { round }] of states) if (round !== this.#round) states.delete(key);
    }
    if (included.length > 0) yield batchOf(message.finish(), included);
    this.#lastMs = nowMs;
  }

  #statesOf(name: string): Map<string, SeriesState> {
    let states = this.#families.get(name);
    if (states === undefined) {
      states = new Map();
      this.#families.set(name, states);
    }
    return states;
  }

  #stateOf(
    states: Map<string, SeriesState>,
    family: FamilySnapshot,
    { key, labels, value }: SeriesSnapshot,
    nowMs: number,
  ): SeriesState {
    const amount = typeof value === "number" ? value : value.count;
    let state = states.get(key);
    if (state === undefined) {
      const attributes = this.#message.encodeLabels(family.type, labels);
      const nothing = Number.NaN;
      state = { attributes, startMs: this.#lastMs, taken: nothing, pending: nothing, round: 0 };
      states.set(key, state);
    } else if (family.type === "gauge") {
      state.startMs = nowMs;
    } else if (amount < state.pending) {
      // It was given up and has begun anew, or a worker is gone: OTLP's "Resets and Gaps".
      state.startMs = this.#lastMs;
    }
    state.pending = amount;
    state.round = this.#round;
    return state;
  }
}

function batchOf(bytes: Uint8Array, states: readonly SeriesState[]): OtlpBatch {
  const amounts = states.map(({ pending }) => pending);
  return {
    bytes,
    taken: () => {
      for (const [index, state] of states.entries()) state.taken = amounts[index]!;
    },
  };
}
