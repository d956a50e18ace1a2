/**
 * PeerAuthentications resolved: what each port of a workload takes from its callers, and who says so. Workload before
 * namespace before mesh; of several of a kind the oldest holds, and the others are told.
 */
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import {
  type MtlsMode,
  mtlsModeOf,
  type PeerAuthentication,
} from "../resource/kinds/peer-authentication.ts";
import { formatKey, keyOf } from "../resource/object.ts";
import type { Findings } from "./findings.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { compareText, qualifiedName } from "./names.ts";
import { compareAge } from "./object-order.ts";
import { hasLabels } from "./workload-policy.ts";

/** What a port takes from its callers. */
export interface PortMtls {
  readonly mode: MtlsMode;
  /** `PeerAuthentication default/catalog`, or "the mesh's default". */
  readonly origin: string;
  /** The object to change: the one that says it, or the one to make. */
  readonly object: string;
}

/** A workload, as far as policies choose it. */
export interface PeerWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface PeerAuthenticationIndex {
  /** `appPort` is where the app listens. */
  modeOf(workload: PeerWorkload, appPort: number): PortMtls;
}

/** As long as nobody says anything. */
const DEFAULT_MODE: MtlsMode = "STRICT";
const DEFAULT_ORIGIN = "the mesh's default";

export function resolvePeerAuthentication(
  snapshot: Pick<MeshSnapshot, "meshConfig" | "peerAuthentications" | "instances">,
  findings: Findings,
): PeerAuthenticationIndex {
  const { rootNamespace } = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  const policies = (snapshot.peerAuthentications ?? []).toSorted(compareAge);
  const withSelector = policies.filter(hasSelector);
  const wide = new Map<string, PeerAuthentication>();
  for (const policy of policies) {
    if (hasSelector(policy)) continue;
    const { namespace } = policy.metadata;
    const older = wide.get(namespace);
    if (older === undefined) wide.set(namespace, policy);
    else reportConflict(policy, older, `namespace ${namespace}`, findings);
  }
  reportSelected(withSelector, snapshot, findings);
  return {
    modeOf: ({ namespace, labels }, appPort) => {
      const own = withSelector.find(
        (policy) =>
          policy.metadata.namespace === namespace && hasLabels(labels, policy.spec.selector),
      );
      return (
        (own && saying(own, mtlsModeOf(own.spec.portLevelMtls?.[String(appPort)]?.mode))) ??
        (own && saying(own, mtlsModeOf(own.spec.mtls?.mode))) ??
        saidByNamespace(wide.get(namespace)) ??
        saidByNamespace(wide.get(rootNamespace)) ?? {
          mode: DEFAULT_MODE,
          origin: DEFAULT_ORIGIN,
          object: `a new PeerAuthentication in namespace ${namespace}`,
        }
      );
    },
  };
}

function saidByNamespace(policy: PeerAuthentication | undefined): PortMtls | undefined {
  return policy && saying(policy, mtlsModeOf(policy.spec.mtls?.mode));
}

function saying(policy: PeerAuthentication, mode: MtlsMode | undefined): PortMtls | undefined {
  if (mode === undefined) return undefined;
  const origin = formatKey(keyOf(policy));
  return { mode, origin, object: origin };
}

function hasSelector({ spec }: PeerAuthentication): boolean {
  return Object.keys(spec.selector?.matchLabels ?? {}).length > 0;
}

/** A policy that chooses only workloads which an older one has already is told. */
function reportSelected(
  policies: readonly PeerAuthentication[],
  { instances }: Pick<MeshSnapshot, "instances">,
  findings: Findings,
): void {
  const ordered = instances.toSorted((a, b) => compareText(qualifiedName(a), qualifiedName(b)));
  for (const [index, policy] of policies.entries()) {
    const chosen = ordered.filter(
      ({ namespace, labels }) =>
        namespace === policy.metadata.namespace && hasLabels(labels, policy.spec.selector),
    );
    for (const { namespace, name, labels } of chosen) {
      const older = policies
        .slice(0, index)
        .find(
          (other) =>
            other.metadata.namespace === namespace && hasLabels(labels, other.spec.selector),
        );
      if (older === undefined) continue;
      reportConflict(policy, older, `instance ${namespace}/${name}`, findings);
      break;
    }
  }
}

function reportConflict(
  policy: PeerAuthentication,
  older: PeerAuthentication,
  what: string,
  findings: Findings,
): void {
  const place = { object: keyOf(policy), path: "spec.selector" };
  const name = qualifiedName(older.metadata);
  findings.add("policy-conflict", place, `${what} has an older PeerAuthentication, ${name}`);
}
