/** Who calls, as far as rules for some callers only look: fixed when a sidecar connects, by its certificate and labels. */
import type { CallerSource } from "../resource/kinds/caller-source.ts";
import type { ProxyScope } from "./mesh-snapshot.ts";

export type Caller = Pick<ProxyScope, "namespace" | "serviceAccount" | "labels">;

export function isFrom(
  { namespaces, workloadLabels, serviceAccounts }: CallerSource,
  caller: Caller,
): boolean {
  return (
    (namespaces?.includes(caller.namespace) ?? true) &&
    (serviceAccounts?.includes(caller.serviceAccount) ?? true) &&
    Object.entries(workloadLabels ?? {}).every(([label, value]) => caller.labels[label] === value)
  );
}
