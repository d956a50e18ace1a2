/**
 * TelemetryPolicies for routes: which traces that begin with a request of a route, or of one of its rules, are recorded.
 * A rule's policy goes before its route's, and both before what is said of Services and workloads.
 */
import type { GrpcRoute } from "../../resource/kinds/grpc-route.ts";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import type { TelemetryPolicy } from "../../resource/kinds/telemetry-policy.ts";
import { TELEMETRY_ROUTE_KINDS } from "../../resource/kinds/telemetry-policy.ts";
import type { TracingTag } from "../../resource/kinds/telemetry-policy-tracing.ts";
import { formatKey, keyOf, type ObjectKey } from "../../resource/object.ts";
import type { FindingPlace, Findings } from "../findings.ts";
import { qualifiedName } from "../names.ts";
import type { Said } from "./said.ts";

/** What a route says of the traces that begin with it. */
export interface RouteSampling {
  /** Percent. */
  readonly sampling: Said<number>;
  /** Beside the tags of the listener; those of the same name go before. */
  readonly tags: Said<readonly TracingTag[]> | undefined;
}

export interface RouteSamplingIndex {
  /** `rule` is its name, where it has one. The same object for the same policies. */
  of(
    route: Pick<ObjectKey, "kind" | "namespace" | "name">,
    rule?: string,
  ): RouteSampling | undefined;
}

/** Where policies may point. */
export interface KnownRoutes {
  readonly httpRoutes: readonly HttpRoute[];
  readonly grpcRoutes: readonly GrpcRoute[];
}

type Target = NonNullable<TelemetryPolicy["spec"]["targetRefs"]>[number];

const ROUTE_GROUP = "gateway.networking.k8s.io";

/** Of a target that is a route, as far as its kind tells. */
export function isRouteTarget({ kind }: Pick<Target, "kind">): boolean {
  return TELEMETRY_ROUTE_KINDS.some((known) => known === kind);
}

/** `policies`: the oldest first. Targets are looked for where `known` is given. */
export function resolveRouteSampling(
  policies: readonly TelemetryPolicy[],
  known: KnownRoutes | undefined,
  findings: Findings,
): RouteSamplingIndex {
  const holders = new Map<string, TelemetryPolicy>();
  for (const policy of policies) {
    for (const [index, target] of (policy.spec.targetRefs ?? []).entries()) {
      if (!isRouteTarget(target)) continue;
      const { namespace } = policy.metadata;
      const place = { object: keyOf(policy), path: `spec.targetRefs[${index}]` };
      if (known !== undefined && !isThere(target, namespace, known, { findings, place })) continue;
      const key = targetKey({ ...target, namespace }, target.sectionName);
      const holder = holders.get(key);
      if (holder === undefined) {
        holders.set(key, policy);
      } else if (holder !== policy) {
        const older = qualifiedName(holder.metadata);
        const message = `${what(target, namespace)} has an older TelemetryPolicy, ${older}`;
        findings.add("policy-conflict", place, message);
      }
    }
  }
  const resolved = new Map<string, RouteSampling | undefined>();
  return {
    of: (route, rule) => {
      if (holders.size === 0) return undefined;
      const key = targetKey(route, rule);
      if (!resolved.has(key)) {
        const ofRule = rule === undefined ? undefined : holders.get(key);
        resolved.set(key, samplingOf(ofRule, holders.get(targetKey(route, undefined))));
      }
      return resolved.get(key);
    },
  };
}

function samplingOf(
  ofRule: TelemetryPolicy | undefined,
  ofRoute: TelemetryPolicy | undefined,
): RouteSampling | undefined {
  const sampling = saidBy(ofRule, "sampling") ?? saidBy(ofRoute, "sampling");
  if (sampling === undefined) return undefined;
  return { sampling, tags: saidBy(ofRule, "tags") ?? saidBy(ofRoute, "tags") };
}

function saidBy<F extends "sampling" | "tags">(policy: TelemetryPolicy | undefined, field: F) {
  const value = policy?.spec.tracing?.[field];
  if (policy === undefined || value === undefined) return undefined;
  return { value, origin: formatKey(keyOf(policy)) };
}

function isThere(
  target: Target,
  namespace: string,
  { httpRoutes, grpcRoutes }: KnownRoutes,
  { findings, place }: { readonly findings: Findings; readonly place: FindingPlace },
): boolean {
  const { group, kind, name, sectionName } = target;
  if (group !== ROUTE_GROUP) {
    findings.add("field-ignored", place, `the group of an ${kind} is ${ROUTE_GROUP}`);
    return false;
  }
  const routes: readonly (HttpRoute | GrpcRoute)[] = kind === "HTTPRoute" ? httpRoutes : grpcRoutes;
  const route = routes.find(
    ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
  );
  if (route === undefined) {
    const message = `there is no ${kind} ${qualifiedName({ namespace, name })}`;
    findings.add("target-not-found", place, message);
    return false;
  }
  const names = route.spec.rules.flatMap((rule) => rule.name ?? []);
  if (sectionName === undefined || names.includes(sectionName)) return true;
  const others = names.length === 0 ? "none of its rules has a name" : `it has ${names.join(", ")}`;
  const message = `${kind} ${qualifiedName({ namespace, name })} has no rule ${sectionName}: ${others}`;
  findings.add("target-not-found", place, message);
  return false;
}

function targetKey(
  { kind, namespace, name }: Pick<ObjectKey, "kind" | "namespace" | "name">,
  rule: string | undefined,
): string {
  return `${kind}/${namespace}/${name}/${rule ?? ""}`;
}

function what({ kind, name, sectionName }: Target, namespace: string): string {
  const route = `${kind} ${qualifiedName({ namespace, name })}`;
  return sectionName === undefined ? route : `rule ${sectionName} of ${route}`;
}
