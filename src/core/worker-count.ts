/** How many processes share the work of a proxy, as users write it: on command lines and in files. */
import { WORKERS_MAX } from "./limits.ts";

/** `auto` is one per core. */
export type WorkerCount = number | "auto";

/** What is allowed, to end a message with. */
export const WORKER_COUNT_RULE = `a whole number from 1 to ${WORKERS_MAX}, or auto for one per core`;

/** Undefined for what the rule does not allow. */
export function parseWorkerCount(text: string): WorkerCount | undefined {
  if (text === "auto") return text;
  const count = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= WORKERS_MAX ? count : undefined;
}
