/** Composition root of `tulle sidecar`: reads flags, starts the proxy, waits for a signal, drains. */
import { readFileSync } from "node:fs";
import { systemClock } from "../core/clock.ts";
import { DRAIN_TIMEOUT_MS } from "../core/limits.ts";
import { hasCode, MeshError, messageOf } from "../core/errors.ts";
import { createLogger, type LogThreshold } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";
import { parseSidecarOptions, type SidecarOptions } from "../proxy/sidecar-options.ts";
import { Sidecar } from "../proxy/sidecar.ts";
import { randomInt } from "node:crypto";

const EXIT_OK = 0;
const EXIT_USAGE = 2;
const EXIT_FAILED = 1;

/** Resolves with the exit code when the sidecar has ended. */
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
  const sidecar = new Sidecar(options, {
    clock: systemClock,
    log,
    threshold,
    prng: new SeededPrng(randomInt(2 ** 31)),
    version: readVersion(),
    quit,
  });
  process.once("SIGTERM", quit);
  process.once("SIGINT", quit);
  try {
    await sidecar.start();
  } catch (error) {
    process.stderr.write(`tulle sidecar: ${messageOf(error)}\n`);
    if (!(error instanceof MeshError)) throw error;
    return hasCode(error, "bootstrap-invalid") ? EXIT_USAGE : EXIT_FAILED;
  }
  await ended;
  log.info("draining");
  await sidecar.stop(DRAIN_TIMEOUT_MS);
  return EXIT_OK;
}

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
