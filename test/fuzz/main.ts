/**
 * `npm run fuzz [TARGET…] [-- --seconds N | --runs N]`: fuzzes each target in a process of its own, guided by
 * coverage. What it learns stays below `.cache/fuzz`, and so does an input that breaks a promise.
 * `--store N` adds N inputs of what was learnt to the stored corpus.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describe, type FuzzPlan, prepare } from "./fuzzer.ts";
import { storedInputs, storeInputs } from "./stored-corpus.ts";
import { TARGETS, targetOf } from "./targets/all.ts";

const SECONDS_DEFAULT = "60";
/** Lines of libFuzzer about each new input and about itself; others are passed on. */
const CHATTER = /^(?:#\d+\s+(?:NEW|REDUCE|pulse)|Skip loading|INFO|###|"|$)/;

const { values, positionals } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  allowPositionals: true,
  options: {
    seconds: { type: "string" },
    runs: { type: "string" },
    store: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});
if (values.help === true) {
  console.log("npm run fuzz [TARGET…] [-- --seconds N | --runs N | --store N]");
  console.log(`targets: ${TARGETS.map(({ name }) => name).join(", ")}`);
  process.exit(0);
}
const targets = positionals.length === 0 ? TARGETS : positionals.map(targetOf);
for (const target of targets) {
  const limits =
    values.runs === undefined
      ? { seconds: number("seconds", values.seconds ?? SECONDS_DEFAULT) }
      : { runs: number("runs", values.runs) };
  const plan = await prepare(target, limits);
  if (values.store !== undefined) {
    const learnt = plan.learntInputs(number("store", values.store));
    storeInputs(target.name, [...storedInputs(target.name), ...learnt]);
    console.log(`${target.name}: ${storedInputs(target.name).length} inputs stored`);
    continue;
  }
  const code = await run(plan);
  if (code !== 0) {
    console.error(describe(plan));
    process.exitCode = 1;
    break;
  }
}

async function run(plan: FuzzPlan): Promise<number> {
  console.log(`${plan.name}: ${plan.seedCount} inputs to begin with; more in ${plan.log}`);
  // A file: libFuzzer writes without waiting for a reader, and what does not fit into a pipe is lost.
  const log = openSync(plan.log, "w");
  const child = spawn(process.execPath, plan.args, {
    env: { ...process.env, ...plan.env },
    stdio: ["ignore", "inherit", log],
  });
  // Ended from outside, it would leave its child behind.
  const stop = (): void => {
    child.kill("SIGKILL");
  };
  process.once("SIGTERM", stop);
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  process.off("SIGTERM", stop);
  closeSync(log);
  for (const line of readFileSync(plan.log, "latin1").split("\n")) {
    if (!CHATTER.test(line)) console.error(line);
  }
  if (signal !== null) console.error(`${plan.name}: the fuzzer ended by ${signal}`);
  return code ?? 1;
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${name} takes a count`);
  return value;
}
