/** Which policy of a kind holds for an object: of several the oldest, as a whole, then the first by name. */
import { keyOf, type MeshObject } from "../resource/object.ts";
import type { Findings } from "./findings.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { qualifiedName } from "./names.ts";
import { compareAge } from "./object-order.ts";

/** What `spec.targetRefs` of every policy looks like. */
export interface PolicyTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

type TargetingPolicy = MeshObject<string, { readonly targetRefs: readonly PolicyTarget[] }, object>;

/** A kind of object that policies may be attached to. */
export type TargetKind = "Gateway" | "Service" | "ExternalService" | "HTTPRoute" | "GRPCRoute";

const GROUP: Readonly<Record<TargetKind, string>> = {
  Gateway: "gateway.networking.k8s.io",
  Service: "",
  ExternalService: "mesh.tulle.dev",
  HTTPRoute: "gateway.networking.k8s.io",
  GRPCRoute: "gateway.networking.k8s.io",
};

/** The policies of one kind by what they hold for. */
export class PolicyTargets<P> {
  readonly #byTarget: ReadonlyMap<string, P>;

  constructor(byTarget: ReadonlyMap<string, P>) {
    this.#byTarget = byTarget;
  }

  /** `object` is a name as `qualifiedName` gives it: `default/catalog`. */
  of(kind: TargetKind, object: string): P | undefined {
    return this.#byTarget.get(`${kind}/${object}`);
  }

  get isEmpty(): boolean {
    return this.#byTarget.size === 0;
  }
}

/** Resolves the policies of one kind once. What cannot hold is a finding on its object. */
export function resolvePolicyTargets<P extends TargetingPolicy>(
  policies: readonly P[],
  kinds: readonly TargetKind[],
  snapshot: MeshSnapshot,
  findings: Findings,
): PolicyTargets<P> {
  const known = new Set(kinds.flatMap((kind) => objectsOf(kind, snapshot)));
  const byTarget = new Map<string, P>();
  for (const policy of policies.toSorted(compareAge)) {
    for (const [index, { group, kind, name }] of policy.spec.targetRefs.entries()) {
      const place = { object: keyOf(policy), path: `spec.targetRefs[${index}]` };
      const object = qualifiedName({ namespace: policy.metadata.namespace, name });
      const target = `${kind}/${object}`;
      const holder = byTarget.get(target);
      if (!kinds.some((allowed) => allowed === kind && GROUP[allowed] === group)) {
        findings.add("field-ignored", place, `a policy has no effect on a ${kind}`);
      } else if (!known.has(target)) {
        findings.add("target-not-found", place, `there is no ${kind} ${object}`);
      } else if (holder !== undefined && holder !== policy) {
        const older = qualifiedName(holder.metadata);
        const message = `${kind} ${object} follows ${policy.kind} ${older}`;
        findings.add("policy-conflict", place, message);
      } else {
        byTarget.set(target, policy);
      }
    }
  }
  return new PolicyTargets(byTarget);
}

function objectsOf(kind: TargetKind, snapshot: MeshSnapshot): readonly string[] {
  const name = (object: {
    readonly metadata: { readonly namespace: string; readonly name: string };
  }) => `${kind}/${qualifiedName(object.metadata)}`;
  switch (kind) {
    case "Gateway":
      return (snapshot.gateways ?? []).map(name);
    case "Service":
      return snapshot.services.map(({ resource }) => name(resource));
    case "ExternalService":
      return snapshot.externalServices.map(({ resource }) => name(resource));
    case "HTTPRoute":
      return snapshot.httpRoutes.map(name);
    case "GRPCRoute":
      return snapshot.grpcRoutes.map(name);
  }
}
