/** Who an instance is in metrics, after Istio's canonical service: `workload;namespace;service;revision;cluster`. */
import type { MeshInstance } from "./mesh-snapshot.ts";

/** Labels that name the canonical service, the first present one counting. Istio's order. */
const SERVICE_LABELS = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
/** Labels that name the revision of it. */
const REVISION_LABELS = [
  "service.istio.io/canonical-revision",
  "app.kubernetes.io/version",
  "version",
];
/** What Istio says when no label names a revision. */
const NO_REVISION = "latest";

type Named = Pick<MeshInstance, "name" | "namespace" | "labels">;

/** The value of `istio.workload` in an endpoint's metadata. The mesh is one cluster, whose name is empty. */
export function workloadIdentity(instance: Named): string {
  const service = labelOf(instance, SERVICE_LABELS) ?? instance.name;
  const revision = labelOf(instance, REVISION_LABELS) ?? NO_REVISION;
  return [workloadName(instance), instance.namespace, service, revision, ""].join(";");
}

/**
 * The workload of an instance is what its replicas have in common (`catalog-v1`), as a Deployment is on
 * Kubernetes: a label per instance would cost a time series per instance.
 */
function workloadName(instance: Named): string {
  const service = labelOf(instance, SERVICE_LABELS);
  const revision = labelOf(instance, REVISION_LABELS);
  if (service === undefined) return instance.name;
  return revision === undefined ? service : `${service}-${revision}`;
}

function labelOf(instance: Named, names: readonly string[]): string | undefined {
  return names.map((name) => instance.labels[name]).find((value) => value !== undefined);
}
