/** The load generator, wrk: runs it and reads its report. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface LoadResult {
  readonly requests: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** What wrk says of failed requests; empty when all were answered with 2xx. */
  readonly failures: string;
}

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly core: number;
}

const MICROSECONDS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6 };

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)("taskset", [
    ...["-c", String(options.core), "wrk", "-t1", "--latency"],
    ...[`-c${options.connections}`, `-d${options.seconds}`],
    `http://127.0.0.1:${options.port}/`,
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
