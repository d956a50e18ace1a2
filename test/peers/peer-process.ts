/** Programs that we did not write, on both sides of a sidecar: started, waited for, ended with the test. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { writeBootstrap } from "../../bench/macro/bootstrap.ts";
import { freePort } from "../support/free-port.ts";
import { assertNoFaults } from "../support/proxy-faults.ts";

const LAUNCHER = join(import.meta.dirname, "..", "..", "bin", "tulle");
const LISTEN_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 5_000;
const POLL_MS = 10;
/** Daemons' programs lie here, which is not in the path of every user. */
const PATH = `${process.env["PATH"]}:/usr/sbin:/sbin`;

/** Why tests with this program are skipped; nothing when it is installed. CI never skips. */
export function whyMissing(program: string): string | undefined {
  const found = spawnSync("sh", ["-c", `command -v ${program}`], { env: { PATH } });
  if (found.status === 0) return undefined;
  if (process.env["CI"] === "true") throw new Error(`${program} is missing; CI never skips`);
  return `${program} is not installed`;
}

/** Options of a test that needs the programs. */
export function needs(...programs: readonly string[]): { readonly skip: string | false } {
  return { skip: programs.map(whyMissing).find((why) => why !== undefined) ?? false };
}

/** The same for programs that CI has no time to install: `npm run test:peers` uses them where they are. */
export function needsOnDemand(...programs: readonly string[]): { readonly skip: string | false } {
  if (process.env["TULLE_SLOW_PEERS"] !== "1")
    return { skip: "runs by `npm run test:peers` alone" };
  return needs(...programs);
}

/** A folder that is removed after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tulle-peers-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a program and resolves when it accepts connections on the port. */
export async function startPeer(
  t: TestContext,
  port: number,
  command: readonly string[],
): Promise<void> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH },
  });
  let output = "";
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    // Politely: a master process that is killed leaves its workers behind.
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(force);
  });
  t.after(() => assertNoFaults(output.split("\n")));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const deadlineMs = performance.now() + LISTEN_DEADLINE_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      throw new Error(`${command.join(" ")} does not listen on ${port}:\n${output}`);
    }
    await delay(POLL_MS);
  }
}

/** Starts our sidecar in front of the port, as users start it. Returns the port of its listener. */
export async function startSidecar(t: TestContext, upstreamPort: number): Promise<number> {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const bootstrap = writeBootstrap({
    name: "peers",
    adminPort: await freePort(),
    certificates: folder,
    listener: { port },
    cluster: { port: upstreamPort },
  });
  const file = join(folder, "bootstrap.json");
  writeFileSync(file, bootstrap);
  await startPeer(t, port, [LAUNCHER, "sidecar", "--bootstrap", file]);
  return port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
