/**
 * Who sends telemetry, and what it may tell: a proxy that has proven an identity tells about itself only. What contradicts
 * its certificate is refused, so that a workload that was taken over cannot put figures into others' mouths.
 */
import { parseSpiffeId, workloadIdentityFromSpiffeId } from "../../identity/spiffe-id.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import { textOf } from "./otlp-values.ts";
import type { Attributes, TelemetryResource } from "./telemetry-record.ts";

/** A peer of the receiver. */
export interface TelemetrySender {
  /** The SPIFFE id that its certificate proved; empty for what came over a socket that proves none. */
  readonly principal: string;
}

export type CheckedResource =
  | { readonly ok: true; readonly resource: TelemetryResource }
  | { readonly ok: false; readonly reason: string };

/** What an SDK, or Envoy, calls a service that nobody named. */
const UNNAMED = /^(unknown_service(:.*)?)?$/;
const NAME_MAX = 253;

/** Reads who it is about, and holds it against who sends it. What is missing is filled in from what is known of the sender. */
export function checkResource(
  attributes: Attributes,
  { principal }: TelemetrySender,
  proxies: Pick<ProxyDirectory, "find">,
): CheckedResource {
  const said = {
    service: textOf(attributes, "service.name").slice(0, NAME_MAX),
    namespace: textOf(attributes, "service.namespace").slice(0, NAME_MAX),
    instance: textOf(attributes, "service.instance.id").slice(0, NAME_MAX),
    version: textOf(attributes, "service.version").slice(0, NAME_MAX),
  };
  const isNamed = !UNNAMED.test(said.service);
  if (principal === "") {
    const service = isNamed ? said.service : "unknown";
    const namespace = said.namespace || "default";
    return { ok: true, resource: { ...said, service, namespace, principal, attributes } };
  }
  const parsed = parseSpiffeId(principal);
  const identity = parsed.ok ? workloadIdentityFromSpiffeId(parsed.id) : undefined;
  if (identity === undefined) return refused(`${principal} is no workload of the mesh`);
  const { namespace, serviceAccount } = identity;
  if (said.namespace !== "" && said.namespace !== namespace) {
    return refused(`service.namespace is "${said.namespace}", the certificate is ${principal}`);
  }
  const node = proxies.find(`${namespace}/${said.instance}`)?.node;
  if (node !== undefined && node.spiffeId !== principal) {
    return refused(
      `service.instance.id "${said.instance}" is ${node.spiffeId}, the certificate is ${principal}`,
    );
  }
  const own = node?.service ?? serviceAccount;
  // Until its stream is there, only the account is known, and a workload's services may be called otherwise.
  const isOther =
    node !== undefined &&
    isNamed &&
    said.service !== own &&
    said.service !== serviceAccount &&
    !Object.values(node.scope.labels).includes(said.service);
  if (isOther) {
    return refused(`service.name is "${said.service}", ${said.instance} is of ${own}`);
  }
  return {
    ok: true,
    resource: {
      service: isNamed ? said.service : own,
      namespace,
      version: said.version || (node?.scope.labels["version"] ?? ""),
      instance: said.instance,
      principal,
      attributes,
    },
  };
}

function refused(reason: string): CheckedResource {
  return { ok: false, reason };
}
