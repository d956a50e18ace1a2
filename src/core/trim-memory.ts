/**
 * Gives memory back to the system after a start that allocated far more than what stays. The engine
 * would do so only under pressure, which an idle process beside an idle service never feels.
 */
import v8 from "node:v8";
import vm from "node:vm";

type Collect = (options: Readonly<Record<string, string>>) => void;

/** Blocks for some milliseconds. Not for a process under load. */
export function trimMemory(): void {
  v8.setFlagsFromString("--expose-gc");
  const collect: unknown = vm.runInNewContext("gc");
  v8.setFlagsFromString("--no-expose-gc");
  if (typeof collect !== "function") return;
  (collect as Collect)({ type: "major", execution: "sync", flavor: "last-resort" });
}
