/** How to start another `tulle` process from this one: the same runtime, the same package. */
import { fileURLToPath } from "node:url";

/** The package's folder: this file is three folders below it, in a clone (`src`) and when packed (`dist`). */
export const PACKAGE_ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The program as a shell runs it: it finds its runtime and the flags of the command by itself. */
export const PROGRAM = `${PACKAGE_ROOT}bin/tulle`;

/** Program and first arguments; a command and its arguments follow. */
export const LAUNCHER: readonly [string, ...string[]] = [process.execPath, PROGRAM];
