/** The gateways of one mesh.yaml: started beside the services, and the first to go, since all requests come by them. */
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import { failedError } from "../errors.ts";
import { GatewayProcess } from "../gateway/gateway.ts";
import { gatewayLabels } from "../gateway/gateway-spec.ts";
import { type ControlPlaneRef, runFolder } from "../run/control-plane-ref.ts";
import type { Guardian } from "../run/guardian.ts";
import { instanceName, type ProxySpec } from "../run/instance-spec.ts";
import { describeStatus } from "../run/process-group.ts";
import { isWorthShowing } from "../run/sidecar-log.ts";
import type { LogOutput } from "./log-output.ts";
import type { MeshGateway } from "./mesh-file.ts";
import type { Reporter } from "./up-events.ts";

export interface GatewaysOptions {
  readonly gateways: readonly MeshGateway[];
  readonly env: ProxySpec["env"];
  readonly controlPlane: ControlPlaneRef;
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: LogOutput;
  readonly reporter: Reporter;
}

export class Gateways {
  readonly #options: GatewaysOptions;
  readonly #running: readonly { readonly gateway: MeshGateway; readonly process: GatewayProcess }[];
  #isStopping = false;

  constructor(options: GatewaysOptions) {
    this.#options = options;
    this.#running = options.gateways.map((gateway) => ({
      gateway,
      process: this.#create(gateway),
    }));
  }

  /** Resolves when all are ready. Throws what kept the first one from it; then stop them. */
  async start(): Promise<void> {
    await Promise.all(
      this.#running.map(async ({ gateway, process }) => {
        await process.start();
        if (this.#isStopping) return;
        this.#options.reporter.say(`gateway ${gateway.name} is ready on ${gateway.address}`);
      }),
    );
  }

  /** Safe at any time and more than once. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running.map(({ process }) => process.stop()));
  }

  #create({
    name,
    namespace,
    serviceAccount,
    address,
    zone,
    workers,
  }: MeshGateway): GatewayProcess {
    const { env, prng, log, reporter } = this.#options;
    const spec: ProxySpec = {
      name: instanceName(name, undefined, prng),
      gateway: name,
      service: name,
      labels: gatewayLabels(name),
      ports: [],
      ...{ namespace, serviceAccount, address, zone, workers, env },
    };
    const folder = runFolder(this.#options.controlPlane, spec.name);
    if (folder === undefined) throw failedError("this needs a control plane on this machine");
    return new GatewayProcess({
      ...this.#options,
      ...{ spec, folder, joinFiles: undefined },
      onLine: (line, kind) => {
        if (kind === "access-log" || isWorthShowing(line)) log.line(name, `gateway: ${line}`);
      },
      onEnded: (status) =>
        reporter.say(`gateway ${name} ${describeStatus(status)}; starts again`, "important"),
    });
  }
}
