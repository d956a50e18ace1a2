/** Looks at Services and their instances: does a port lead anywhere, and is its protocol known. */
import type { Service } from "../kinds/service.ts";
import { targetPortOf } from "../kinds/service.ts";
import type { Workload } from "../kinds/workload.ts";
import { keyOf } from "../object.ts";
import { unknownAppProtocol } from "../port-protocol.ts";
import type { CheckFinding } from "./check-finding.ts";

/** A Service that selects nothing is none of this: its instances may not have started yet. */
export function checkTargetPorts(
  services: readonly Service[],
  workloads: readonly Workload[],
): readonly CheckFinding[] {
  const byLabel = indexByLabel(workloads);
  return services.flatMap((service) => {
    const selected = selectedBy(service, byLabel);
    if (selected.length === 0) return [];
    return service.spec.ports.flatMap((port, index): CheckFinding[] => {
      if (port.protocol !== "TCP") return [];
      const wanted = targetPortOf(port);
      const exists = selected.some(({ spec }) =>
        spec.ports.some((candidate) => candidate.port === wanted || candidate.name === wanted),
      );
      if (exists) return [];
      const known = selected.flatMap(({ spec }) => spec.ports.map(describePort));
      return [
        {
          code: "target-port-not-found",
          severity: "error",
          object: keyOf(service),
          path: `spec.ports[${index}]`,
          message: `leads to port ${wanted}; its ${selected.length} instances have ${[...new Set(known)].sort().join(", ")}`,
        },
      ];
    });
  });
}

/** A word that the mesh does not know is no error: another implementation may. */
export function checkAppProtocols(services: readonly Service[]): readonly CheckFinding[] {
  return services.flatMap((service) =>
    service.spec.ports.flatMap(({ appProtocol, protocol }, index): CheckFinding[] => {
      if (appProtocol === undefined || protocol !== "TCP") return [];
      const unknown = unknownAppProtocol(appProtocol);
      if (unknown === null) return [];
      const hint = unknown.nearest === undefined ? "" : `; did you mean ${unknown.nearest}?`;
      return [
        {
          code: "protocol-unknown",
          severity: "warning",
          object: keyOf(service),
          path: `spec.ports[${index}].appProtocol`,
          message: `${appProtocol} is no protocol that the mesh knows; the first bytes of each connection tell it${hint}`,
        },
      ];
    }),
  );
}

type ByLabel = ReadonlyMap<string, readonly Workload[]>;

/** Workloads of a namespace by each of their labels, so that a selector looks at few of them. */
function indexByLabel(workloads: readonly Workload[]): ByLabel {
  const byLabel = new Map<string, Workload[]>();
  for (const workload of workloads) {
    const { namespace, labels } = workload.metadata;
    for (const [label, value] of Object.entries(labels)) {
      const key = [namespace, label, value].join("\n");
      const list = byLabel.get(key);
      if (list === undefined) byLabel.set(key, [workload]);
      else list.push(workload);
    }
  }
  return byLabel;
}

/** An empty selector selects nothing, as in Kubernetes. */
function selectedBy(service: Service, byLabel: ByLabel): readonly Workload[] {
  const wanted = Object.entries(service.spec.selector ?? {});
  const [shortest = []] = wanted
    .map(
      ([label, value]) => byLabel.get([service.metadata.namespace, label, value].join("\n")) ?? [],
    )
    .sort((a, b) => a.length - b.length);
  return shortest.filter(({ metadata }) =>
    wanted.every(([label, value]) => metadata.labels[label] === value),
  );
}

function describePort(port: { readonly name?: string | undefined; readonly port: number }): string {
  return port.name === undefined ? String(port.port) : `${port.port} (${port.name})`;
}
