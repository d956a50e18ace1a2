/**
 * How an app finds the mesh without knowing of it: for each Service the variables that Kubernetes sets, with
 * the loopback address of the sidecar's listener, and a names file in the form of hosts(5). Both are fixed
 * when the app starts; a Service that is added later has a listener at once but no variable before a restart.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceView } from "../../control-plane/api-types.ts";
import type { InstanceSpec } from "./instance-spec.ts";
import { type LoopbackBlock, SIDECAR_ADMIN_PORT } from "./loopback-block.ts";
import { APP_HOST } from "./port-spec.ts";

export interface EnvironmentInput {
  readonly spec: InstanceSpec;
  readonly block: LoopbackBlock;
  readonly mesh: string;
  readonly services: readonly ServiceView[];
  /** Where the sidecar answers name queries; undefined when it does not. */
  readonly dnsPort?: number | undefined;
  /** The socket of the SPIFFE Workload API; undefined where it is not served. */
  readonly workloadApi?: string | undefined;
  /** Path of the file that {@link writeNamesFile} wrote. */
  readonly namesFile: string;
}

/** The app's whole environment: its own, then the mesh's. `undefined` values are left out. */
export function appEnvironment(input: EnvironmentInput): Record<string, string> {
  const { spec, block } = input;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec.env)) {
    if (value !== undefined) env[name] = value;
  }
  for (const service of input.services) Object.assign(env, serviceVariables(service, input));
  for (const port of spec.ports) env[`PORT_${variableName(port.name)}`] = String(port.port);
  const [first] = spec.ports;
  if (first !== undefined) {
    env["PORT"] = String(first.port);
    env["HOST"] = APP_HOST;
  }
  return {
    ...env,
    TULLE_MESH: input.mesh,
    TULLE_INSTANCE: spec.name,
    TULLE_SERVICE: spec.service,
    TULLE_NAMESPACE: spec.namespace,
    TULLE_SIDECAR_ADMIN: `${block.address}:${SIDECAR_ADMIN_PORT}`,
    TULLE_NAMES_FILE: input.namesFile,
    ...(input.workloadApi === undefined
      ? {}
      : { SPIFFE_ENDPOINT_SOCKET: `unix://${input.workloadApi}` }),
    ...(input.dnsPort === undefined ? {} : { TULLE_DNS: `${block.address}:${input.dnsPort}` }),
  };
}

/**
 * `CATALOG_SERVICE_HOST`, `CATALOG_SERVICE_PORT` (the first port) and `CATALOG_SERVICE_PORT_<NAME>` for each
 * named one, as Kubernetes does. A Service of another namespace has that namespace in front.
 */
function serviceVariables(
  service: ServiceView,
  { spec, block }: EnvironmentInput,
): Record<string, string> {
  const [first] = service.ports;
  if (first === undefined) return {};
  const isNear = service.namespace === spec.namespace;
  const stem = variableName(isNear ? service.name : `${service.namespace}-${service.name}`);
  const variables: Record<string, string> = {
    [`${stem}_SERVICE_HOST`]: block.serviceAddress(service.serviceIndex),
    [`${stem}_SERVICE_PORT`]: String(first.listenPort),
  };
  for (const port of service.ports) {
    if (port.name === "") continue;
    variables[`${stem}_SERVICE_PORT_${variableName(port.name)}`] = String(port.listenPort);
  }
  return variables;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
}

/** Writes `names` into `folder`: one line per Service and per instance that has a name, its address and every name of it. */
export async function writeNamesFile(
  folder: string,
  input: Omit<EnvironmentInput, "namesFile" | "mesh">,
): Promise<string> {
  const lines = input.services.flatMap((service) => {
    const { name, namespace, host, serviceIndex } = service;
    const own = { name, host, serviceIndex };
    const instances = Object.entries(service.instanceIndexes).map(([instance, index]) => ({
      name: `${instance}.${name}`,
      host: `${instance}.${host}`,
      serviceIndex: index,
    }));
    const ports = service.ports.map((port) => port.listenPort).join(" ");
    return [own, ...instances].map((one) => {
      const near = namespace === input.spec.namespace ? [one.name] : [];
      const names = [...near, `${one.name}.${namespace}`, `${one.name}.${namespace}.svc`, one.host];
      return `${input.block.serviceAddress(one.serviceIndex)} ${names.join(" ")} # port ${ports}\n`;
    });
  });
  const file = join(folder, "names");
  await writeFile(file, lines.join(""), { mode: 0o600 });
  return file;
}
