/** Which Service or ExternalService an extension provider names, and the cluster that every sidecar reaches it by. */
import { namedHost } from "../../resource/kinds/external-service.ts";
import { defaultMeshConfigSpec } from "../../resource/kinds/mesh-config.ts";
import { effectiveProtocol, mayBeHttp } from "../../resource/port-protocol.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { outboundName, qualifiedName, serviceHost } from "../names.ts";

/** Where a provider is asked. */
export interface ProviderService {
  readonly cluster: string;
  /** Its host, which gRPC servers are asked as. */
  readonly host: string;
  /** `default/authz`. */
  readonly key: string;
}

/** What of a mesh bears on its providers. */
export type ProviderMesh = Pick<
  MeshSnapshot,
  "meshConfig" | "services" | "externalServices" | "trustDomain"
>;

/** `authz.default.svc` and what may follow. */
const SERVICE_HOST = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/;

/** The service, or what is wrong with the reference. */
export function resolveProviderService(
  text: string,
  port: number,
  snapshot: ProviderMesh,
): ProviderService | string {
  const key = keyIn(text, snapshot);
  const found =
    snapshot.services.find(({ resource }) => qualifiedName(resource.metadata) === key) ??
    snapshot.externalServices.find(({ resource }) => qualifiedName(resource.metadata) === key);
  if (found === undefined) return `there is no Service or ExternalService ${text}`;
  const { resource } = found;
  const { opaquePorts } = (snapshot.meshConfig?.spec ?? defaultMeshConfigSpec()).protocolDetection;
  const own = resource.spec.ports.find((candidate) => candidate.port === port);
  const isHttp = own !== undefined && mayBeHttp(effectiveProtocol(own, opaquePorts).protocol);
  if (!isHttp) return `${resource.kind} ${key} has no HTTP port ${port}`;
  const host = serviceHost(resource.metadata, snapshot.trustDomain);
  const isExternal = resource.kind === "ExternalService";
  return {
    cluster: outboundName(host, port),
    host: isExternal ? (namedHost(resource.spec) ?? host) : host,
    key,
  };
}

function keyIn(text: string, { externalServices }: ProviderMesh): string {
  const slash = text.indexOf("/");
  const namespace = text.slice(0, Math.max(0, slash));
  const host = text.slice(slash + 1);
  const parts = SERVICE_HOST.exec(host);
  if (parts !== null) return `${parts[2]}/${parts[1]}`;
  const external = externalServices.find(
    ({ resource: { metadata, spec } }) =>
      spec.hosts.includes(host) && (namespace === "" || metadata.namespace === namespace),
  );
  return external === undefined ? text : qualifiedName(external.resource.metadata);
}
