/**
 * What an object's status says of it, in the vocabulary of Kubernetes and the Gateway API, derived from the
 * findings of translation. Pure: it gives the status that ought to be written, or nothing when it stands so.
 */
import { isDeepStrictEqual } from "node:util";
import { GATEWAY_ROUTE_KINDS } from "../resource/gateway-attachment.ts";
import type { AnyObject, ObjectOf } from "../resource/kind-map.ts";
import type { Gateway, GatewayListener, GatewayStatus } from "../resource/kinds/gateway.ts";
import { GATEWAY_API_GROUP } from "../resource/kinds/route-references.ts";
import type { RouteStatus } from "../resource/kinds/route-status.ts";
import type { ServiceStatus } from "../resource/kinds/service.ts";
import type { Condition, ObjectStatus } from "../resource/object.ts";
import { FAULT_CONSEQUENCE, type TranslationFault } from "./fault-isolation.ts";
import type { GatewayProcesses } from "./gateway-listeners.ts";
import type { MeshFinding } from "./mesh-finding.ts";

/** Gateway API, RouteParentStatus: who judged. */
export const CONTROLLER_NAME = "mesh.tulle.dev/control-plane";

/** Findings that one condition spells out. */
const MESSAGES_MAX = 10;

export interface Judgement {
  /** Those about the object. */
  readonly findings: readonly MeshFinding[];
  readonly fault: TranslationFault | undefined;
  /** Of a Service. */
  readonly serviceIndex?: number | undefined;
  /** Of a headless Service. */
  readonly instanceIndexes?: Readonly<Record<string, number>> | undefined;
  /** Of a Gateway: routes by listener, and whether one of its proxies is connected. */
  readonly gateway?: GatewayFacts | undefined;
  /** RFC 3339. */
  readonly now: string;
}

export interface GatewayFacts extends GatewayProcesses {
  /** By the listener's name. */
  readonly routeCounts: ReadonlyMap<string, number>;
}

type ConditionCore = Pick<Condition, "type" | "status" | "reason" | "message">;

/** Reasons that the Gateway API and the kinds' own documentation name; others are the code in CamelCase. */
const REASONS: Partial<Record<MeshFinding["code"], string>> = {
  "parent-not-found": "NoMatchingParent",
  "parent-kind-unsupported": "InvalidKind",
  "backend-not-found": "BackendNotFound",
  "field-unsupported": "UnsupportedValue",
  "name-conflict": "Conflicted",
  "policy-conflict": "Conflicted",
  "policy-expired": "Expired",
  "route-kind-conflict": "Conflicted",
  "route-not-allowed": "NotAllowedByListeners",
  "hostname-mismatch": "NoMatchingListenerHostname",
  "gateway-class-unknown": "InvalidParameters",
};
/** Findings that mean that a route has no effect on a parent. */
const PARENT_REFUSALS: ReadonlySet<MeshFinding["code"]> = new Set([
  "parent-not-found",
  "parent-kind-unsupported",
  "route-kind-conflict",
  "route-not-allowed",
  "hostname-mismatch",
]);
/** Findings that mean that a policy has no effect, however mild they are to traffic. */
const POLICY_REFUSALS: ReadonlySet<MeshFinding["code"]> = new Set([
  "target-not-found",
  "policy-conflict",
  "policy-expired",
]);

/** The status to write for `object`, or undefined when what is there says it already. */
export function statusToWrite(object: AnyObject, judgement: Judgement): ObjectStatus | undefined {
  const before = object.status ?? {};
  if (object.kind === "Gateway") {
    const status = gatewayStatus(object, judgement);
    return isDeepStrictEqual(status, before) ? undefined : status;
  }
  const after = isRoute(object)
    ? routeStatus(object, judgement)
    : {
        ...withoutInstances(before),
        ...(judgement.serviceIndex === undefined ? {} : { serviceIndex: judgement.serviceIndex }),
        ...(judgement.instanceIndexes === undefined
          ? {}
          : { instanceIndexes: judgement.instanceIndexes }),
        conditions: conditionsOf(object, judgement, before.conditions),
      };
  return isDeepStrictEqual(after, before) ? undefined : after;
}

/** A Service that is headless no more has none. */
function withoutInstances(status: ServiceStatus): ServiceStatus {
  const { instanceIndexes: _, ...rest } = status;
  return rest;
}

type RouteObject = ObjectOf<"GRPCRoute" | "HTTPRoute" | "TCPRoute" | "TLSRoute">;

function isRoute(object: AnyObject): object is RouteObject {
  return object.kind.endsWith("Route");
}

function conditionsOf(
  object: AnyObject,
  judgement: Judgement,
  before: readonly Condition[] | undefined,
): readonly Condition[] {
  const { fault, findings } = judgement;
  const reasons = findings.filter(
    (finding) =>
      finding.severity === "error" ||
      (object.kind.endsWith("Policy") && POLICY_REFUSALS.has(finding.code)),
  );
  const accepted = fault === undefined ? verdict("Accepted", reasons) : faultCondition(fault);
  const rest = findings.filter((finding) => !reasons.includes(finding));
  return stamp([accepted, ...warnings(rest)], object, before, judgement.now);
}

/** Gateway API, RouteStatus: one entry per parent, each with Accepted and ResolvedRefs. */
function routeStatus(route: RouteObject, judgement: Judgement): RouteStatus {
  const { fault, findings, now } = judgement;
  const unresolved = findings.filter(({ code }) => code === "backend-not-found");
  const partial = findings.filter(
    ({ code }) => code === "field-unsupported" || code === "no-backend",
  );
  const shared: readonly ConditionCore[] = [
    verdict("ResolvedRefs", unresolved),
    ...(partial.length === 0 ? [] : [condition("PartiallyInvalid", "True", partial)]),
    ...warnings(findings.filter(({ severity }) => severity !== "error")),
  ];
  const parents = (route.spec.parentRefs ?? []).map((parentRef, index) => {
    const lost = findings.filter(
      ({ code, path }) => PARENT_REFUSALS.has(code) && isWithin(path, `spec.parentRefs[${index}]`),
    );
    const accepted = fault === undefined ? verdict("Accepted", lost) : faultCondition(fault);
    const before = route.status?.parents?.[index]?.conditions;
    const conditions = stamp([accepted, ...shared], route, before, now);
    return { parentRef, controllerName: CONTROLLER_NAME, conditions };
  });
  return { ...route.status, parents };
}

/** Gateway API v1, GatewayStatus: what holds for the whole, and an entry for each listener. */
function gatewayStatus(
  gateway: Gateway,
  { fault, findings, gateway: facts, now }: Judgement,
): GatewayStatus {
  const before = gateway.status;
  const isOurs = findings.every(({ code }) => code !== "gateway-class-unknown");
  const accepted =
    fault === undefined ? verdict("Accepted", isOurs ? [] : findings) : faultCondition(fault);
  const { name } = gateway.metadata;
  const programmedAt = (ports: readonly number[]): ConditionCore => {
    if (accepted.status !== "True") return { ...PENDING, message: "it is not accepted" };
    if (facts?.isRunning !== true) {
      return { ...PENDING, message: `no gateway of this name runs: tulle gateway ${name}` };
    }
    const problems = ports
      .map((port) => facts.portProblem(port))
      .filter((one) => one !== undefined);
    if (problems.length === 0) return PROGRAMMED;
    return { ...PENDING, message: [...new Set(problems)].join("; ") };
  };
  const programmed = programmedAt(gateway.spec.listeners.map(({ port }) => port));
  const conditions = stamp([accepted, programmed], gateway, before?.conditions, now);
  const listeners = gateway.spec.listeners.map((listener) => {
    const known = before?.listeners?.find((one) => one.name === listener.name);
    const cores: readonly ConditionCore[] = [
      { ...accepted, message: "" },
      { type: "Conflicted", status: "False", reason: "NoConflicts", message: "" },
      { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: "" },
      programmedAt([listener.port]),
    ];
    return {
      name: listener.name,
      supportedKinds: supportedKinds(listener),
      attachedRoutes: facts?.routeCounts.get(listener.name) ?? 0,
      conditions: stamp(cores, gateway, known?.conditions, now),
    };
  });
  return { ...before, conditions, listeners };
}

const PROGRAMMED: ConditionCore = {
  type: "Programmed",
  status: "True",
  reason: "Programmed",
  message: "",
};
/** Gateway API v1, GatewayReasonPending: not all of it is there yet. */
const PENDING = { type: "Programmed", status: "False", reason: "Pending" } as const;

function supportedKinds({ protocol, allowedRoutes }: GatewayListener) {
  const ofProtocol = GATEWAY_ROUTE_KINDS[protocol].map((kind) => ({
    group: GATEWAY_API_GROUP,
    kind,
  }));
  return (allowedRoutes.kinds ?? ofProtocol).filter(({ kind }) =>
    ofProtocol.some((one) => one.kind === kind),
  );
}

function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}.`);
}

function verdict(type: string, reasons: readonly MeshFinding[]): ConditionCore {
  if (reasons.length > 0) return condition(type, "False", reasons);
  return { type, status: "True", reason: type, message: "" };
}

function faultCondition(fault: TranslationFault): ConditionCore {
  return {
    type: "Accepted",
    status: "False",
    reason: "TranslationFailed",
    message: `the control plane cannot translate it (${fault.message}); ${FAULT_CONSEQUENCE[fault.inForce]}`,
  };
}

function warnings(findings: readonly MeshFinding[]): readonly ConditionCore[] {
  return findings.length === 0 ? [] : [condition("Warnings", "True", findings)];
}

function condition(
  type: string,
  status: Condition["status"],
  findings: readonly MeshFinding[],
): ConditionCore {
  const [first] = findings;
  const code = first?.code ?? "field-ignored";
  const texts = findings
    .slice(0, MESSAGES_MAX)
    .map(({ path, message: text }) => (path === "" ? text : `${path}: ${text}`));
  const rest = findings.length - texts.length;
  const message = [...texts, ...(rest > 0 ? [`and ${rest} more`] : [])].join("; ");
  return { type, status, reason: REASONS[code] ?? camelCase(code), message };
}

/** Gives each condition its time and generation; the time moves only when `status` does. */
function stamp(
  conditions: readonly ConditionCore[],
  object: AnyObject,
  before: readonly Condition[] | undefined,
  now: string,
): readonly Condition[] {
  const observedGeneration = object.metadata.generation ?? 0;
  return conditions.map((core) => {
    const known = before?.find((one) => one.type === core.type && one.status === core.status);
    const lastTransitionTime = known?.lastTransitionTime ?? now;
    return { ...core, observedGeneration, lastTransitionTime };
  });
}

/** `target-not-found` becomes `TargetNotFound`. */
function camelCase(code: string): string {
  return code.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
