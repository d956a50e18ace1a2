/** The command line of the macro benchmark. */
import { parseArgs } from "node:util";
import { PROXIES, type ProxyName, SCENARIOS, type ScenarioName } from "./names.ts";

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly connections: readonly number[];
  readonly scenarios: readonly ScenarioName[];
  readonly proxies: readonly ProxyName[];
  readonly isProfiling: boolean;
  /** Where the figures go besides the output, as JSON. */
  readonly jsonFile: string | undefined;
}

export const USAGE = `usage: npm run bench -- [options]

Measures our sidecar beside nginx, HAProxy and Envoy in the same run: proxies pinned to core 0, load (wrk)
and backend (nginx) to core 1, cases interleaved in rounds. CPU is the proxies' user and system time.

  --quick              one round of 2 s at 32 connections
  --rounds N           rounds (3)
  --seconds N          seconds of load per measurement (4)
  --connections A,B    numbers of connections (1,8,32,128)
  --only A,B           scenarios or proxies: ${[...SCENARIOS, ...PROXIES].join(", ")}
  --profile            write a CPU profile of each of our sidecars (slows them; do not compare)
  --json FILE          where the figures go (.cache/bench/latest.json)`;

/** Throws with a message for the user. */
export function parseOptions(args: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      connections: { type: "string" },
      only: { type: "string", default: "" },
      profile: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  if (values.help) return "help";
  const only = values.only.split(",").filter((name) => name !== "");
  const known: readonly string[] = [...SCENARIOS, ...PROXIES];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--only does not know ${unknown.join(", ")}; it takes ${known.join(", ")}`);
  }
  const connections = values.connections ?? (values.quick ? "32" : "1,8,32,128");
  return {
    rounds: positive("--rounds", values.rounds ?? (values.quick ? "1" : "3")),
    seconds: positive("--seconds", values.seconds ?? (values.quick ? "2" : "4")),
    warmupSeconds: values.quick ? 1 : 3,
    connections: connections.split(",").map((text) => positive("--connections", text)),
    scenarios: chosen(SCENARIOS, only),
    proxies: chosen(PROXIES, only),
    isProfiling: values.profile,
    jsonFile: values.json,
  };
}

/** The named ones of this kind, or all when none of the kind is named. */
function chosen<T extends string>(all: readonly T[], only: readonly string[]): readonly T[] {
  const named = all.filter((name) => only.includes(name));
  return named.length > 0 ? named : all;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`${option} takes whole numbers from 1, not ${JSON.stringify(text)}`);
  }
  return value;
}
