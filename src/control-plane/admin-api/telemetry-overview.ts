/** The mesh at a glance: what is wrong comes first, each with where to look and what to do. */

import { rootViews } from "../ca/ca-view.ts";
import type { InstanceFigures } from "../telemetry/store/instance-figures.ts";
import type { OverviewResponse, Problem, ServiceTraffic } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { findingView } from "./finding-view.ts";
import { proxyView } from "./proxy-routes.ts";
import { type FailedCalls, serviceProblems } from "./telemetry-causes.ts";
import { secondsOf, shareOf, sparkOf, trafficFigures } from "./telemetry-figures.ts";
import { freshFigures } from "./telemetry-mesh.ts";
import {
  PROPAGATION_HINT,
  propagationMessage,
  servicesThatLoseContext,
} from "./telemetry-propagation.ts";
import { type AskedWindow, windowView } from "./telemetry-query.ts";
import { serviceFigures } from "./telemetry-services.ts";

/** A certificate that has so little left was not renewed when it should have been. */
const EXPIRING_SHARE = 0.25;
const ROOT_WARNING_MS = 30 * 86_400_000;
const PROBLEMS_MAX = 100;

export async function overviewView(
  deps: AdminApiDeps,
  asked: AskedWindow,
): Promise<OverviewResponse> {
  const { fromMs, toMs } = asked;
  const [{ services, window, inbound, all }, calls, figures, security] = await Promise.all([
    serviceFigures(deps, asked),
    failedCalls(deps, asked),
    freshFigures(deps),
    deps.telemetry.traffic({
      ...{ fromMs, toMs, hasSteps: false, by: ["security"] },
      where: { reporter: "destination" },
    }),
  ]);
  const proxies = deps.proxies.list().map((entry) => proxyView(deps, entry));
  const count = (health: ServiceTraffic["health"]): number =>
    services.filter((one) => one.health === health).length;
  const requestsOf = (isProven: boolean): number =>
    security.rows
      .filter(({ key: [policy] }) => (policy === "mutual_tls") === isProven)
      .reduce((sum, { totals }) => sum + totals.requests + totals.tcpOpened, 0);
  const problems = [
    ...serviceProblems(services, inbound, calls),
    ...proxies.flatMap((proxy): readonly Problem[] => {
      const refused = proxy.types.find((type) => type.refused !== null);
      if (!proxy.connected || refused === undefined) return [];
      return [
        {
          severity: "error",
          code: "refusing-proxy",
          service: { namespace: proxy.namespace, name: proxy.service },
          message: `${proxy.id} refuses its configuration: ${refused.refused?.message ?? ""}`,
          hint: "tulle status",
          view: "/proxies",
        },
      ];
    }),
    ...findingProblems(deps),
    ...certificateProblems(deps),
    ...rolloutProblems(deps),
    ...propagationProblems(figures.values()),
    ...storeProblems(deps),
  ];
  return {
    window: windowView(window),
    mesh: deps.info.mesh,
    revision: deps.reconciler.translatedRevision,
    summary: summaryOf(services),
    services: {
      total: services.length,
      healthy: count("healthy"),
      degraded: count("degraded"),
      failing: count("failing"),
      idle: count("idle") + count("unknown"),
    },
    traffic: trafficFigures(all.totals, secondsOf(window)),
    spark: sparkOf(all.steps, window),
    problems: problems.toSorted(bySeverity).slice(0, PROBLEMS_MAX),
    proxies: {
      connected: proxies.filter(({ connected }) => connected).length,
      stale: proxies.filter(({ sync }) => sync === "stale").length,
      refusing: proxies.filter(({ sync }) => sync === "refused").length,
    },
    nextCertificateExpiry: nextExpiry(deps),
    mtlsShare: shareOf(requestsOf(true), requestsOf(true) + requestsOf(false)),
  };
}

/** By who made them: which of two that fail has it from the other. */
async function failedCalls(
  deps: AdminApiDeps,
  { fromMs, toMs }: AskedWindow,
): Promise<readonly FailedCalls[]> {
  const { rows } = await deps.telemetry.traffic({
    ...{ fromMs, toMs, hasSteps: false, isErrorsOnly: true },
    by: ["sourceNamespace", "sourceName", "destinationNamespace", "destinationName"],
    where: { reporter: "source" },
  });
  return rows.map(({ key, totals }) => {
    const [sourceNamespace = "", sourceName = "", namespace = "", name = ""] = key;
    return {
      source: { namespace: sourceNamespace, name: sourceName },
      destination: { namespace, name },
      errors: totals.errors,
    };
  });
}

const SEVERITIES: readonly Problem["severity"][] = ["error", "warning", "info"];

function bySeverity(a: Problem, b: Problem): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);
}

function summaryOf(services: readonly ServiceTraffic[]): string {
  if (services.length === 0) return "there are no services yet";
  const total = services.length;
  const failing = services.filter(({ health }) => health === "failing").length;
  const degraded = services.filter(({ health }) => health === "degraded").length;
  if (failing > 0) return `${failing} of ${total} services ${failing === 1 ? "fails" : "fail"}`;
  if (degraded > 0) {
    return `${degraded} of ${total} services ${degraded === 1 ? "is" : "are"} degraded`;
  }
  return total === 1 ? "the service is well" : `all ${total} services are well`;
}

function findingProblems({ reconciler }: AdminApiDeps): readonly Problem[] {
  return reconciler.report.findings.map((finding): Problem => {
    const { severity, message, hint } = findingView(finding);
    const { object } = finding;
    return {
      severity: severity === "error" ? "error" : "warning",
      code: "finding",
      service:
        object.kind === "Service" ? { namespace: object.namespace, name: object.name } : null,
      message: `${object.kind} ${object.name}: ${message}`,
      hint: hint ?? "tulle check",
      view: "/checks",
    };
  });
}

function certificateProblems(deps: AdminApiDeps): readonly Problem[] {
  const nowMs = deps.clock.nowMs();
  const late = deps.identity.trust
    .certificates()
    .filter(
      ({ isConnected, notBeforeMs, notAfterMs }) =>
        isConnected && notAfterMs - nowMs < (notAfterMs - notBeforeMs) * EXPIRING_SHARE,
    )
    .map(
      ({ spiffeId, instance, notAfterMs }): Problem => ({
        severity: "warning",
        code: "expiring-certificate",
        service: null,
        message: `the certificate of ${instance || spiffeId} was not renewed and expires at ${new Date(notAfterMs).toISOString()}`,
        hint: "tulle ca status",
        view: "/security",
      }),
    );
  const roots = deps.identity.authority.bundle.roots
    .filter(({ notAfterMs }) => notAfterMs - nowMs < ROOT_WARNING_MS)
    .map(
      ({ notAfterMs }): Problem => ({
        severity: "warning",
        code: "expiring-root",
        service: null,
        message: `a root expires at ${new Date(notAfterMs).toISOString()}`,
        hint: "tulle ca rotate",
        view: "/security",
      }),
    );
  return [...late, ...roots];
}

function rolloutProblems({ objects }: AdminApiDeps): readonly Problem[] {
  return objects.list("Rollout").flatMap(({ metadata, status }): readonly Problem[] => {
    const state = status?.rollout;
    if (state === undefined || (state.phase !== "Paused" && state.phase !== "RolledBack"))
      return [];
    const isPaused = state.phase === "Paused";
    return [
      {
        severity: isPaused ? "info" : "warning",
        code: isPaused ? "rollout-paused" : "rollout-rolled-back",
        service: { namespace: metadata.namespace, name: state.stableService },
        message: `rollout ${metadata.name}: ${state.message}`,
        hint: `tulle rollout status ${metadata.name} -n ${metadata.namespace}`,
        view: `/rollouts/${metadata.namespace}/${metadata.name}`,
      },
    ];
  });
}

function propagationProblems(figures: Iterable<InstanceFigures>): readonly Problem[] {
  return servicesThatLoseContext(figures).map((service) => ({
    ...{ severity: "info", code: "no-propagation", service },
    message: propagationMessage(service),
    hint: PROPAGATION_HINT,
    view: `/services/${service.namespace}/${service.name}`,
  }));
}

function storeProblems({ telemetry }: AdminApiDeps): readonly Problem[] {
  const { problem } = telemetry;
  if (problem === undefined) return [];
  const rest = { code: "telemetry-store", service: null, hint: null, view: null } as const;
  return [{ severity: "warning", message: problem, ...rest }];
}

function nextExpiry({ identity }: AdminApiDeps): string | null {
  const ends = [
    ...identity.trust
      .certificates()
      .filter(({ isConnected }) => isConnected)
      .map(({ notAfterMs }) => notAfterMs),
    ...rootViews({ ...identity, getOwn: () => identity.own() }).map(({ notAfter }) =>
      Date.parse(notAfter),
    ),
  ];
  return ends.length === 0 ? null : new Date(Math.min(...ends)).toISOString();
}
