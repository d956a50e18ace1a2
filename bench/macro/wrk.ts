/** The load generator for HTTP/1.1, wrk: runs it and reads its report. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LoadResult } from "./load-result.ts";

export interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly core: number;
  /** Lines of the heads of requests beyond those that wrk writes. */
  readonly fields?: readonly string[];
  /** Name of a file in Lua that makes the requests; absent: each asks for the URL. */
  readonly script?: string;
}

/** From one path to the next but these: neighbours in the configuration are not asked for one after the other. Prime. */
const STRIDE = 389;

const MICROSECONDS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6 };

export async function runWrk(options: WrkOptions): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)("taskset", [
    ...["-c", String(options.core), "wrk", "-t1", "--latency"],
    ...[`-c${options.connections}`, `-d${options.seconds}`],
    ...(options.fields ?? []).flatMap((field) => ["-H", field]),
    ...(options.script === undefined ? [] : ["-s", options.script]),
    options.url,
  ]);
  return parseReport(stdout);
}

/** Writes a script that goes through the paths and begins anew. Returns the name of its file. */
export function writePathScript(folder: string, paths: readonly string[]): string {
  const file = join(folder, "paths.lua");
  writeFileSync(file, pathScript(paths));
  return file;
}

/** The requests are written once, so that the load generator has next to nothing more to do. */
export function pathScript(paths: readonly string[]): string {
  return `local paths = { ${paths.map((path) => JSON.stringify(path)).join(", ")} }
local requests = {}
local at = 0
function init()
  for index, path in ipairs(paths) do requests[index] = wrk.format("GET", path) end
end
function request()
  at = (at + ${STRIDE}) % #requests
  return requests[at + 1]
end
`;
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
