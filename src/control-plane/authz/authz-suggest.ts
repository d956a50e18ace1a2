/**
 * `tulle authz suggest`: the least policies that let observed calls in, and what they would have denied of them. Calls are
 * judged as `tulle authz check` judges them, by the policies that are there and by those with the suggested ones. Pure.
 */
import { groupBy } from "../../core/group-by.ts";
import { parseDocuments } from "../../resource/documents.ts";
import {
  type AuthorizationPolicy,
  authorizationPolicyKind,
} from "../../resource/kinds/authorization-policy.ts";
import type { Registry as KindRegistry } from "../../resource/registry.ts";
import type { ObservedCall } from "../../telemetry/observed/observed-calls.ts";
import { foldSiblings, isExpressible, pathShape } from "../../telemetry/observed/path-shape.ts";
import type { MeshService, MeshSnapshot } from "../../translate/mesh-snapshot.ts";
import { compareText, qualifiedName } from "../../translate/names.ts";
import type {
  AuthzCheckRequest,
  AuthzCheckResponse,
  AuthzSuggestRequest,
  AuthzSuggestResponse,
  LeftOut,
  SuggestedCall,
  SuggestedPolicy,
  SuggestLevel,
} from "../authz-types.ts";
import { notFound } from "../explain/explain-error.ts";
import { authorizationChecker, type KnownCaller } from "./authz-check.ts";
import { type CallDestination, destinationFinder } from "./call-destination.ts";
import { policyReach } from "./policy-reach.ts";
import { type CallerRule, callerRules } from "./suggested-rules.ts";

export interface SuggestMesh {
  readonly snapshot: MeshSnapshot;
  readonly callers: readonly KnownCaller[];
  readonly kinds: KindRegistry;
}

type Check = (asked: AuthzCheckRequest) => AuthzCheckResponse;

/** A call with where it went. */
interface PlacedCall {
  readonly call: ObservedCall;
  readonly destination: CallDestination;
  readonly service: string;
  /** As policies see it, with stars for ids. */
  readonly shape: string | undefined;
  readonly leftOut: LeftOut | null;
}

/** Throws an API error when the Service is none. */
export function suggestPolicies(
  asked: AuthzSuggestRequest,
  observed: readonly ObservedCall[],
  mesh: SuggestMesh,
): AuthzSuggestResponse {
  const { snapshot, callers, kinds } = mesh;
  const wanted = wantedService(asked, snapshot);
  const checkNow = authorizationChecker(snapshot, callers);
  const { placed, unknownCalls } = placedCalls(observed, {
    snapshot,
    check: checkNow,
    wanted,
    asked,
  });
  const knowsAll = placed.every(({ call }) => call.isIdentityOnly !== true);
  const level = asked.level ?? (knowsAll ? "path" : "identity");
  const folded = foldedByCaller(placed);
  const byService = groupBy(folded, ({ service }) => service);
  const policies = [...byService]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([, own]) => suggestionOf(own, { level, isDryRun: asked.dryRun === true, snapshot }));
  const checkThen = authorizationChecker(withPolicies(policies, { snapshot, kinds }), callers);
  return {
    ...{ level, source: asked.calls === undefined ? "sidecars" : "log", policies, unknownCalls },
    calls: folded.map((one) => judged(one, checkNow, checkThen)),
  };
}

function wantedService(
  { service, namespace = "default" }: AuthzSuggestRequest,
  { services }: MeshSnapshot,
): string | undefined {
  if (service === undefined) return undefined;
  const wanted = service.includes("/") ? service : `${namespace}/${service}`;
  const names = services.map(({ resource }) => qualifiedName(resource.metadata));
  if (names.includes(wanted)) return wanted;
  throw notFound(`no Service is called ${JSON.stringify(service)}`, wanted, names);
}

interface Placing {
  readonly snapshot: MeshSnapshot;
  readonly check: Check;
  readonly wanted: string | undefined;
  readonly asked: AuthzSuggestRequest;
}

function placedCalls(
  observed: readonly ObservedCall[],
  { snapshot, check, wanted, asked }: Placing,
): { readonly placed: readonly PlacedCall[]; readonly unknownCalls: number } {
  const find = destinationFinder(snapshot);
  const placed: PlacedCall[] = [];
  let unknownCalls = 0;
  for (const call of observed) {
    const destination = find(call);
    if (destination === undefined) {
      unknownCalls += call.count;
      continue;
    }
    const service = qualifiedName(destination.service.resource.metadata);
    if (wanted !== undefined && service !== wanted) continue;
    const path = call.path === undefined ? undefined : checked(call, destination, check)?.path;
    const shape = call.path === undefined ? undefined : pathShape(path ?? call.path);
    placed.push({ call, destination, service, shape, leftOut: null });
  }
  // Several spellings of a path are one.
  const spellings = groupBy(placed, ({ service: to, destination, call, shape }) =>
    JSON.stringify([to, destination.port, call.principal, call.method ?? null, shape ?? null]),
  );
  return { placed: [...spellings.values()].map(summedUp).map(withLeftOut(asked)), unknownCalls };
}

function withLeftOut({ includeFailed = false }: AuthzSuggestRequest) {
  return (placed: PlacedCall): PlacedCall => ({
    ...placed,
    leftOut: leftOutOf(placed.call, placed.shape, includeFailed),
  });
}

function leftOutOf(
  { principal, method = "", count, failed }: ObservedCall,
  shape: string | undefined,
  includesFailed: boolean,
): LeftOut | null {
  if (principal === "") return "anonymous";
  // A star is a legal character of methods and of paths, and means anything in a policy.
  if (`${principal}${method}`.includes("*")) return "inexpressible";
  if (shape !== undefined && !isExpressible(shape)) return "inexpressible";
  if (includesFailed) return null;
  if (failed === count) return "failed";
  return count - failed === 1 ? "once" : null;
}

/** Rows of one caller that become alike are one row. */
function foldedByCaller(placed: readonly PlacedCall[]): readonly PlacedCall[] {
  const groups = groupBy(placed, ({ service, destination, call, leftOut }) =>
    JSON.stringify([service, destination.port, call.principal, call.method ?? null, leftOut]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    // What failed is no name of anything: a scan of paths must not widen a policy.
    const isKept = first?.leftOut === null;
    const shapes = group.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
    const folds = isKept ? foldSiblings(shapes) : undefined;
    const folded = group.map((one) => ({
      ...one,
      shape: one.shape === undefined ? undefined : (folds?.get(one.shape) ?? one.shape),
    }));
    return [...groupBy(folded, ({ shape }) => shape).values()].map(summedUp);
  });
}

function summedUp(rows: readonly PlacedCall[]): PlacedCall {
  const [first] = rows;
  if (first === undefined) throw new Error("a group has at least one row");
  const calls = rows.map(({ call }) => call);
  return {
    ...first,
    call: {
      ...first.call,
      count: calls.reduce((sum, { count }) => sum + count, 0),
      failed: calls.reduce((sum, { failed }) => sum + failed, 0),
      firstSeen: calls.map(({ firstSeen }) => firstSeen).reduce(earlier),
      lastSeen: calls.map(({ lastSeen }) => lastSeen).reduce(later),
    },
  };
}

/** ISO 8601 in UTC orders as text. */
function earlier(a: string | null, b: string | null): string | null {
  return a !== null && b !== null && b < a ? b : a;
}

function later(a: string | null, b: string | null): string | null {
  return a !== null && b !== null && b > a ? b : a;
}

interface Suggesting {
  readonly level: SuggestLevel;
  readonly isDryRun: boolean;
  readonly snapshot: MeshSnapshot;
}

/** None when nothing of it is to be let in. */
function suggestionOf(
  calls: readonly PlacedCall[],
  { level, isDryRun, snapshot }: Suggesting,
): readonly SuggestedPolicy[] {
  const [first] = calls;
  const kept = calls.filter(({ leftOut }) => leftOut === null);
  if (first === undefined || kept.length === 0) return [];
  const { service } = first.destination;
  const hasPorts = service.resource.spec.ports.length > 1;
  const rules = callerRules(
    kept.map(({ call, destination, shape }) => ({
      principal: call.principal,
      appPort: hasPorts ? portKnown(call, destination) : undefined,
      method: call.method,
      path: shape,
      count: call.count,
    })),
    level,
  );
  const { metadata } = service.resource;
  const policy = {
    apiVersion: authorizationPolicyKind.apiVersion,
    kind: authorizationPolicyKind.kind,
    metadata: { name: suggestedName(metadata.name), namespace: metadata.namespace },
    spec: {
      targetRefs: [{ kind: "Service", name: metadata.name }],
      action: "ALLOW",
      ...(isDryRun ? { dryRun: true } : {}),
      rules: rules.map(({ rule }) => rule),
    },
  };
  return [
    {
      ...{ service: first.service, policy, seen: rules.map((rule) => seenText(rule, kept)) },
      besides: allowPoliciesOf(service, snapshot),
    },
  ];
}

function portKnown(
  { isIdentityOnly }: ObservedCall,
  { appPort }: CallDestination,
): number | undefined {
  return isIdentityOnly === true ? undefined : appPort;
}

function suggestedName(service: string): string {
  return `${service}-suggested`;
}

/** `client: 12 calls from 2026-… to 2026-…`. */
function seenText({ principal, count }: CallerRule, kept: readonly PlacedCall[]): string {
  const own = kept.filter(({ call }) => call.principal === principal);
  const first = own.map(({ call }) => call.firstSeen).reduce(earlier);
  const last = own.map(({ call }) => call.lastSeen).reduce(later);
  const name = principal.split("/").at(-1) ?? principal;
  const when = first === null || last === null ? "" : ` from ${first} to ${last}`;
  return `${name}: ${count} ${count === 1 ? "call" : "calls"}${when}`;
}

/** Those of others: what they let in stays let in. */
function allowPoliciesOf(service: MeshService, snapshot: MeshSnapshot): readonly string[] {
  const { namespace, name } = service.resource.metadata;
  const own = qualifiedName({ namespace, name: suggestedName(name) });
  return policyReach(snapshot)
    .policiesOf(service)
    .filter(({ spec }) => spec.action === "ALLOW")
    .map(({ metadata }) => qualifiedName(metadata))
    .filter((policy) => policy !== own)
    .toSorted(compareText);
}

/** The mesh with them enforced, whether or not they are suggested under dry run. */
function withPolicies(
  suggested: readonly SuggestedPolicy[],
  { snapshot, kinds }: Pick<SuggestMesh, "snapshot" | "kinds">,
): MeshSnapshot {
  const text = suggested.map(({ policy }) => JSON.stringify(policy)).join("\n---\n");
  const { objects, violations } = parseDocuments(text, "suggested.yaml", kinds);
  const [violation] = violations;
  if (violation !== undefined) {
    const message = `a suggested policy is not valid: ${violation.path}: ${violation.message}`;
    throw new Error(message);
  }
  const added = (objects as readonly AuthorizationPolicy[]).map((policy) => ({
    ...policy,
    spec: { ...policy.spec, dryRun: false },
  }));
  const names = new Set(added.map(({ metadata }) => qualifiedName(metadata)));
  const others = (snapshot.authorizationPolicies ?? []).filter(
    ({ metadata }) => !names.has(qualifiedName(metadata)),
  );
  return { ...snapshot, authorizationPolicies: [...others, ...added] };
}

function judged(
  { call, destination, service, shape, leftOut }: PlacedCall,
  checkNow: Check,
  checkThen: Check,
): SuggestedCall {
  const now = checked(call, destination, checkNow);
  const then = checked(call, destination, checkThen);
  const deciding = then?.verdicts.find(({ allowed }) => !allowed) ?? then?.verdicts[0];
  return {
    ...{ service, principal: call.principal, port: destination.port },
    ...{ method: call.method ?? null, path: shape ?? null },
    ...{ count: call.count, failed: call.failed },
    ...{ firstSeen: call.firstSeen, lastSeen: call.lastSeen, leftOut },
    isAllowedNow: now?.allowed ?? null,
    isAllowedThen: then?.allowed ?? null,
    reason: deciding?.reason ?? "its sidecar would not take it",
  };
}

function questionOf(
  { principal, method, path, isIdentityOnly }: ObservedCall,
  { service, port }: CallDestination,
): AuthzCheckRequest {
  const to = qualifiedName(service.resource.metadata);
  const who = { from: principal === "" ? "anonymous" : principal, to, port };
  if (isIdentityOnly === true) return { ...who, method: "GET", path: "/" };
  return path === undefined ? who : { ...who, method: method ?? "GET", path };
}

/** Undefined for what a sidecar refuses before any policy is asked. */
function checked(
  call: ObservedCall,
  destination: CallDestination,
  check: Check,
): AuthzCheckResponse | undefined {
  const question = questionOf(call, destination);
  const answer = attempt(question, check);
  if (answer !== undefined || call.isIdentityOnly !== true) return answer;
  // The port carries no HTTP.
  const { from, to, port } = question;
  return attempt({ from, to, ...(port === undefined ? {} : { port }) }, check);
}

function attempt(question: AuthzCheckRequest, check: Check): AuthzCheckResponse | undefined {
  try {
    return check(question);
  } catch {
    return undefined;
  }
}
