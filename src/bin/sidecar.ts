/** Composition root of `tulle sidecar`: reads flags, starts the proxy, waits for a signal, drains. */

import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism, constants } from "node:os";
import { systemClock } from "../core/clock.ts";
import { hasCode, MeshError, messageOf } from "../core/errors.ts";
import { DRAIN_TIMEOUT_MS, RESTART_DRAIN_MS } from "../core/limits.ts";
import { createLogger, type Logger, type LogThreshold } from "../core/logger.ts";
import { optimizeAfterStart } from "../core/optimizing-compiler.ts";
import { SeededPrng } from "../core/prng.ts";
import { readBootstrap } from "../proxy/bootstrap.ts";
import type { HandoverEnd } from "../proxy/handover/messages.ts";
import { Restart } from "../proxy/handover/restart.ts";
import type { Successor } from "../proxy/handover/successor.ts";
import { textOf } from "../proxy/own-identity.ts";
import { Sidecar, type SidecarDeps } from "../proxy/sidecar.ts";
import { parseSidecarOptions, type SidecarOptions, workerCount } from "../proxy/sidecar-options.ts";
import type { Coordinator } from "../proxy/workers/coordinator.ts";

const EXIT_OK = 0;
const EXIT_USAGE = 2;
const EXIT_FAILED = 1;
/** Of a process that a signal ended, plus the signal's number. */
const EXIT_SIGNALLED = 128;
const HOLD_MS = 60_000;
/** How a coordinator starts its workers; the log format and a worker's index follow. Not for users. */
const WORKER = "--as-worker";
/** How `tulle run` starts a sidecar whose successors it starts as well. Not for users. */
const KEPT = "--kept";
/** How a sidecar is started that takes over from another one. Not for users. */
const SUCCESSOR = "--successor";

/** Resolves with the exit code when the sidecar has ended; nothing of it keeps the process alive then. */
export async function runSidecar(words: readonly string[]): Promise<number> {
  optimizeAfterStart();
  if (words[0] === WORKER) return await runWorker(words[1] === "text" ? "text" : "json", words[2]);
  const isKept = words.includes(KEPT);
  const flags = words.filter((word) => word !== KEPT && word !== SUCCESSOR);
  let options: SidecarOptions;
  try {
    options = parseSidecarOptions(flags);
  } catch (error) {
    process.stderr.write(`tulle sidecar: ${messageOf(error)}\n`);
    return EXIT_USAGE;
  }
  const threshold: LogThreshold = { level: options.logLevel };
  const log = loggerOf(threshold, options.logFormat, "sidecar");
  let quit = (): void => {};
  const ended = new Promise<void>((resolve) => {
    quit = resolve;
  });
  watchSignals(quit);
  watchFaults(log);
  const prng = new SeededPrng(randomInt(2 ** 31));
  // Waiting may hang on nothing but timers that do not hold a process.
  const hold = setInterval(() => {}, HOLD_MS);
  let sidecar: Sidecar | Coordinator | undefined;
  try {
    const successor = words.includes(SUCCESSOR) ? await takeOver() : undefined;
    const restart = new Restart({
      startSuccessor: () => startSuccessor(flags, isKept),
      sidecar: () => sidecar,
      epoch: successor?.epoch ?? 0,
      ...{ clock: systemClock, log },
    });
    const deps = {
      ...{ clock: systemClock, log, threshold, prng, version: readVersion(), quit, successor },
      restart: (drainMs: number) => restart.request(drainMs),
    };
    process.on("SIGUSR2", () => void restart.request(RESTART_DRAIN_MS).catch(() => {}));
    sidecar = await createSidecar(options, deps);
    await Promise.race([sidecar.start(), ended, restart.handedOver]);
    const drainMs = await Promise.race([ended, restart.handedOver]);
    restart.close();
    if (drainMs === undefined) {
      log.info("draining");
      await sidecar.stop(DRAIN_TIMEOUT_MS);
      return EXIT_OK;
    }
    log.info("another process has taken over");
    const graceMs = Math.min(drainMs / 2, DRAIN_TIMEOUT_MS);
    await Promise.race([sidecar.replace(drainMs - graceMs), ended]);
    await sidecar.stop(graceMs);
    return EXIT_OK;
  } catch (error) {
    process.stderr.write(`tulle sidecar: ${messageOf(error)}\n`);
    await sidecar?.stop(0);
    if (!(error instanceof MeshError)) throw error;
    return hasCode(error, "bootstrap-invalid") ? EXIT_USAGE : EXIT_FAILED;
  } finally {
    clearInterval(hold);
    if (process.connected) process.disconnect?.();
  }
}

/** Whoever keeps this sidecar starts the next one, so that it goes on keeping it; otherwise this process does. */
async function startSuccessor(flags: readonly string[], isKept: boolean): Promise<HandoverEnd> {
  const { askStarter, startChild } = await import("../proxy/handover/process-ends.ts");
  if (isKept) return askStarter();
  const [program = "", script = ""] = process.argv;
  return startChild([program, ...process.execArgv, script, "sidecar", SUCCESSOR, ...flags]);
}

/** Takes the sockets of the process before this one. */
async function takeOver(): Promise<Successor> {
  const [{ starterEnd }, { Successor: Next }] = await Promise.all([
    import("../proxy/handover/process-ends.ts"),
    import("../proxy/handover/successor.ts"),
  ]);
  return await Next.begin(starterEnd(), systemClock);
}

/** Several workers need a coordinator; one is the process itself, which then knows of no other. */
async function createSidecar(
  options: SidecarOptions,
  deps: SidecarDeps,
): Promise<Sidecar | Coordinator> {
  const bootstrap = await readBootstrap(options.bootstrapFile);
  const role = textOf(bootstrap.node?.metadata, "ROLE");
  const workers = workerCount(options.workers, role, availableParallelism());
  if (workers === 1) return new Sidecar(options, bootstrap, deps);
  const { Coordinator: Several } = await import("../proxy/workers/coordinator.ts");
  const [program = "", script = ""] = process.argv;
  const workerCommand = [
    ...[program, ...process.execArgv, script],
    ...["sidecar", WORKER, options.logFormat],
  ] as const;
  return new Several(options, bootstrap, { ...deps, workers, workerCommand: [...workerCommand] });
}

/** Ends with the process that started it, however that ends. */
async function runWorker(format: SidecarOptions["logFormat"], index = ""): Promise<number> {
  const send = process.send?.bind(process);
  if (send === undefined) {
    process.stderr.write(`tulle sidecar: ${WORKER} is for the sidecar itself; use --workers\n`);
    return EXIT_USAGE;
  }
  const { Worker } = await import("../proxy/workers/worker.ts");
  const threshold: LogThreshold = { level: "info" };
  const log = loggerOf(threshold, format, `worker-${index}`);
  watchFaults(log);
  // A terminal sends them to all processes; the coordinator says what is to be done.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => {});
  process.once("disconnect", () => process.exit(EXIT_OK));
  new Worker({
    ...{ clock: systemClock, log, threshold, prng: new SeededPrng(randomInt(2 ** 31)) },
    end: {
      // A coordinator that is gone is told by `disconnect`.
      send: (message, handle) => void send(message, handle as never, undefined, () => {}),
      onMessage: (listener) => process.on("message", listener),
    },
  });
  return await new Promise<never>(() => {});
}

function loggerOf(
  threshold: LogThreshold,
  format: SidecarOptions["logFormat"],
  component: string,
): Logger {
  return createLogger({ clock: systemClock, sink: process.stderr, threshold, format }, component);
}

/** A first signal drains, a second one ends at once. */
function watchSignals(quit: () => void): void {
  let isAsked = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isAsked) process.exit(EXIT_SIGNALLED + constants.signals[signal]);
      isAsked = true;
      quit();
    });
  }
}

/** What nothing has caught is told before the end. */
function watchFaults(log: Logger): void {
  process.on("uncaughtException", (error) => {
    log.error("an error that nothing caught ends this process", { stack: error.stack });
    process.exit(EXIT_FAILED);
  });
}

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
