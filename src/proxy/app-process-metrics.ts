/**
 * CPU time and memory of the app that `tulle run` has started beside this proxy: a file that the bootstrap names has the
 * pid of its first process. Read from /proc (proc(5)) when somebody asks; where there is none nothing is told.
 */
import { readFileSync } from "node:fs";
import type { JsonObject } from "@bufbuild/protobuf";
import { APP_PROCESSES_MAX } from "../core/limits.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";

/** The kernel's unit in /proc, USER_HZ, is the same on all platforms that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** `metadata` is the node's: `APP_PID_FILE`. */
export function registerAppProcessMetrics(
  registry: MetricRegistry,
  metadata: JsonObject | undefined,
): void {
  const file = metadata?.["APP_PID_FILE"];
  if (typeof file !== "string" || file === "") return;
  const cpu = registry.counter(
    "tulle_app_cpu_seconds_total",
    "CPU time in seconds of the app beside this proxy and of all that it started.",
  );
  const memory = registry.gauge(
    "tulle_app_resident_memory_bytes",
    "Resident memory of the app beside this proxy and of all that it started.",
  );
  const total = new GrowingSum();
  registry.onCollect(() => {
    const usage = usageOf(textOf(file));
    if (usage === undefined) {
      memory.with({}).set(0);
      return;
    }
    memory.with({}).set(usage.pages * PAGE_BYTES);
    cpu.with({}).value = total.update(usage.ticks) / TICKS_PER_SECOND;
  });
}

/** An app that was started again counts from zero, and takes with it what its children have used. */
class GrowingSum {
  #before = 0;
  #last = 0;

  update(value: number): number {
    if (value < this.#last) this.#before += this.#last;
    this.#last = value;
    return this.#before + value;
  }
}

interface Usage {
  readonly ticks: number;
  readonly pages: number;
}

function usageOf(text: string): Usage | undefined {
  const first = Number(text);
  if (!Number.isInteger(first) || first <= 0) return undefined;
  const pids = [first];
  let [ticks, pages] = [0, 0];
  for (let at = 0; at < pids.length; at++) {
    const pid = pids[at]!;
    const stat = statOf(textOf(`/proc/${pid}/stat`));
    if (stat === undefined) continue;
    ticks += stat.ticks;
    pages += stat.pages;
    for (const child of textOf(`/proc/${pid}/task/${pid}/children`).split(" ")) {
      if (child !== "" && pids.length < APP_PROCESSES_MAX) pids.push(Number(child));
    }
  }
  return pages === 0 ? undefined : { ticks, pages };
}

/** "pid (name) state …": the name may hold spaces and parentheses. With the time of children that have ended. */
function statOf(text: string): Usage | undefined {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 22) return undefined;
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number);
  const ticks = user! + system! + childUser! + childSystem!;
  return { ticks, pages: Number(fields[21]) };
}

/** Empty when there is none. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return "";
  }
}
