/**
 * One line on standard error that is rewritten while something is waited for. Only on a terminal: logs and
 * pipes get nothing from it, and standard output never does.
 */
import type { CliContext } from "./context.ts";
import { fitText, printable } from "./output/text-width.ts";

/** Carriage return and "erase to the end of the line" (ECMA-48 EL). */
const ERASE_LINE = "\r\u001b[K";

export interface Progress {
  update(text: string): void;
  /** Leaves an empty line, ready for other output. */
  clear(): void;
}

export function createProgress(context: CliContext): Progress {
  const { stderr, globals, env } = context;
  if (!stderr.isTTY || globals.isQuiet || env["TERM"] === "dumb") {
    return { update() {}, clear() {} };
  }
  let isShown = false;
  return {
    update(text) {
      isShown = true;
      const width = (stderr.columns ?? 80) - 1;
      stderr.write(`${ERASE_LINE}${stderr.style.dim(fitText(printable(text), width))}`);
    },
    clear() {
      if (isShown) stderr.write(ERASE_LINE);
      isShown = false;
    },
  };
}
