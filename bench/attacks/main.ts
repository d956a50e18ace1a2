/**
 * `npm run bench:attacks`: what an honest client over HTTP/2 notices of each attack that the sidecar has a bound for.
 * It asks again and again, at rest and under attack in turn; its 99th percentile should at most double. The sidecar has
 * a core for itself, all else the other. The attacker, and the app that the attack is for, run there only when the
 * client and its own app have nothing to do: what the client waits for is the sidecar. `--rounds N`, `--seconds N`,
 * `--attack PART-OF-ITS-NAME`, `--proxy envoy` to compare.
 */
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { HTTP2_ATTACKS } from "../../test/support/http2-attacks.ts";
import { RawHttp2Client, requestFields } from "../../test/support/raw-http2-client.ts";
import { writeBootstrap } from "../macro/bootstrap.ts";
import { orExit, positive } from "../macro/options.ts";
import { PinnedProcess } from "../macro/pinned-process.ts";
import { type Spread, spreadOf } from "../macro/ratios.ts";
import { buildRelease } from "../macro/release.ts";
import { prepareTools } from "../macro/tools.ts";
import type { AttackOrder } from "./attacker.ts";

const PORTS = { app: 21_410, attackedApp: 21_411, proxy: 21_412, admin: 21_413 };
const HONEST_PATH = "/honest";
const PROXY_CORE = 0;
const LOAD_CORE = 1;
const RATIO_MAX = 2;
/** Between two requests of the honest client. */
const GAP_MS = 4;
/** The sidecar's code is compiled by then. */
const WARM_UP_REQUESTS = 20_000;
const WARM_UP_AT_ONCE = 50;
/** Until what an attack has left is cleared away. */
const SETTLE_MS = 1_000;
/** Of util-linux: runs a command, or goes on with a process, only when nothing else wants the core. */
const IDLE_POLICY = ["chrt", "--idle"] as const;

const { rounds, seconds, proxy, attacks } = orExit(parseOptions);
/** Where an attack is only not to read, the same requests of one who reads are measured, too. */
const ROWS = attacks.flatMap(({ name, options }) => {
  const row = { title: name, name, isReading: false };
  const read = { title: "  the same, read", name, isReading: true };
  return options?.windowBytes === 0 ? [row, read] : [row];
});
const folder = mkdtempSync(join(tmpdir(), "tulle-attacks-"));
const processes: PinnedProcess[] = [];
try {
  await start();
  await run();
} finally {
  for (const one of processes) await one.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Throws with a message for the user. */
function parseOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
      attack: { type: "string", default: "" },
      proxy: { type: "string", default: "tulle" },
    },
  });
  const { attack, proxy } = values;
  if (proxy !== "tulle" && proxy !== "envoy") throw new Error(`--proxy ${proxy}: tulle or envoy`);
  const attacks = HTTP2_ATTACKS.filter(({ name }) => name.includes(attack));
  if (attacks.length === 0) {
    const names = HTTP2_ATTACKS.map(({ name }) => `  ${name}`).join("\n");
    throw new Error(`--attack ${attack} is in no attack's name:\n${names}`);
  }
  const rounds = positive("--rounds", values.rounds);
  return { rounds, seconds: positive("--seconds", values.seconds), proxy, attacks };
}

async function start(): Promise<void> {
  pinToLoadCore();
  const bootstrap = join(folder, "bootstrap.json");
  writeFileSync(
    bootstrap,
    writeBootstrap({
      ...{ name: "attacked", adminPort: PORTS.admin, certificates: "" },
      listener: { port: PORTS.proxy },
      cluster: { port: PORTS.attackedApp },
      apart: { path: HONEST_PATH, port: PORTS.app },
    }),
  );
  const app = [process.execPath, join(import.meta.dirname, "app.ts")];
  const attackedApp = [...IDLE_POLICY, "0", ...app, String(PORTS.attackedApp)];
  await startPinned([...app, String(PORTS.app)], LOAD_CORE, PORTS.app);
  await startPinned(attackedApp, LOAD_CORE, PORTS.attackedApp);
  await startPinned(await proxyCommand(bootstrap), PROXY_CORE, PORTS.proxy);
}

async function startPinned(command: readonly string[], core: number, port: number): Promise<void> {
  const started = new PinnedProcess(command, core, join(folder, "log"));
  processes.push(started);
  await started.listening(port);
}

/** This process, which is the honest client, and the attacker that it starts. */
function pinToLoadCore(): void {
  execFileSync(
    "taskset",
    ["--all-tasks", "--cpu-list", "--pid", String(LOAD_CORE), String(process.pid)],
    {
      stdio: "ignore",
    },
  );
}

/** Envoy, from the same file, to compare with. */
async function proxyCommand(bootstrap: string): Promise<readonly string[]> {
  if (proxy === "tulle") return [buildRelease(), "sidecar", "--bootstrap", bootstrap];
  const { envoy } = await prepareTools(["envoy"], []);
  return [envoy, "-c", bootstrap, "--concurrency", "1", "-l", "off", "--disable-hot-restart"];
}

async function run(): Promise<void> {
  const attacker = fork(join(import.meta.dirname, "attacker.ts"), [String(PORTS.proxy)]);
  const failed = once(attacker, "exit").then(([code]) => {
    throw new Error(`the attacker ended with exit code ${code}`);
  });
  try {
    await Promise.race([once(attacker, "message"), failed]);
    const [chrt, ...policy] = IDLE_POLICY;
    execFileSync(chrt, [...policy, "--all-tasks", "--pid", "0", String(attacker.pid)]);
    console.log(`warming up with ${WARM_UP_REQUESTS} requests`);
    await warmUp();
    console.log(
      `99th percentile of an honest client's requests in ms: median [min–max] of ${rounds} rounds\n`,
    );
    const width = Math.max(...ROWS.map(({ title }) => title.length));
    console.log(
      `${"attack".padEnd(width)}  at rest  attacked  ratio             at most ${RATIO_MAX}`,
    );
    for (const { title, name, isReading } of ROWS) {
      const rest: number[] = [];
      const attacked: number[] = [];
      for (let round = 0; round < rounds; round++) {
        rest.push(percentile99(await latencies(seconds)));
        const order = { name, seconds, isReading };
        attacked.push(percentile99(await underAttack(attacker, failed, order)));
        await delay(SETTLE_MS);
      }
      const ratio = spreadOf(attacked.map((ms, i) => ms / rest[i]!));
      const holds = isReading ? "no attack" : ratio.median <= RATIO_MAX ? "yes" : "NO";
      const cells = [number(spreadOf(rest)).padEnd(7), number(spreadOf(attacked)).padEnd(8)];
      console.log(
        `${title.padEnd(width)}  ${cells.join("  ")}  ${range(ratio).padEnd(16)}  ${holds}`,
      );
    }
  } finally {
    attacker.kill();
  }
}

async function warmUp(): Promise<void> {
  const each = WARM_UP_REQUESTS / WARM_UP_AT_ONCE;
  await Promise.all(
    Array.from({ length: WARM_UP_AT_ONCE }, async () => {
      const client = await RawHttp2Client.connect(PORTS.proxy);
      for (let i = 0; i < each; i++) await ask(client, 2 * i + 1);
      client.close();
    }),
  );
}

async function underAttack(
  attacker: ChildProcess,
  failed: Promise<never>,
  order: AttackOrder,
): Promise<number[]> {
  attacker.send(order);
  const done = Promise.race([once(attacker, "message"), failed]);
  const [found] = await Promise.all([latencies(order.seconds), done]);
  return found;
}

/** Milliseconds that each of the honest client's requests took, ascending. */
async function latencies(seconds: number): Promise<number[]> {
  const client = await RawHttp2Client.connect(PORTS.proxy);
  const endMs = performance.now() + seconds * 1_000;
  const found: number[] = [];
  for (let streamId = 1; performance.now() < endMs; streamId += 2) {
    const startMs = performance.now();
    await ask(client, streamId);
    found.push(performance.now() - startMs);
    await delay(GAP_MS);
  }
  client.close();
  return found.sort((a, b) => a - b);
}

async function ask(client: RawHttp2Client, streamId: number): Promise<void> {
  client.request(streamId, requestFields(HONEST_PATH));
  await client.until(() => client.isOver(streamId));
  if (client.bodyOf(streamId) !== "ok") throw new Error("an honest client was not answered");
}

function percentile99(ascending: readonly number[]): number {
  return ascending[Math.floor(0.99 * (ascending.length - 1))]!;
}

function number({ median }: Spread): string {
  return median.toFixed(2);
}

function range({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} [${min.toFixed(2)}–${max.toFixed(2)}]`;
}
