/** Composition root of `tulle sidecar`: reads flags, starts the proxy, waits for a signal, drains. */

import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { systemClock } from "../core/clock.ts";
import { hasCode, MeshError, messageOf } from "../core/errors.ts";
import { DRAIN_TIMEOUT_MS } from "../core/limits.ts";
import { createLogger, type Logger, type LogThreshold } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";
import { Sidecar } from "../proxy/sidecar.ts";
import { parseSidecarOptions, type SidecarOptions } from "../proxy/sidecar-options.ts";

const EXIT_OK = 0;
const EXIT_USAGE = 2;
const EXIT_FAILED = 1;
/** Of a process that a signal ended, plus the signal's number. */
const EXIT_SIGNALLED = 128;
const HOLD_MS = 60_000;

/** Resolves with the exit code when the sidecar has ended; nothing of it keeps the process alive then. */
export async function runSidecar(words: readonly string[]): Promise<number> {
  let options: SidecarOptions;
  try {
    options = parseSidecarOptions(words);
  } catch (error) {
    process.stderr.write(`tulle sidecar: ${messageOf(error)}\n`);
    return EXIT_USAGE;
  }
  const threshold: LogThreshold = { level: options.logLevel };
  const log = createLogger(
    { clock: systemClock, sink: process.stderr, threshold, format: options.logFormat },
    "sidecar",
  );
  let quit = (): void => {};
  const ended = new Promise<void>((resolve) => {
    quit = resolve;
  });
  watchProcess(log, quit);
  const prng = new SeededPrng(randomInt(2 ** 31));
  const deps = { clock: systemClock, log, threshold, prng, version: readVersion(), quit };
  const sidecar = new Sidecar(options, deps);
  // Waiting may hang on nothing but timers that do not hold a process.
  const hold = setInterval(() => {}, HOLD_MS);
  try {
    await Promise.race([sidecar.start(), ended]);
    await ended;
    log.info("draining");
    await sidecar.stop(DRAIN_TIMEOUT_MS);
    return EXIT_OK;
  } catch (error) {
    process.stderr.write(`tulle sidecar: ${messageOf(error)}\n`);
    await sidecar.stop(0);
    if (!(error instanceof MeshError)) throw error;
    return hasCode(error, "bootstrap-invalid") ? EXIT_USAGE : EXIT_FAILED;
  } finally {
    clearInterval(hold);
  }
}

/** A first signal drains, a second one ends at once. What nothing has caught is told before the end. */
function watchProcess(log: Logger, quit: () => void): void {
  let isAsked = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isAsked) process.exit(EXIT_SIGNALLED + constants.signals[signal]);
      isAsked = true;
      quit();
    });
  }
  process.on("uncaughtException", (error) => {
    log.error("an error that nothing caught ends this process", { stack: error.stack });
    process.exit(EXIT_FAILED);
  });
}

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
