/** Requests summed by caller, service, method and path: bounded, for paths are the callers' to choose. */
import type { TapEvent } from "../../control-plane/telemetry-types.ts";

/** What comes behind them is summed in one row. */
const ROWS_MAX = 1000;

export interface TopRow {
  readonly source: string;
  readonly destination: string;
  readonly method: string;
  readonly path: string;
  readonly count: number;
  readonly failures: number;
  readonly bestMs: number;
  readonly worstMs: number;
  readonly lastMs: number;
}

export class TopTable {
  readonly #rows = new Map<string, TopRow>();

  /** Both sides tell of a request: the caller's counts, and the called one's where the caller has no sidecar. */
  add(event: TapEvent): void {
    if (event.reporter === "destination" && event.source.name !== "unknown") return;
    const path = (event.path ?? "").replace(/[?#].*$/s, "");
    const named = [event.source.name, event.destination.name, event.method ?? "TCP", path];
    const isKnown = this.#rows.has(JSON.stringify(named));
    const key = isKnown || this.#rows.size < ROWS_MAX ? named : ["…", "…", "…", "others"];
    const [source = "", destination = "", method = "", shown = ""] = key;
    const id = JSON.stringify(key);
    const row = this.#rows.get(id);
    const { durationMs } = event;
    this.#rows.set(id, {
      source,
      destination,
      method,
      path: shown,
      count: (row?.count ?? 0) + 1,
      failures: (row?.failures ?? 0) + (isFailure(event) ? 1 : 0),
      bestMs: Math.min(row?.bestMs ?? durationMs, durationMs),
      worstMs: Math.max(row?.worstMs ?? durationMs, durationMs),
      lastMs: durationMs,
    });
  }

  /** The most frequent first. */
  rows(): readonly TopRow[] {
    return [...this.#rows.values()].sort((a, b) => b.count - a.count);
  }
}

function isFailure({ responseCode, grpcStatus }: TapEvent): boolean {
  return responseCode === 0 || responseCode >= 500 || (grpcStatus ?? 0) > 0;
}
