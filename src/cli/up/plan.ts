/** From mesh.yaml to the instances that will run: programs looked up, ports found, names made. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import type { Prng } from "../../core/prng.ts";
import { failedError } from "../errors.ts";
import { type InstanceSpec, instanceName } from "../run/instance-spec.ts";
import { resolvePorts } from "../run/port-spec.ts";
import { withPropagator } from "../run/propagator.ts";
import type { MeshFile, MeshService, Program } from "./mesh-file.ts";

/** One instance to run. */
export interface PlannedInstance {
  /** How logs and messages call it: the entry's name, with a number when there are replicas. */
  readonly label: string;
  readonly service: MeshService;
  readonly spec: InstanceSpec;
  /** The program of `command` is not installed, so `fallbackCommand` runs. */
  readonly isFallback: boolean;
}

export interface PlanOptions {
  readonly file: MeshFile;
  /** The file's folder, absolute. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prng: Prng;
}

/** Throws `CLI_FAILED` for a program that is not installed and for ports that are in use. */
export async function planInstances(options: PlanOptions): Promise<readonly PlannedInstance[]> {
  const taken = new Set<number>();
  const planned: PlannedInstance[] = [];
  for (const service of options.file.services) {
    const cwd = resolve(options.folder, service.workingDirectory);
    const env = { ...options.env, ...service.env };
    const { command, isFallback } = await chooseCommand(service, cwd, env);
    for (let replica = 1; replica <= service.replicas; replica++) {
      const label = service.replicas === 1 ? service.key : `${service.key}#${replica}`;
      const ports = await resolvePorts(service.ports, taken);
      const spec: InstanceSpec = {
        name: service.isStateful
          ? `${service.key}-${replica - 1}`
          : instanceName(service.service, service.labels["version"], options.prng),
        service: service.service,
        namespace: service.namespace,
        serviceAccount: service.serviceAccount,
        labels: service.labels,
        zone: service.zone,
        address: undefined,
        ports,
        command,
        cwd,
        env: service.propagate === true ? withPropagator(env) : env,
        readiness: service.readiness,
        workers: service.workers,
        workloadApi: service.workloadApi,
      };
      planned.push({ label, service, spec, isFallback });
    }
  }
  return planned;
}

async function chooseCommand(
  service: MeshService,
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly command: Program; readonly isFallback: boolean }> {
  const { command, fallbackCommand } = service;
  if (await isInstalled(command[0], cwd, env)) return { command, isFallback: false };
  if (fallbackCommand !== undefined && (await isInstalled(fallbackCommand[0], cwd, env))) {
    return { command: fallbackCommand, isFallback: true };
  }
  throw failedError(
    `service ${service.key}: the program "${command[0]}" is not installed`,
    command[0].includes("/") ? `it is looked for in ${cwd}` : "it is looked for on PATH",
  );
}

async function isInstalled(
  program: string,
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const candidates = program.includes("/")
    ? [isAbsolute(program) ? program : resolve(cwd, program)]
    : (env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, program));
  for (const candidate of candidates) {
    const isExecutable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) return true;
  }
  return false;
}
