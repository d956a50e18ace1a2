/**
 * `npm run bench`: nginx, HAProxy and Envoy beside our sidecar in the same run. Ours is the released
 * code: compiled, started through the launcher from a bootstrap file.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificates } from "./certificates.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { nginxBackend } from "./peers.ts";
import { PinnedProcess } from "./pinned-process.ts";
import { buildRelease } from "./release.ts";
import { ratiosOf, type Sample, toMarkdown } from "./report.ts";
import { type BenchCase, type CaseContext, createCase } from "./scenarios.ts";
import { prepareTools, type Tools, versionOf } from "./tools.ts";
import { runLoad } from "./wrk.ts";

/** Below the range that Linux takes ports of outgoing connections from: load would take ours otherwise. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const ROOT = join(import.meta.dirname, "..", "..");
const RESULTS = join(ROOT, ".cache", "bench");
const PROXY_CORE = 0;
const LOAD_CORE = 1;
/** Starting takes memory that is given back: what counts is what stays. */
const SETTLE_MS = 3_000;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | "help";
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  if (cpus().length < 2) throw new Error("two cores are needed: one for the proxies, one for load");
  const tools = await prepareTools(options.proxies);
  const folder = mkdtempSync(join(tmpdir(), "tulle-bench-"));
  try {
    const samples = await measureAll(options, tools, folder);
    writeResults(options, tools, samples);
    console.log(toMarkdown(samples));
    const failed = samples.filter((sample) => sample.failures !== "");
    for (const { proxy, scenario, connections, failures } of failed) {
      console.log(`${proxy} ${scenario} at ${connections} connections: ${failures}`);
    }
    return failed.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(
  options: BenchOptions,
  tools: Tools,
  folder: string,
): Promise<readonly Sample[]> {
  makeCertificates(join(folder, "certs"), ["a", "b"]);
  const ports = await freePorts(32);
  const context: CaseContext = {
    folder,
    tools,
    backendPort: ports.pop() ?? 0,
    tulle: options.proxies.includes("tulle") ? tulleCommand(options) : [],
    nextPort: () => ports.pop() ?? raise("too few ports were reserved"),
    write(name, content) {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
  };
  const cases = options.scenarios.flatMap((scenario) =>
    options.proxies.map((proxy) => createCase(context, scenario, proxy)),
  );
  const configuration = context.write("backend.conf", nginxBackend(folder, context.backendPort));
  const backend = new PinnedProcess(
    [tools.nginx, "-c", configuration],
    LOAD_CORE,
    join(folder, "backend.log"),
  );
  try {
    await backend.listening(context.backendPort);
    return await measureRounds(options, cases, folder);
  } finally {
    await backend.stop();
  }
}

async function measureRounds(
  options: BenchOptions,
  cases: readonly BenchCase[],
  folder: string,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const total = options.rounds * options.connections.length * cases.length;
  const startedMs = performance.now();
  for (let round = 0; round < options.rounds; round++) {
    for (const connections of options.connections) {
      // Each round starts with another proxy, so that none always follows the same one.
      const shift = round % cases.length;
      for (const benchCase of [...cases.slice(shift), ...cases.slice(0, shift)]) {
        const sample = await measure(options, benchCase, { round, connections, folder });
        samples.push(sample);
        const leftMs =
          ((performance.now() - startedMs) / samples.length) * (total - samples.length);
        console.error(progressLine(samples.length, total, sample, leftMs));
      }
    }
  }
  return samples;
}

async function measure(
  options: BenchOptions,
  benchCase: BenchCase,
  run: { readonly round: number; readonly connections: number; readonly folder: string },
): Promise<Sample> {
  const { scenario, proxy, port } = benchCase;
  const { connections, round, folder } = run;
  const load = { port, connections, core: LOAD_CORE };
  const running: PinnedProcess[] = [];
  try {
    let startMs = 0;
    for (const { command, port: ownPort } of benchCase.processes) {
      const process = new PinnedProcess(command, PROXY_CORE, join(folder, `${proxy}.log`));
      running.push(process);
      startMs = Math.max(startMs, await process.listening(ownPort));
    }
    const total = (of: (process: PinnedProcess) => number): number =>
      running.reduce((sum, process) => sum + of(process), 0);
    await sleep(SETTLE_MS);
    const idleMegabytes = total((process) => process.residentMegabytes());
    await runLoad({ ...load, seconds: options.warmupSeconds });
    const cpuBefore = total((process) => process.cpuSeconds());
    const atMs = performance.now();
    const result = await runLoad({ ...load, seconds: options.seconds });
    const elapsedSeconds = (performance.now() - atMs) / 1000;
    const cpuSeconds = total((process) => process.cpuSeconds()) - cpuBefore;
    return {
      ...{ scenario, proxy, connections, round, idleMegabytes, startMs },
      cpuUsPerRequest: (1e6 * cpuSeconds) / result.requests,
      requestsPerSecond: result.requests / elapsedSeconds,
      p50Us: result.p50Us,
      p99Us: result.p99Us,
      busyMegabytes: total((process) => process.residentMegabytes()),
      failures: result.failures,
    };
  } finally {
    for (const process of running.toReversed()) await process.stop();
  }
}

function tulleCommand(options: BenchOptions): readonly string[] {
  const launcher = buildRelease();
  const start = ["sidecar", "--bootstrap"];
  if (!options.isProfiling) return [launcher, ...start];
  const profiles = join(RESULTS, "profiles");
  mkdirSync(profiles, { recursive: true });
  console.error(`profiles go to ${profiles}`);
  return [process.execPath, "--cpu-prof", `--cpu-prof-dir=${profiles}`, launcher, ...start];
}

function writeResults(options: BenchOptions, tools: Tools, samples: readonly Sample[]): void {
  const file = options.jsonFile ?? join(RESULTS, "latest.json");
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryMegabytes: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
  };
  const versions = {
    tulle: execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: ROOT,
      encoding: "utf8",
    }),
    node: process.version,
    nginx: versionOf(tools.nginx, "-v"),
    haproxy: versionOf(tools.haproxy, "-v"),
    envoy: versionOf(tools.envoy, "--version"),
  };
  mkdirSync(dirname(file), { recursive: true });
  const report = { machine, versions, options, ratios: ratiosOf(samples), samples };
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
  console.error(`figures: ${file}`);
}

function progressLine(done: number, total: number, sample: Sample, leftMs: number): string {
  const name = `${sample.scenario} ${sample.proxy}`.padEnd(15);
  const cpu = `${sample.cpuUsPerRequest.toFixed(1).padStart(6)} µs/request`;
  const rate = `${sample.requestsPerSecond.toFixed(0).padStart(7)}/s`;
  const left = `${Math.round(leftMs / 1000)} s left`;
  const load = `c=${sample.connections}`.padEnd(5);
  return `[${done}/${total}] ${name} ${load} ${cpu} ${rate}  ${left} ${sample.failures}`;
}

/** Ports that nothing listens on now. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  const start = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN - 10 * count));
  for (let port = start; ports.length < count && port < PORT_MAX; port++) {
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function raise(message: string): never {
  throw new Error(message);
}
