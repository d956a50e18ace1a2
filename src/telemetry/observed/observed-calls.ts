/** Observed calls, summed up: who called what, how often, and how it ended. Bounded: what does not fit is only counted. */
import { pathShape } from "./path-shape.ts";

/** What somebody was seen to do. */
export interface ObservedCall {
  /** The caller's identity, or "" without one. */
  readonly principal: string;
  /** Where the called sidecar took it: `127.0.0.1:20080`, or "" where that is not known. */
  readonly address: string;
  /** Host of the request, or "". */
  readonly authority: string;
  /** Where the app listens. */
  readonly appPort?: number;
  /** Absent: a TCP connection, or with `isIdentityOnly` anything. */
  readonly method?: string;
  /** One of those that were seen with this shape, without its query. */
  readonly path?: string;
  /** Neither method nor path are known. */
  readonly isIdentityOnly?: boolean;
  readonly count: number;
  /** Of `count`: those that ended in 401, 403 or 404, or were denied. */
  readonly failed: number;
  /** ISO 8601; null where it is not known. */
  readonly firstSeen: string | null;
  readonly lastSeen: string | null;
}

/** Rows of one look: 1000 services with ten callers each. */
export const OBSERVED_CALLS_MAX = 10_000;

/** One request or connection. */
export interface SeenCall
  extends Omit<ObservedCall, "count" | "failed" | "firstSeen" | "lastSeen"> {
  readonly isFailed: boolean;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

interface Row {
  readonly call: SeenCall;
  count: number;
  failed: number;
  firstMs: number;
  lastMs: number;
}

export class ObservedCalls {
  readonly #rows = new Map<string, Row>();
  #overflow = 0;

  add(call: SeenCall): void {
    const { principal, address, authority, appPort, method, path, isFailed, atMs } = call;
    const shape = path === undefined ? null : pathShape(path);
    // Authority tells where a call went only while nothing better does.
    const key = JSON.stringify([
      principal,
      address,
      appPort,
      method,
      shape,
      address === "" ? authority : "",
    ]);
    let row = this.#rows.get(key);
    if (row === undefined) {
      if (this.#rows.size === OBSERVED_CALLS_MAX) {
        this.#overflow += 1;
        return;
      }
      row = { call, count: 0, failed: 0, firstMs: atMs, lastMs: atMs };
      this.#rows.set(key, row);
    }
    row.count += 1;
    if (isFailed) row.failed += 1;
    row.firstMs = Math.min(row.firstMs, atMs);
    row.lastMs = Math.max(row.lastMs, atMs);
  }

  /** Calls of rows that did not fit. */
  get overflow(): number {
    return this.#overflow;
  }

  list(): readonly ObservedCall[] {
    return [...this.#rows.values()].map(({ call, count, failed, firstMs, lastMs }) => {
      const { isFailed: _, atMs: __, ...rest } = call;
      const [firstSeen, lastSeen] = [new Date(firstMs), new Date(lastMs)].map((at) =>
        at.toISOString(),
      );
      return { ...rest, count, failed, firstSeen: firstSeen ?? null, lastSeen: lastSeen ?? null };
    });
  }
}
