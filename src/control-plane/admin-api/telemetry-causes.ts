/**
 * Services that are not well, as problems: those first of whom the others have it. Who fails because somebody that it calls
 * fails says so; who fails by itself says what most of its failures have in common. Pure.
 */
import { flagsMeaning } from "../../telemetry/response-flag-explanations.ts";
import type { Problem, ServiceRef, ServiceTraffic } from "../telemetry-types.ts";
import { type Inbound, mainFlags } from "./telemetry-inbound.ts";
import { refText } from "./telemetry-mesh.ts";

/** Failed calls to another explain a service's own failures when they are as many as this share of them. */
const BLAMED_SHARE = 0.5;

/** How many calls of one to another failed. */
export interface FailedCalls {
  readonly source: ServiceRef;
  readonly destination: ServiceRef;
  readonly errors: number;
}

/** The causes first, otherwise in the order of the services. `calls` may hold more than those of unwell services. */
export function serviceProblems(
  services: readonly ServiceTraffic[],
  inbound: ReadonlyMap<string, Inbound>,
  calls: readonly FailedCalls[],
): readonly Problem[] {
  const unwell = new Map(services.filter(isUnwell).map((one) => [refText(one.service), one]));
  const blamed = new Map<string, FailedCalls>();
  for (const call of calls) {
    const [from, to] = [refText(call.source), refText(call.destination)];
    const errors = unwell.get(from)?.inbound.errors;
    if (errors === undefined || from === to || !unwell.has(to)) continue;
    if (errors === 0 || call.errors < errors * BLAMED_SHARE) continue;
    if (call.errors > (blamed.get(from)?.errors ?? 0)) blamed.set(from, call);
  }
  return [...unwell]
    .map(([ref, service]) => problemOf(service, blamed.get(ref)?.destination, inbound.get(ref)))
    .toSorted((a, b) => depthOf(a, blamed) - depthOf(b, blamed));
}

export function isUnwell({ health }: ServiceTraffic): boolean {
  return health === "failing" || health === "degraded";
}

function problemOf(
  { service, health, healthReason }: ServiceTraffic,
  cause: ServiceRef | undefined,
  inbound: Inbound | undefined,
): Problem {
  const { namespace, name } = service;
  const inNamespace = namespace === "default" ? "" : ` -n ${namespace}`;
  const meaning = inbound === undefined ? undefined : flagsMeaning(mainFlags(inbound) ?? "-");
  const why = meaning === undefined ? "" : `${meaning} `;
  return {
    severity: health === "failing" ? "error" : "warning",
    code: `${health}-service`,
    service,
    message: `${name}: ${healthReason ?? health}`,
    hint:
      cause === undefined
        ? `${why}tulle describe service/${name}${inNamespace}`
        : `it calls ${cause.name}, which fails`,
    view: `/services/${namespace}/${name}`,
  };
}

/** How many calls lie between a service and the one that fails by itself. */
function depthOf({ service }: Problem, blamed: ReadonlyMap<string, FailedCalls>): number {
  const seen = new Set<string>();
  for (let ref = service; ref !== null && !seen.has(refText(ref)); ) {
    seen.add(refText(ref));
    ref = blamed.get(refText(ref))?.destination ?? null;
  }
  return seen.size;
}
