/** The command line of the macro benchmark. */
import { parseArgs } from "node:util";
import { messageOf } from "../../src/core/errors.ts";
import { SETTLE_MS } from "./measurement.ts";
import { PROXIES, type ProxyName, SCENARIOS, type ScenarioName } from "./names.ts";

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Of the requests that a runtime needs to compile what is used often. */
  readonly warmupSecondsMax: number;
  /** From the start of a proxy to its load. */
  readonly settleMs: number;
  /** Also: scenarios that compare variants leave the other proxies out. */
  readonly isQuick: boolean;
  readonly connections: readonly number[];
  readonly scenarios: readonly ScenarioName[];
  readonly proxies: readonly ProxyName[];
  readonly isProfiling: boolean;
  /** Where the figures go besides the output, as JSON. */
  readonly jsonFile: string | undefined;
}

export const USAGE = `usage: npm run bench -- [options]

Measures our sidecar beside nginx, HAProxy and Envoy in the same run: proxies pinned to core 0, load (wrk,
h2load) and backends (nginx, nghttpd) to core 1, proxies interleaved in rounds. CPU is the proxies' user and system
time. Prints the figures, the ratios, and which of the limits hold.

  --quick              one round of 2 s, plain, chain and chain-h1 at 32 connections, our sidecar alone in policies,
                       routes, endpoints and endpoints-ewma
  --rounds N           rounds (3)
  --seconds N          seconds of load per measurement (4)
  --connections A,B    numbers of connections of plain, chain and chain-h1 (1,8,32,128)
  --scenario A,B       of ${SCENARIOS.join(", ")} (all)
  --proxy A,B          of ${PROXIES.join(", ")} (all)
  --profile            write a CPU profile of each of our sidecars (slows them; do not compare)
  --json FILE          where the figures go (.cache/bench/latest.json)`;

/** Long enough for what a start leaves to do; figures of memory come out higher. */
const QUICK_SETTLE_MS = 1_000;

/** Throws with a message for the user. */
export function parseOptions(args: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      connections: { type: "string" },
      scenario: { type: "string" },
      proxy: { type: "string" },
      profile: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  if (values.help) return "help";
  const connections = values.connections ?? (values.quick ? "32" : "1,8,32,128");
  return {
    rounds: positive("--rounds", values.rounds ?? (values.quick ? "1" : "3")),
    seconds: positive("--seconds", values.seconds ?? (values.quick ? "2" : "4")),
    warmupSeconds: values.quick ? 1 : 2,
    warmupSecondsMax: values.quick ? 2 : 20,
    settleMs: values.quick ? QUICK_SETTLE_MS : SETTLE_MS,
    isQuick: values.quick,
    connections: connections.split(",").map((text) => positive("--connections", text)),
    scenarios: chosen("--scenario", SCENARIOS, values.scenario),
    proxies: chosen("--proxy", PROXIES, values.proxy),
    isProfiling: values.profile,
    jsonFile: values.json,
  };
}

/** The named ones, in their usual order, or all when none is named. */
function chosen<T extends string>(
  option: string,
  all: readonly T[],
  text: string | undefined,
): readonly T[] {
  if (text === undefined) return all;
  const names = text.split(",");
  const known: readonly string[] = all;
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`${option} does not know ${unknown.join(", ")}; it takes ${all.join(", ")}`);
  }
  return all.filter((name) => names.includes(name));
}

/** What `parse` returns. What it throws is told to the user, and ends the process. */
export function orExit<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    console.error(messageOf(error));
    return process.exit(2);
  }
}

export function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`${option} takes whole numbers from 1, not ${JSON.stringify(text)}`);
  }
  return value;
}
