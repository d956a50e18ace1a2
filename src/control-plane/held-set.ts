/** Sets of instances that callers keep although all are lost: which Services are watched, and what is said of them. */
import { isSelected } from "../translate/mesh-index.ts";
import type { Finding } from "../translate/translation.ts";
import type { GuardedService, HeldSet } from "./empty-set-guard.ts";
import type { ObjectCache } from "./object-cache.ts";

export function guardedServices(objects: ObjectCache): readonly GuardedService[] {
  return objects.list("Service").map(({ metadata, spec }) => ({
    name: `${metadata.namespace}/${metadata.name}`,
    selects: ({ description }) =>
      description.namespace === metadata.namespace && isSelected(description.labels, spec.selector),
  }));
}

/** The alarm. */
export function heldFinding({ service, instances, untilMs }: HeldSet): Finding {
  const [namespace = "", name = ""] = service.split("/");
  const until = new Date(untilMs).toISOString();
  return {
    code: "endpoints-held",
    severity: "warning",
    object: { kind: "Service", namespace, name },
    path: "",
    message: `all ${instances.length} instances were lost at once and none said goodbye; callers keep them until ${until}, or one comes back. If they were stopped on purpose, \`tulle drain\` them first, or delete the Service`,
  };
}
