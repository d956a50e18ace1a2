/**
 * The life of one `tulle up`: control plane, resources, instances, and everything in reverse. `tulle demo` is the
 * same with a shop and a summary, so what it adds comes in as hooks.
 */
import { randomInt } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SeededPrng } from "../../core/prng.ts";
import type { CliContext } from "../context.ts";
import { tulleHome } from "../find-control-plane.ts";
import { findingLines } from "../findings.ts";
import type { ControlPlaneRef } from "../run/control-plane-ref.ts";
import { type Guardian, startGuardian } from "../run/guardian.ts";
import type { InstanceEvent } from "../run/instance.ts";
import { describeStatus, type ExitStatus } from "../run/process-group.ts";
import { Application } from "./application.ts";
import { applyResources } from "./apply-resources.ts";
import { dashboardUrlOf, findRunning, startControlPlane } from "./control-plane-process.ts";
import { Gateways } from "./gateways.ts";
import { LogOutput } from "./log-output.ts";
import type { MeshFile } from "./mesh-file.ts";
import { type PlannedInstance, planInstances } from "./plan.ts";
import { createReporter, OWN_NAME, type Reporter, seconds } from "./up-events.ts";
import { listenForDown } from "./up-socket.ts";

export interface ApplicationRequest {
  readonly file: MeshFile;
  /** Of the file and its folder, absolute. */
  readonly path: string;
  readonly folder: string;
  readonly hooks?: ApplicationHooks;
}

/** What somebody else wants to know or do at certain moments. */
export interface ApplicationHooks {
  /** Every instance serves. `stop` ends the application as Ctrl-C would. */
  onReady(running: RunningApplication): void;
  onEvent(planned: PlannedInstance, event: InstanceEvent): void;
  /** It died, and is started again. */
  onControlPlaneEnded(status: ExitStatus): void;
  /** An app has ended for good; its sidecar still answers at `address`. */
  onAppStopped(planned: PlannedInstance, address: string): Promise<void>;
  /** Leave out the lines of the apps. */
  readonly isQuietAboutApps: boolean;
}

export interface RunningApplication {
  readonly planned: readonly PlannedInstance[];
  readonly controlPlane: ControlPlaneRef;
  readonly stateFolder: string;
  readonly tookMs: number;
  addressOf(planned: PlannedInstance): string | undefined;
  stop(): void;
}

export interface ApplicationResult {
  /** An app ended with a failure and was not started again. */
  readonly hasFailed: boolean;
}

/** Runs until Ctrl-C, SIGTERM, `tulle down`, or until every app has ended. Throws what kept it from starting. */
export async function runApplication(
  context: CliContext,
  request: ApplicationRequest,
): Promise<ApplicationResult> {
  const stateFolder = join(tulleHome(context.env), request.file.mesh);
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const stopRequest = new AbortController();
  const stop = (): void => stopRequest.abort();
  const socket = await listenForDown(stateFolder, request.path, stop);
  const guardian = startGuardian();
  context.signal.addEventListener("abort", stop, { once: true });
  if (context.signal.aborted) stop();
  try {
    const life = new ApplicationLife(context, request, { stateFolder, guardian, stopRequest });
    return await life.run();
  } finally {
    guardian.close();
    await socket.close();
  }
}

interface Surroundings {
  readonly stateFolder: string;
  readonly guardian: Guardian;
  readonly stopRequest: AbortController;
}

class ApplicationLife {
  readonly #context: CliContext;
  readonly #request: ApplicationRequest;
  readonly #around: Surroundings;
  readonly #startMs: number;
  readonly #prng = new SeededPrng(randomInt(2 ** 31));
  #hasFailed = false;

  constructor(context: CliContext, request: ApplicationRequest, around: Surroundings) {
    this.#context = context;
    this.#request = request;
    this.#around = around;
    this.#startMs = context.clock.monotonicMs();
  }

  async run(): Promise<ApplicationResult> {
    const { file, folder } = this.#request;
    const { env, stdout } = this.#context;
    const planned = await planInstances({ file, folder, env, prng: this.#prng });
    const gateways = file.gateways.map(({ name }) => name);
    const log = new LogOutput(stdout, [
      ...planned.map(({ label }) => label),
      ...gateways,
      OWN_NAME,
    ]);
    const reporter = createReporter(this.#context, log);
    for (const { label, service, spec, isFallback } of planned) {
      if (!isFallback) continue;
      reporter.say(
        `${label}: ${service.command[0]} is not installed; running ${spec.command[0]} instead`,
        "important",
      );
    }
    const controlPlane = await this.#controlPlane(reporter);
    try {
      await this.#apply(reporter, controlPlane.ref);
      await this.#runInstances({ planned, log, reporter, controlPlane: controlPlane.ref });
    } finally {
      await controlPlane.stop();
    }
    return { hasFailed: this.#hasFailed };
  }

  /** The one that runs, which is not ours to stop, or a new one. */
  async #controlPlane(
    reporter: Reporter,
  ): Promise<{ readonly ref: ControlPlaneRef; stop(): Promise<void> }> {
    const { stateFolder, guardian } = this.#around;
    const { clock, env } = this.#context;
    const { mesh } = this.#request.file;
    const running = await findRunning(stateFolder);
    if (running !== undefined) {
      reporter.say(`using the control plane of mesh ${mesh} that runs already`);
      return { ref: running, stop: () => Promise.resolve() };
    }
    const owned = await startControlPlane({
      mesh,
      stateFolder,
      env,
      guardian,
      clock,
      prng: this.#prng,
      onEnded: (status) => {
        this.#request.hooks?.onControlPlaneEnded(status);
        reporter.say(`the control plane ${describeStatus(status)}; starts again`, "important");
      },
    });
    reporter.say(`control plane of mesh ${mesh} is ready after ${this.#elapsed()}`);
    return owned;
  }

  async #apply(reporter: Reporter, { admin }: ControlPlaneRef): Promise<void> {
    const { response, createdServices } = await applyResources(this.#context, admin, this.#request);
    if (response !== undefined) {
      reporter.say(`applied ${response.objects.length} resources (revision ${response.revision})`);
      this.#context.stderr.write(findingLines(response.findings, this.#context.stderr.style));
    }
    for (const name of createdServices) {
      reporter.say(`created a Service ${name}: nobody had described one`);
    }
  }

  async #runInstances(parts: {
    readonly planned: readonly PlannedInstance[];
    readonly log: LogOutput;
    readonly reporter: Reporter;
    readonly controlPlane: ControlPlaneRef;
  }): Promise<void> {
    const { planned, log, reporter, controlPlane } = parts;
    const { hooks } = this.#request;
    const { clock } = this.#context;
    const application = new Application({
      planned,
      controlPlane,
      guardian: this.#around.guardian,
      clock,
      prng: this.#prng,
      onEvent: (instance, event) => {
        this.#judge(event);
        reporter.event(instance, event);
        hooks?.onEvent(instance, event);
      },
      onOutput: (instance, line) => {
        if (hooks?.isQuietAboutApps !== true) log.line(instance.label, line);
      },
      onAppStopped: async (instance, address) => {
        await hooks?.onAppStopped(instance, address);
      },
    });
    const gateways = new Gateways({
      gateways: this.#request.file.gateways,
      env: this.#context.env,
      ...{ controlPlane, guardian: this.#around.guardian, clock, prng: this.#prng, log, reporter },
    });
    const stopped = this.#whenAsked(reporter, {
      stop: async () => {
        await gateways.stop();
        await application.stop();
      },
    });
    try {
      await Promise.all([application.start(), gateways.start()]);
      if (!this.#around.stopRequest.signal.aborted) {
        reporter.say(`everything is ready after ${this.#elapsed()}`);
        const dashboard = await dashboardUrlOf(this.#around.stateFolder);
        // The demo has a place of its own for it.
        if (dashboard !== undefined && hooks === undefined)
          reporter.say(`the dashboard is at ${dashboard}`);
        hooks?.onReady({
          planned,
          controlPlane,
          stateFolder: this.#around.stateFolder,
          tookMs: clock.monotonicMs() - this.#startMs,
          addressOf: (instance) => application.addressOf(instance),
          stop: () => this.#around.stopRequest.abort(),
        });
      }
      await Promise.race([application.finished(), stopped]);
    } finally {
      await gateways.stop();
      await application.stop();
    }
  }

  /** Settles when somebody has asked for the end and it has come. */
  #whenAsked(reporter: Reporter, all: { stop(): Promise<void> }): Promise<void> {
    const { signal } = this.#around.stopRequest;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        reporter.say("stopping; Ctrl-C again stops it at once");
        all.stop().then(resolve, reject);
      };
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
  }

  #judge(event: InstanceEvent): void {
    if (event.kind !== "app-ended" || event.next.kind === "restart") return;
    if (event.status.kind !== "exited" || event.status.code !== 0) this.#hasFailed = true;
  }

  #elapsed(): string {
    return seconds(this.#context.clock.monotonicMs() - this.#startMs);
  }
}
