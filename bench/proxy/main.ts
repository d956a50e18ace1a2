/**
 * `npm run bench:proxy`: what a request costs in the proxy's own code. Both halves of a mesh hop run without sockets, each
 * in a process of its own and with peers that send the same bytes again and again, so that neither the kernel nor other guests
 * of the machine are in the figure: some runs of the same code lie within 2 or 3 per cent, and compare two versions.
 * `--connections N`, `--batch N`, `--direction outbound|inbound`, `--runs N`, `--windows N`, `--window-ms N`.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { orExit, positive } from "../macro/options.ts";

const run = promisify(execFile);
const WARM_UP_WINDOWS = 20;
/** So many heads and answers fit into a proxy's read buffer. */
const BATCH_MAX = 500;

const { directions, connections, batch, runs, windows, windowMs } = orExit(parseOptions);
console.log(`ns of CPU for each request: ${connections} under way, ${batch} a turn`);
for (const direction of directions) {
  for (let i = 0; i < runs; i++) {
    const samples = await measure(direction);
    const [least, median] = [samples[0], samples[Math.floor(samples.length / 2)]];
    console.log(`${direction.padEnd(9)} least ${least}, median ${median}`);
  }
}

/** Throws with a message for the user. */
function parseOptions() {
  const number = (value: number) => ({ type: "string", default: String(value) }) as const;
  const { values } = parseArgs({
    options: {
      direction: { type: "string" },
      connections: number(128),
      batch: number(32),
      runs: number(3),
      windows: number(15),
      "window-ms": number(200),
    },
  });
  const { direction } = values;
  if (direction !== undefined && direction !== "outbound" && direction !== "inbound") {
    throw new Error(`--direction is outbound or inbound, not ${direction}`);
  }
  const batch = positive("--batch", values.batch);
  if (batch > BATCH_MAX) throw new Error(`--batch is at most ${BATCH_MAX}: it is one read`);
  return {
    directions: direction === undefined ? ["outbound", "inbound"] : [direction],
    connections: positive("--connections", values.connections),
    batch,
    runs: positive("--runs", values.runs),
    windows: positive("--windows", values.windows),
    windowMs: positive("--window-ms", values["window-ms"]),
  };
}

/** Nanoseconds of each window, the least first. */
async function measure(direction: string): Promise<number[]> {
  const numbers = [connections, batch, WARM_UP_WINDOWS * windowMs, windowMs, windows];
  const args = [...sidecarFlags(), join(import.meta.dirname, "measured.ts"), direction];
  const { stdout } = await run(process.execPath, [...args, ...numbers.map(String)]);
  return stdout
    .trim()
    .split("\n")
    .map(Number)
    .sort((a, b) => a - b);
}

/** As the launcher gives them, but with the optimizing compiler from the start. */
function sidecarFlags(): readonly string[] {
  const launcher = readFileSync(join(import.meta.dirname, "..", "..", "bin", "tulle"), "utf8");
  const flags = /^ {2}flags="([^"]*)"$/m.exec(launcher)?.[1];
  if (flags === undefined) throw new Error("the launcher has no flags for a sidecar");
  return flags.split(" ").filter((flag) => flag !== "--no-turbofan");
}
