/** Whether anything of a process group still runs. A dead process that nobody has waited for does not count. */
import { readdir, readFile } from "node:fs/promises";

/**
 * Looks through /proc (proc(5)). Containers often have a first process that never waits for orphans, so that
 * asking with signal 0 alone would find the dead ones for ever. True where there is no /proc.
 */
export async function hasLiveMember(group: number): Promise<boolean> {
  let names: readonly string[];
  try {
    names = await readdir("/proc");
  } catch {
    return true;
  }
  const pids = names.filter((name) => /^\d+$/.test(name));
  const states = await Promise.all(pids.map((pid) => readState(pid)));
  return states.some((process) => process?.group === group && process.isAlive);
}

/** Undefined when it is gone. */
async function readState(
  pid: string,
): Promise<{ readonly group: number; readonly isAlive: boolean } | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "latin1");
    // "pid (name) state ppid pgrp …": the name may hold spaces and parentheses.
    const [state, , group] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { group: Number(group), isAlive: state !== "Z" && state !== "X" };
  } catch {
    return undefined;
  }
}
