/**
 * The figures that looks at gates gave, for charts. Nothing is decided by them, so they are kept in memory: a control plane
 * that is started again begins anew, and the last figure of each gate is in the Rollout's status.
 */
import type { RolloutLook } from "../rollout-types.ts";
import type { GateReading } from "./gate-reading.ts";

/** Looks that are kept of one run: an hour of two gates at the default interval, in some 100 kB. */
const LOOKS_MAX = 720;

/** What was read at one time. */
export interface Looked {
  /** `namespace/name` of the Rollout. */
  readonly key: string;
  readonly run: number;
  readonly step: number;
  readonly atMs: number;
  /** By gate name. */
  readonly readings: ReadonlyMap<string, GateReading>;
}

interface Run {
  readonly run: number;
  readonly looks: readonly RolloutLook[];
}

export class GateHistory {
  readonly #runs = new Map<string, Run>();

  /** Readings without a figure are no point of a line. A new run forgets the one before. */
  add({ key, run, step, atMs, readings }: Looked): void {
    const at = new Date(atMs).toISOString();
    const looks = [...readings].flatMap(([gate, { verdict, figure }]): readonly RolloutLook[] =>
      figure === undefined || verdict === "Inconclusive" || !Number.isFinite(figure)
        ? []
        : [{ gate, at, step, value: figure, verdict }],
    );
    this.#runs.set(key, { run, looks: [...this.of(key, run), ...looks].slice(-LOOKS_MAX) });
  }

  /** Of this run, oldest first. */
  of(key: string, run: number): readonly RolloutLook[] {
    const known = this.#runs.get(key);
    return known?.run === run ? known.looks : [];
  }

  /** Forgets every Rollout but these. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#runs.keys()) if (!keys.has(key)) this.#runs.delete(key);
  }
}
