/** Metrics that are looked up in the mesh's state when somebody reads them. */
import { ROLLOUT_PHASES } from "../resource/kinds/rollout-status.ts";
import { LEASE_STATES } from "./instance.ts";
import type { MeshState } from "./mesh-state.ts";
import type { ControlPlaneMetrics } from "./metrics.ts";

/** Brings the looked-up values up to date. */
export function collectMeshMetrics(
  metrics: ControlPlaneMetrics,
  mesh: Pick<MeshState, "objects" | "registry" | "proxies" | "reconciler"> & {
    readonly revision: number;
    readonly authorityNotAfterMs: number;
    readonly certificateNotAfterMs: number;
  },
): void {
  metrics.connectedProxies.set(mesh.proxies.connected().length);
  metrics.services.set(mesh.objects.list("Service").length);
  metrics.revision.set(mesh.revision);
  metrics.translatedRevision.set(mesh.reconciler.translatedRevision);
  metrics.authorityNotAfterSeconds.set(mesh.authorityNotAfterMs / 1000);
  metrics.certificateNotAfterSeconds.set(mesh.certificateNotAfterMs / 1000);
  const instances = mesh.registry.list();
  for (const state of LEASE_STATES) {
    const count = instances.filter((instance) => instance.state === state).length;
    metrics.instances.with({ state }).set(count);
  }
  const rollouts = mesh.objects.list("Rollout");
  for (const phase of ROLLOUT_PHASES) {
    const count = rollouts.filter(({ status }) => status?.rollout?.phase === phase).length;
    metrics.rollouts.with({ phase }).set(count);
  }
  const { findings } = mesh.reconciler.report;
  for (const severity of ["error", "warning", "info"] as const) {
    const count = findings.filter((finding) => finding.severity === severity).length;
    metrics.findings.with({ severity }).set(count);
  }
}
