/** The load generator for HTTP/1.1, wrk: runs it and reads its report. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { LoadResult } from "./load-result.ts";

export interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly core: number;
}

const MICROSECONDS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6 };

export async function runWrk(options: WrkOptions): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)("taskset", [
    ...["-c", String(options.core), "wrk", "-t1", "--latency"],
    ...[`-c${options.connections}`, `-d${options.seconds}`],
    options.url,
  ]);
  return parseReport(stdout);
}

/** Throws when the text is not a report of `wrk --latency`. */
export function parseReport(text: string): LoadResult {
  const requests = /(\d+) requests in/.exec(text)?.[1];
  if (requests === undefined) throw new Error(`not a report of wrk:\n${text}`);
  const failures = text.match(/Non-2xx.*|Socket errors.*/g) ?? [];
  return {
    requests: Number(requests),
    p50Us: percentile(text, "50%"),
    p99Us: percentile(text, "99%"),
    failures: failures.join("; "),
  };
}

function percentile(text: string, name: string): number {
  const [, value, unit = ""] = new RegExp(`${name}\\s+([\\d.]+)(us|ms|s|m)`).exec(text) ?? [];
  const factor = MICROSECONDS[unit];
  if (value === undefined || factor === undefined)
    throw new Error(`wrk gives no ${name}:\n${text}`);
  return Number(value) * factor;
}
