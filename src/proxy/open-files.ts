/** How many descriptors this process may have open: the bound behind all bounds on connections. */
import { readFileSync } from "node:fs";

/** RLIMIT_NOFILE, which the runtime has raised as far as it may. Infinite where the system does not tell. */
export function openFilesMax(): number {
  try {
    return parseOpenFiles(readFileSync("/proc/self/limits", "utf8"));
  } catch {
    // Not Linux.
    return Number.POSITIVE_INFINITY;
  }
}

/** The soft limit in the text of `/proc/PID/limits`. */
export function parseOpenFiles(limits: string): number {
  const soft = /^Max open files +(\S+)/m.exec(limits)?.[1] ?? "unlimited";
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}
