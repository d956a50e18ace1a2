/** What `tulle check` says of authorization: who lets everybody in, policies for nobody, and policies that others make idle. Pure. */
import { type AuthorizationPolicy, isDryRun } from "../../resource/kinds/authorization-policy.ts";
import { isSelected } from "../../translate/mesh-index.ts";
import type { MeshSnapshot } from "../../translate/mesh-snapshot.ts";
import { compareText, qualifiedName } from "../../translate/names.ts";
import type { Finding } from "../api-types.ts";
import { type PolicyReach, policyReach } from "./policy-reach.ts";

/** Services that a finding names. */
const NAMES_MAX = 10;

export function authorizationFindings(snapshot: MeshSnapshot): readonly Finding[] {
  const reach = policyReach(snapshot);
  return [
    ...openServices(snapshot, reach),
    ...policiesForNobody(snapshot),
    ...idlePolicies(snapshot, reach),
  ];
}

function openServices(snapshot: MeshSnapshot, reach: PolicyReach): readonly Finding[] {
  const isClosed = snapshot.meshConfig?.spec.authorization.defaultAction === "Deny";
  const open = snapshot.services
    .filter((service) => reach.instancesOf(service).length > 0)
    .filter((service) => {
      const policies = reach.policiesOf(service);
      // What CUSTOM policies say is for their providers to know.
      if (policies.some(({ spec }) => spec.action === "CUSTOM")) return false;
      if (policies.some(matchesAll("DENY"))) return false;
      const allowing = policies.filter(({ spec }) => spec.action === "ALLOW");
      return allowing.length === 0 ? !isClosed : allowing.some(matchesAll("ALLOW"));
    })
    .map(({ resource }) => qualifiedName(resource.metadata))
    .toSorted(compareText);
  if (open.length === 0) return [];
  const more = open.length - NAMES_MAX;
  const names = `${open.slice(0, NAMES_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return [
    {
      severity: "info",
      code: "service-open-to-all",
      message: `${open.length === 1 ? "a service lets" : `${open.length} services let`} every caller in: ${names}`,
      hint: "`tulle authz suggest` writes policies from the traffic that was seen",
    },
  ];
}

function policiesForNobody(snapshot: MeshSnapshot): readonly Finding[] {
  const root = snapshot.meshConfig?.spec.rootNamespace ?? "tulle-system";
  return (snapshot.authorizationPolicies ?? []).flatMap((policy): readonly Finding[] => {
    const labels = policy.spec.selector?.matchLabels ?? {};
    const { namespace } = policy.metadata;
    const isFor = snapshot.instances.some(
      (one) =>
        (namespace === root || one.namespace === namespace) && isSelected(one.labels, labels),
    );
    if (Object.keys(labels).length === 0 || isFor) return [];
    const text = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    return [
      {
        severity: "warning",
        code: "policy-selects-nothing",
        message: `AuthorizationPolicy ${qualifiedName(policy.metadata)} is for no workload: none has the labels ${text.join(",")}`,
        object: keyOf(policy),
        path: "spec.selector.matchLabels",
        hint: "correct the labels, or start such a workload",
      },
    ];
  });
}

/** ALLOW policies that change nothing, wherever they hold: another one lets everything in there, or denies everything. */
function idlePolicies(snapshot: MeshSnapshot, reach: PolicyReach): readonly Finding[] {
  const held = snapshot.services.map((service) => reach.policiesOf(service));
  return (snapshot.authorizationPolicies ?? []).flatMap((policy): readonly Finding[] => {
    if (policy.spec.action !== "ALLOW" || isDryRun(policy)) return [];
    const places = held.filter((policies) => policies.includes(policy));
    const makers = places.map((policies) => policies.find((other) => makesIdle(other, policy)));
    const [maker] = makers;
    if (maker === undefined || makers.includes(undefined)) return [];
    const does = maker.spec.action === "DENY" ? "denies everything" : "lets everything in";
    return [
      {
        severity: "warning",
        code: "policy-shadowed",
        message: `AuthorizationPolicy ${qualifiedName(policy.metadata)} changes nothing: ${qualifiedName(maker.metadata)} ${does}`,
        object: keyOf(policy),
        hint: "remove one of the two",
      },
    ];
  });
}

/** Of two that let everything in, neither is told to be the idle one by the other alone: the later by name is. */
function makesIdle(other: AuthorizationPolicy, policy: AuthorizationPolicy): boolean {
  if (other === policy) return false;
  // One for Services leaves workloads that are behind none to the policy beside it.
  if (other.spec.targetRefs !== undefined && policy.spec.targetRefs === undefined) return false;
  if (matchesAll("DENY")(other)) return true;
  if (!isWhole(other)) return false;
  const isLater = qualifiedName(policy.metadata) > qualifiedName(other.metadata);
  return !isWhole(policy) || isLater;
}

/** For everybody and everything at all ports of its workloads. */
function isWhole(policy: AuthorizationPolicy): boolean {
  return matchesAll("ALLOW")(policy);
}

function matchesAll(action: "ALLOW" | "DENY") {
  return (policy: AuthorizationPolicy): boolean =>
    policy.spec.action === action &&
    // One for some of a Service's instances may leave others to the policy beside it.
    Object.keys(policy.spec.selector?.matchLabels ?? {}).length === 0 &&
    (policy.spec.rules ?? []).some(
      ({ from, to, when }) => from === undefined && to === undefined && when === undefined,
    );
}

function keyOf({ kind, metadata }: AuthorizationPolicy) {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}
