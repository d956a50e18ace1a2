/** Policies for workloads: which of them hold for a port of one, as Istio selects them. */
import type { MeshObject, ObjectStatus } from "../resource/object.ts";
import { keyOf } from "../resource/object.ts";
import type { Findings } from "./findings.ts";
import { qualifiedName } from "./names.ts";

/** A workload's port that policies may hold for. */
export interface WorkloadPort {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Services that lead to the port: `default/catalog`. */
  readonly services: readonly string[];
}

export interface WorkloadPolicySpec {
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> } | undefined;
  readonly targetRefs?:
    | readonly { readonly group: string; readonly kind: string; readonly name: string }[]
    | undefined;
}

export type WorkloadPolicy = MeshObject<string, WorkloadPolicySpec, ObjectStatus>;

/** Those in `rootNamespace` hold in all namespaces. */
export function holdsFor(
  { metadata, spec }: WorkloadPolicy,
  { namespace, labels, services }: WorkloadPort,
  rootNamespace: string,
): boolean {
  if (spec.targetRefs !== undefined) {
    return spec.targetRefs.some(
      ({ group, kind, name }) =>
        group === "" &&
        kind === "Service" &&
        services.includes(qualifiedName({ namespace: metadata.namespace, name })),
    );
  }
  if (metadata.namespace !== namespace && metadata.namespace !== rootNamespace) return false;
  return hasLabels(labels, spec.selector);
}

/** Whether a workload has all labels of a selector. One that names none selects all. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: WorkloadPolicySpec["selector"],
): boolean {
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

type WorkloadTarget = NonNullable<WorkloadPolicySpec["targetRefs"]>[number];

/** Targets that are no Service, or none that there is, are findings on the policy; but for those that are somebody else's. */
export function reportWorkloadTargets(
  policy: WorkloadPolicy,
  services: ReadonlySet<string>,
  findings: Findings,
  isOthers: (target: WorkloadTarget) => boolean = () => false,
): void {
  const what = `${/^[AEIOU]/.test(policy.kind) ? "an" : "a"} ${policy.kind}`;
  for (const [index, ref] of (policy.spec.targetRefs ?? []).entries()) {
    if (isOthers(ref)) continue;
    const { group, kind, name } = ref;
    const place = { object: keyOf(policy), path: `spec.targetRefs[${index}]` };
    const target = qualifiedName({ namespace: policy.metadata.namespace, name });
    if (group !== "" || kind !== "Service") {
      findings.add("field-ignored", place, `${what} has no effect on a ${kind}`);
    } else if (!services.has(target)) {
      findings.add("target-not-found", place, `there is no Service ${target}`);
    }
  }
}
