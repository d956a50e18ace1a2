/** The route object behind a rule, and what it becomes with other weights. */
import type { ResourceObject } from "../../../src/control-plane/api-types.ts";
import { namespaceFlag, quoted } from "../../core/shell-words.ts";
import type { RuleRef } from "./rule-ref.ts";

export interface BackendRef {
  readonly name: string;
  readonly namespace?: string;
  readonly weight?: number;
}

export interface Rule {
  readonly name?: string;
  readonly matches?: readonly Readonly<Record<string, unknown>>[];
  readonly backendRefs?: readonly BackendRef[];
}

/** Written by the control plane, so not part of what one applies. */
const MADE_FIELDS: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "generation",
]);

export function rulesOf({ spec }: ResourceObject): readonly Rule[] {
  return (spec["rules"] ?? []) as readonly Rule[];
}

/** -1 when the object has no such rule any more. */
export function ruleIndex(object: ResourceObject, { rule }: RuleRef): number {
  const rules = rulesOf(object);
  const named = rules.findIndex(({ name }) => name === rule);
  if (named >= 0) return named;
  return /^\d+$/.test(rule) && Number(rule) < rules.length ? Number(rule) : -1;
}

/** Gateway API: a weight that is not said is 1. */
export function weightOf({ weight }: BackendRef): number {
  return weight ?? 1;
}

/** As one writes it: without status and what the control plane adds. */
export function written(object: ResourceObject): object {
  const { apiVersion, kind, metadata, spec } = object;
  const kept = Object.entries(metadata).filter(
    ([name, value]) => !MADE_FIELDS.has(name) && !isEmpty(value),
  );
  return { apiVersion, kind, metadata: Object.fromEntries(kept), spec };
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

export function withWeights(
  object: ResourceObject,
  index: number,
  weights: readonly number[],
): ResourceObject {
  const rules = rulesOf(object).map((rule, at) => {
    if (at !== index) return rule;
    const backendRefs = (rule.backendRefs ?? []).map((backend, place) => ({
      ...backend,
      weight: weights[place] ?? weightOf(backend),
    }));
    return { ...rule, backendRefs };
  });
  return { ...object, spec: { ...object.spec, rules } };
}

/** `tulle split` writes the first rule for every request; others are written with `tulle apply`. */
export function isSplitRule(object: ResourceObject, index: number): boolean {
  const isAny = object.kind === "GRPCRoute" ? isAnyCall : isAnyRequest;
  const first = rulesOf(object).findIndex(
    ({ matches = [] }) => matches.length === 0 || matches.some(isAny),
  );
  return index >= 0 && first === index;
}

type Match = Readonly<Record<string, unknown>>;

function isAnyCall({ method, headers }: Match): boolean {
  return method === undefined && ((headers ?? []) as readonly unknown[]).length === 0;
}

function isAnyRequest(match: Match): boolean {
  const path = match["path"] as { readonly type?: string; readonly value?: string } | undefined;
  const isAnyPath = path === undefined || (path.type === "PathPrefix" && path.value === "/");
  const isPlain = ((match["queryParams"] ?? []) as readonly unknown[]).length === 0;
  return isAnyPath && isPlain && isAnyCall(match);
}

/** The command that divides the service's requests so. */
export function splitCommand({
  service,
  backends,
  weights,
  versionOf,
  route,
}: {
  readonly service: { readonly namespace: string; readonly name: string };
  readonly backends: readonly BackendRef[];
  readonly weights: readonly number[];
  /** What the Service of a backend is a version of; undefined when it is none. */
  readonly versionOf: (backend: string) => string | undefined;
  /** Named where the service has more than one. */
  readonly route: string | undefined;
}): string {
  const words = backends.map(({ name }, index) =>
    quoted(`${versionOf(name) ?? name}=${weights[index] ?? 0}`),
  );
  const chosen = route === undefined ? "" : ` --route ${quoted(route)}`;
  return `tulle split ${quoted(service.name)} ${words.join(" ")}${chosen}${namespaceFlag(service.namespace)}`;
}
