/**
 * `npm run bench`: nginx, HAProxy and Envoy beside our sidecar in the same run. Ours is the released
 * code: compiled, started through the launcher from a bootstrap file.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { startBackends } from "./backends.ts";
import { type CaseContext, createCases } from "./cases.ts";
import { makeCertificates } from "./certificates.ts";
import { verdictsOf } from "./limits.ts";
import { LOAD_CORE } from "./measurement.ts";
import type { ProxyName } from "./names.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { MEASURES, ratiosOf, variantRatiosOf } from "./ratios.ts";
import { buildRelease } from "./release.ts";
import { toMarkdown } from "./report.ts";
import { measureRounds } from "./rounds.ts";
import type { Samples } from "./samples.ts";
import { hasVariants, SCENARIO_TABLE, type Scenario } from "./scenarios.ts";
import { prepareTools, type Tools, versionOf } from "./tools.ts";

/** Below the range that Linux takes ports of outgoing connections from: load would take ours otherwise. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
/** Two or four for each case, and those of the backends. */
const PORTS = 250;
const ROOT = join(import.meta.dirname, "..", "..");
const RESULTS = join(ROOT, ".cache", "bench");

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
  const tools = await prepareTools(options.proxies, options.scenarios);
  const folder = mkdtempSync(join(tmpdir(), "tulle-bench-"));
  try {
    const samples = await measureAll(options, tools, folder);
    writeResults(options, tools, samples);
    console.log(toMarkdown(samples));
    const failures = failuresOf(samples);
    for (const failure of failures) console.log(failure);
    return failures.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Figures of a run in which requests failed are worth nothing. Limits that do not hold are no failure. */
function failuresOf(samples: Samples): readonly string[] {
  const failed = [...samples.load, ...samples.memory].filter((sample) => sample.failures !== "");
  const texts = failed.map(({ proxy, scenario, variant, connections, failures }) => {
    return `${proxy} ${scenario} ${variant} at ${connections} connections: ${failures}`;
  });
  return [...texts, ...samples.faults.map((fault) => `not measured: ${fault}`)];
}

async function measureAll(options: BenchOptions, tools: Tools, folder: string): Promise<Samples> {
  makeCertificates(join(folder, "certs"), ["a", "b"]);
  const ports = await freePorts(PORTS);
  const nextPort = (): number => ports.pop() ?? raise("too few ports were reserved");
  const context: CaseContext = {
    ...{ folder, tools, nextPort },
    backendPorts: {
      ...{ http1: nextPort(), http2: nextPort(), grpc: nextPort(), spread: nextPort() },
    },
    tulle: options.proxies.includes("tulle") ? tulleCommand(options) : [],
    write(name, content) {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
  };
  const cases = options.scenarios.flatMap((scenario) =>
    proxiesOf(SCENARIO_TABLE[scenario], options).flatMap((proxy) =>
      createCases(context, scenario, proxy),
    ),
  );
  const scenarios = options.scenarios.map((name) => SCENARIO_TABLE[name]);
  const needs = {
    grpc: scenarios.some(({ request }) => request === "grpc"),
    spread: scenarios.some(({ variants }) => variants.some(({ endpoints }) => endpoints > 1)),
  };
  const where = { folder, core: LOAD_CORE, needs };
  const backends = await startBackends(where, tools, context.backendPorts);
  try {
    return await measureRounds(options, cases, folder);
  } finally {
    for (const backend of backends) await backend.stop();
  }
}

/** In haste, variants are compared for our sidecar alone: what Envoy pays for them is there to compare only. */
function proxiesOf(scenario: Scenario, options: BenchOptions): readonly ProxyName[] {
  const wanted = scenario.proxies.filter((proxy) => options.proxies.includes(proxy));
  const isOursEnough = options.isQuick && hasVariants(scenario) && wanted.includes("tulle");
  return isOursEnough ? ["tulle"] : wanted;
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

function writeResults(options: BenchOptions, tools: Tools, samples: Samples): void {
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
  const ratios = MEASURES.flatMap((measure) => ratiosOf(samples.load, measure));
  const variantRatios = variantRatiosOf(samples.load);
  const limits = verdictsOf(samples);
  const report = { machine, versions, options, ratios, variantRatios, limits, ...samples };
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
  console.error(`figures: ${file}`);
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
