/**
 * Which policies bear on a request, and where each of its settings comes from: read from the objects of the mesh, by the
 * rules that translation follows. Of several policies of a kind for one target the oldest holds.
 */
import type { AnyObject, ObjectOf } from "../../resource/kind-map.ts";
import { settingLeaves } from "../../resource/merge-settings.ts";
import { formatKey, keyOf, type ObjectKey } from "../../resource/object.ts";
import type { LooseRecord } from "../../resource/rule.ts";
import { compareAge } from "../../translate/object-order.ts";
import { settingText } from "../admin-api/policy-of-service.ts";
import { effectiveSettings } from "../admin-api/service-policy.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { ExplainedPolicy, RouteSource } from "./explain-types.ts";

interface TargetRef {
  readonly kind: string;
  readonly name: string;
}

/** `parents` are the Service that the request is sent to, and the Gateway on its way; `route` is the object that takes it. */
export function policiesFor(
  objects: ObjectCache,
  parents: readonly (ObjectKey | undefined)[],
  route: RouteSource | null,
): readonly ExplainedPolicy[] {
  const targets = [
    ...(route === null || route.rule === null ? [] : [objectKey(route)]),
    ...parents.filter((parent) => parent !== undefined),
  ];
  const policies = objects
    .all()
    .filter((object) => targetRefs(object).length > 0)
    .toSorted(compareAge);
  return targets.flatMap((target) => {
    const holders = new Map<string, AnyObject>();
    return policies
      .filter((policy) => isFor(policy, target))
      .map((policy): ExplainedPolicy => {
        const holder = holders.get(policy.kind);
        holders.set(policy.kind, holder ?? policy);
        return {
          object: keyOf(policy),
          target,
          inForce: holder === undefined,
          reason:
            holder === undefined
              ? `it holds for the ${target.kind}`
              : `the older ${formatKey(keyOf(holder))} holds`,
        };
      });
  });
}

function objectKey({ kind, namespace, name }: RouteSource): ObjectKey {
  return { kind, namespace, name };
}

function isFor(policy: AnyObject, target: ObjectKey): boolean {
  return (
    policy.metadata.namespace === target.namespace &&
    targetRefs(policy).some(({ kind, name }) => kind === target.kind && name === target.name)
  );
}

function targetRefs({ spec }: AnyObject): readonly TargetRef[] {
  return "targetRefs" in spec ? ((spec.targetRefs ?? []) as readonly TargetRef[]) : [];
}

/** What holds for requests of a route to a Service, each with its source. A policy of the route goes before. */
export function settingsOf(
  objects: ObjectCache,
  service: ObjectKey | undefined,
  route: RouteSource | null,
): readonly EffectiveSetting[] {
  if (service === undefined) return [];
  const object = objects.get("Service", service.namespace, service.name);
  if (object === undefined) return [];
  const ofService = effectiveSettings(object, objects);
  const target = route === null || route.rule === null ? undefined : objectKey(route);
  const policy = objects
    .list("TrafficPolicy")
    .filter((candidate) => target !== undefined && isFor(candidate, target))
    .toSorted(compareAge)[0];
  if (policy === undefined) return ofService;
  const { targetRefs: _, ...spec } = policy.spec;
  const origin = formatKey(keyOf(policy));
  const own = settingLeaves(spec as LooseRecord).map(
    ({ path, value }): EffectiveSetting => ({ field: path, value: settingText(value), origin }),
  );
  const fields = new Set(own.map(({ field }) => field));
  return [...own, ...ofService.filter(({ field }) => !fields.has(field))];
}

/** The rule that a route was made of; undefined when the route object is not there, or has no such rule. */
export function ruleOf(
  objects: ObjectCache,
  source: RouteSource | null,
): ObjectOf<"HTTPRoute" | "GRPCRoute">["spec"]["rules"][number] | undefined {
  if (source === null || source.rule === null) return undefined;
  if (source.kind !== "HTTPRoute" && source.kind !== "GRPCRoute") return undefined;
  const rules = objects.get(source.kind, source.namespace, source.name)?.spec.rules ?? [];
  return rules.find((rule) => rule.name === source.rule) ?? rules[Number(source.rule) - 1];
}
