/** What `tulle up` says about what happens to its instances. */
import type { CliContext } from "../context.ts";
import type { InstanceEvent } from "../run/instance.ts";
import { describeStatus } from "../run/process-group.ts";
import { isWorthShowing } from "../run/sidecar-log.ts";
import type { LogOutput } from "./log-output.ts";
import type { PlannedInstance } from "./plan.ts";

/** The name that our own lines stand behind. */
export const OWN_NAME = "tulle";

export interface Reporter {
  /** A line of our own; with -q only `important` ones. */
  say(text: string, importance?: "important" | "normal" | "detail"): void;
  event(planned: PlannedInstance, event: InstanceEvent): void;
}

export function createReporter(context: CliContext, log: LogOutput): Reporter {
  const { isQuiet, isVerbose } = context.globals;
  const say: Reporter["say"] = (text, importance = "normal") => {
    if (importance === "detail" && !isVerbose) return;
    if (importance !== "important" && isQuiet) return;
    log.line(OWN_NAME, text);
  };
  return {
    say,
    event({ label }, event) {
      switch (event.kind) {
        case "sidecar-ready":
          say(`${label}: sidecar ready after ${seconds(event.tookMs)}`, "detail");
          return;
        case "app-started":
          say(`${label}: started (pid ${event.pid ?? "none"})`, "detail");
          return;
        case "serving":
          say(`${label} is ready`);
          return;
        case "app-ended": {
          const next =
            event.next.kind === "restart" ? `; starts again in ${seconds(event.next.delayMs)}` : "";
          say(`${label} ${describeStatus(event.status)}${next}`, "important");
          return;
        }
        case "sidecar-ended":
          say(`${label}: the sidecar ${describeStatus(event.status)}; starts again`, "important");
          return;
        case "sidecar-log":
          if (isVerbose || isWorthShowing(event.line)) log.line(label, `sidecar: ${event.line}`);
          return;
        case "access-log":
          log.line(label, `sidecar: ${event.line}`);
          return;
        case "app-stopped":
          say(`${label} ${describeStatus(event.status)}`, "detail");
          return;
        case "draining":
          say(`${label}: lets its callers go`, "detail");
          return;
      }
    },
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
