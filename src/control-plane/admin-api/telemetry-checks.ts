/** What `tulle check` asks of telemetry: is it kept, does it come, is it whole, does it get to others. */
import { hasCode } from "../../core/errors.ts";
import type { Finding } from "../api-types.ts";
import type { ProxyEntry } from "../proxy-directory.ts";
import type { InstanceFigures } from "../telemetry/store/instance-figures.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import {
  PROPAGATION_HINT,
  propagationMessage,
  servicesThatLoseContext,
} from "./telemetry-propagation.ts";

/** Sidecars tell something every few seconds, whatever their traffic. */
const SILENT_MS = 180_000;
/** An Envoy in a sidecar's place tells nothing by itself. */
const SIDECAR_AGENT = "tulle";

export interface TelemetryCheck {
  readonly name: string;
  readonly title: string;
  readonly findings: readonly Finding[];
}

type AskedProxy = Pick<ProxyEntry, "key" | "streamId" | "connectedSinceMs"> & {
  readonly node: Pick<ProxyEntry["node"], "userAgent" | "service">;
};

export interface TelemetryFacts {
  readonly nowMs: number;
  /** Of the control plane. */
  readonly startedAtMs: number;
  /** What is wrong with the store. */
  readonly problem: string | undefined;
  /** What proxies told last, by `namespace/instance`; undefined when nobody knows. */
  readonly figures: ReadonlyMap<string, InstanceFigures> | undefined;
  readonly proxies: readonly AskedProxy[];
  /** Of what is sent to others. */
  readonly exports: readonly Finding[];
}

export async function readTelemetryChecks(deps: AdminApiDeps): Promise<readonly TelemetryCheck[]> {
  const { telemetry, clock, info, proxies, exporters } = deps;
  const { figures, unavailable } = await figuresOf(deps);
  return telemetryChecks({
    nowMs: clock.nowMs(),
    startedAtMs: info.startedAtMs,
    problem: telemetry.problem ?? unavailable,
    figures,
    proxies: proxies.list(),
    exports: exporters.findings,
  });
}

/** A store that does not answer is a finding, and no reason not to answer here. */
async function figuresOf({ telemetry, clock }: AdminApiDeps): Promise<{
  readonly figures?: ReadonlyMap<string, InstanceFigures>;
  readonly unavailable?: string;
}> {
  try {
    const all = await telemetry.questions.ask("instances", {
      sinceMs: clock.nowMs() - SILENT_MS,
    });
    return { figures: new Map(all.map((one) => [`${one.namespace}/${one.instance}`, one])) };
  } catch (error) {
    if (!hasCode(error, "telemetry-unavailable")) throw error;
    return { unavailable: error.message };
  }
}

/** In the order in which they are shown: what comes first breaks what comes later. */
export function telemetryChecks(facts: TelemetryFacts): readonly TelemetryCheck[] {
  const { figures, problem, exports } = facts;
  return [
    {
      name: "telemetry-kept",
      title: "figures, traces, logs and events are kept",
      findings: problem === undefined ? [] : [storeFinding(problem)],
    },
    ...(figures === undefined ? [] : checksOfFigures(figures, facts)),
    { name: "exports", title: "what is exported arrives", findings: exports },
  ];
}

function checksOfFigures(
  figures: ReadonlyMap<string, InstanceFigures>,
  facts: TelemetryFacts,
): readonly TelemetryCheck[] {
  return [
    {
      name: "proxies-tell",
      title: "every connected sidecar tells what it does",
      findings: silentFindings(figures, facts),
    },
    {
      name: "series-in-bounds",
      title: "every label set has a series of its own",
      findings: [...figures.values()].flatMap(overflowFindings),
    },
    {
      name: "traces-passed-on",
      title: "every app passes on the context of traces",
      findings: servicesThatLoseContext(figures.values()).map((service) => ({
        ...{ severity: "warning", code: "no-propagation", hint: PROPAGATION_HINT },
        message: propagationMessage(service),
        object: { kind: "Service", ...service },
      })),
    },
  ];
}

function storeFinding(message: string): Finding {
  const isPrometheus = message.includes("Prometheus");
  return {
    severity: "warning",
    code: "telemetry-store",
    message,
    hint: isPrometheus
      ? "is the Prometheus of --prometheus running, and can the control plane reach it?"
      : "is there room on the disk of the state directory, and may the control plane write there? Its log says more; traffic goes on",
  };
}

function silentFindings(
  figures: ReadonlyMap<string, InstanceFigures>,
  { proxies, nowMs, startedAtMs }: TelemetryFacts,
): readonly Finding[] {
  return proxies.flatMap(({ key, streamId, connectedSinceMs, node }): readonly Finding[] => {
    const sinceMs = Math.max(connectedSinceMs, startedAtMs);
    const isSidecar = node.userAgent.startsWith(SIDECAR_AGENT);
    if (streamId === undefined || !isSidecar || nowMs - sinceMs < SILENT_MS) return [];
    if (figures.has(key)) return [];
    return [
      {
        severity: "warning",
        code: "proxy-silent",
        message: `proxy ${key} of ${node.service} is connected and has told nothing of itself for ${SILENT_MS / 60_000} minutes: its traffic is missing in every figure`,
        hint: "its own log and tulle_metrics_pushes_total on its /metrics tell why; is its certificate valid (`tulle ca status`), and can it reach the control plane?",
      },
    ];
  });
}

function overflowFindings({
  namespace,
  instance,
  droppedSeries,
}: InstanceFigures): readonly Finding[] {
  return Object.entries(droppedSeries).map(([family, count]) => ({
    severity: "warning",
    code: "series-overflow",
    message: `proxy ${namespace}/${instance} has no room for ${count} more label sets of ${family}: they are counted together as "overflow"`,
    hint: "its /metrics shows which label has so many values; leave it out by `metrics.overrides` of a TelemetryPolicy (tagOverrides, operation REMOVE)",
  }));
}
