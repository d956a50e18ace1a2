/** The two ends of a request or connection as Istio's labels, in the order of its golden files. */
import type { ServiceLabels, WorkloadLabels } from "./request-metrics.ts";

export interface ReportedEnds {
  readonly reporter: "source" | "destination";
  readonly source: WorkloadLabels;
  readonly destination: WorkloadLabels;
  readonly service: ServiceLabels;
}

export function endLabels(ends: ReportedEnds): Record<string, string> {
  const { source, destination, service } = ends;
  return {
    reporter: ends.reporter,
    source_workload: source.workload,
    source_canonical_service: source.canonicalService,
    source_canonical_revision: source.canonicalRevision,
    source_workload_namespace: source.namespace,
    source_principal: source.principal,
    source_app: source.app,
    source_version: source.version,
    source_cluster: source.cluster,
    destination_workload: destination.workload,
    destination_workload_namespace: destination.namespace,
    destination_principal: destination.principal,
    destination_app: destination.app,
    destination_version: destination.version,
    destination_service: service.host,
    destination_canonical_service: destination.canonicalService,
    destination_canonical_revision: destination.canonicalRevision,
    destination_service_name: service.name,
    destination_service_namespace: service.namespace,
    destination_cluster: destination.cluster,
  };
}
