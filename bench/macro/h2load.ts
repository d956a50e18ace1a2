/** The load generator for HTTP/2, h2load: runs it and reads its report and its log of requests. */
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { GRPC_MESSAGE } from "./backends.ts";
import type { LoadResult } from "./load-result.ts";

export interface H2loadOptions {
  readonly url: string;
  readonly connections: number;
  readonly streams: number;
  readonly seconds: number;
  readonly core: number;
  /** Work folder, for the log and the body of the requests. */
  readonly folder: string;
  /** A unary gRPC call instead of a GET. */
  readonly isGrpc: boolean;
}

/** What is not a request that was answered by 2xx. Requests in flight at the end count as nothing. */
const FAILURES = [/([1-9]\d*) (failed|errored|timeout)/g, /([1-9]\d*) (3xx|4xx|5xx)/g];

export async function runH2load(options: H2loadOptions): Promise<LoadResult> {
  const log = join(options.folder, "h2load.log");
  // It appends.
  rmSync(log, { force: true });
  const { stdout } = await promisify(execFile)("taskset", [
    ...["-c", String(options.core), "h2load", "-t1", `-c${options.connections}`],
    ...[`-m${options.streams}`, "-D", String(options.seconds), `--log-file=${log}`],
    ...(options.isGrpc ? grpcArguments(options.folder) : []),
    options.url,
  ]);
  return parseH2load(stdout, readFileSync(log, "latin1"));
}

function grpcArguments(folder: string): readonly string[] {
  const body = join(folder, "grpc-request");
  writeFileSync(body, GRPC_MESSAGE);
  return ["-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers"];
}

/** Throws when the text is not a report of h2load, or the log holds no request. */
export function parseH2load(report: string, log: string): LoadResult {
  const succeeded = /(\d+) succeeded/.exec(report)?.[1];
  if (succeeded === undefined) throw new Error(`not a report of h2load:\n${report}`);
  const protocol = /Application protocol: (\S+)/.exec(report)?.[1];
  if (protocol !== "h2c") throw new Error(`h2load spoke ${protocol ?? "nothing"}, not HTTP/2`);
  const failures = FAILURES.flatMap((pattern) => report.match(pattern) ?? []);
  const timesUs = requestTimes(log);
  return {
    requests: Number(succeeded),
    p50Us: percentile(timesUs, 0.5),
    p99Us: percentile(timesUs, 0.99),
    failures: failures.join(", "),
  };
}

/** A line a request: when it started, its status, how long it took, in microseconds. */
function requestTimes(log: string): Float64Array {
  const lines = log.split("\n").filter((line) => line !== "");
  return Float64Array.from(lines, (line) => Number(line.slice(line.lastIndexOf("\t") + 1))).sort();
}

function percentile(sorted: Float64Array, share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("h2load logged no request");
  return value;
}
