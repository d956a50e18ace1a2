/**
 * One instance of a service: an app with its sidecar, started and stopped in the order that loses no request.
 *
 * ```
 *   claim addresses ─► sidecar ready ─► app starts ─► app answers ─► registry says that it serves
 *   stop: sidecar drains, callers let go ─► app ends ─► sidecar ends ─► addresses are free
 * ```
 */

import type { StdioOptions } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServicesResponse } from "../../control-plane/api-types.ts";
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import { appEnvironment, writeNamesFile } from "./app-environment.ts";
import { waitForApp } from "./app-readiness.ts";
import { type BlockClaim, claimBlock } from "./block-claim.ts";
import type { ControlPlaneRef, JoinFiles } from "./control-plane-ref.ts";
import type { Guardian } from "./guardian.ts";
import type { InstanceSpec } from "./instance-spec.ts";
import { type ExitStatus, type ProcessGroup, startProcess } from "./process-group.ts";
import type { RegistryView } from "./registry-view.ts";
import { type RestartDecision, type RestartPolicy, RestartSchedule } from "./restart-policy.ts";
import { Sidecar } from "./sidecar.ts";
import { Supervisor } from "./supervisor.ts";
import { removeSocketFolder, workloadApiSocket } from "./workload-api-socket.ts";

export type InstanceEvent =
  | { readonly kind: "sidecar-ready"; readonly tookMs: number }
  | { readonly kind: "app-started"; readonly pid: number | undefined }
  /** It answers, and other proxies send it traffic. */
  | { readonly kind: "serving"; readonly tookMs: number }
  | { readonly kind: "app-ended"; readonly status: ExitStatus; readonly next: RestartDecision }
  | { readonly kind: "sidecar-ended"; readonly status: ExitStatus; readonly next: RestartDecision }
  | { readonly kind: "sidecar-log"; readonly line: string }
  /** A line that the sidecar wrote to standard output, as MeshConfig asked for. */
  | { readonly kind: "access-log"; readonly line: string }
  | { readonly kind: "draining" }
  /** It ended because it was told to. */
  | { readonly kind: "app-stopped"; readonly status: ExitStatus };

export interface InstanceOptions {
  readonly spec: InstanceSpec;
  readonly controlPlane: ControlPlaneRef;
  readonly registry: RegistryView;
  /** Holds the instance's files; removed at the end. */
  readonly folder: string;
  readonly joinFiles: JoinFiles | undefined;
  readonly restart: RestartPolicy;
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly appStdio: StdioOptions;
  /** The app has been started, or started again: its output can be read. */
  readonly onAppProcess: (group: ProcessGroup) => void;
  readonly onEvent: (event: InstanceEvent) => void;
  /** The app has ended for good; its sidecar still answers at `address`, and waits for this before it ends. */
  readonly onAppStopped?: (address: string) => Promise<void>;
}

/** How long callers may take to let go before the app is told to end anyway. */
const DRAIN_MS_MAX = 5_000;
/** How long the app may take to end by itself. */
const APP_GRACE_MS = 10_000;
const SIDECAR_GRACE_MS = 5_000;

export class Instance {
  readonly #options: InstanceOptions;
  readonly #app: Supervisor;
  readonly #stopping = new AbortController();
  #claim: BlockClaim | undefined;
  #sidecar: Sidecar | undefined;
  /** Of the mesh, when the app was started last. */
  #known: Pick<ServicesResponse, "services" | "dnsPort"> = { services: [] };
  #isServing = false;
  #prepared: Promise<void> | undefined;
  #started: Promise<void> | undefined;
  #stopped: Promise<ExitStatus> | undefined;

  constructor(options: InstanceOptions) {
    this.#options = options;
    const { clock, prng, restart } = options;
    this.#app = new Supervisor({
      start: () => this.#startApp(),
      schedule: new RestartSchedule({ policy: restart, clock, prng }),
      clock,
      onEnded: (status, next) => options.onEvent({ kind: "app-ended", status, next }),
    });
  }

  /** Settles when the app has ended and is not started again, or after a stop. */
  get finished(): Promise<ExitStatus> {
    return this.#app.finished;
  }

  get spec(): InstanceSpec {
    return this.#options.spec;
  }

  /** Undefined until addresses are claimed. */
  get address(): string | undefined {
    return this.#claim?.block.address;
  }

  /** Claims addresses and starts the sidecar; resolves when that is ready. */
  prepare(): Promise<void> {
    this.#prepared ??= this.#prepare();
    return this.#prepared;
  }

  /** Prepares, then starts the app; call {@link waitServing} to know that it works. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  async #prepare(): Promise<void> {
    const { prng, clock, onEvent } = this.#options;
    const startMs = clock.monotonicMs();
    if (this.#stopping.signal.aborted) return;
    this.#claim = await claimBlock(prng);
    // A stop that came meanwhile waits for this and then gives the addresses back.
    if (this.#stopping.signal.aborted) return;
    this.#sidecar = new Sidecar({
      ...this.#options,
      block: this.#claim.block,
      appPidFile: appPidFile(this.#options.folder),
      onLine: (line, kind) =>
        onEvent({ kind: kind === "log" ? "sidecar-log" : "access-log", line }),
      onEnded: (status, next) => onEvent({ kind: "sidecar-ended", status, next }),
    });
    await this.#sidecar.start(this.#stopping.signal);
    if (this.#stopping.signal.aborted) return;
    onEvent({ kind: "sidecar-ready", tookMs: clock.monotonicMs() - startMs });
  }

  async #start(): Promise<void> {
    await this.prepare();
    if (!this.#stopping.signal.aborted) await this.#app.start();
  }

  /** True once the app answers and other proxies send it traffic; false when it ends before that. */
  async waitServing(): Promise<boolean> {
    const { spec, registry, clock, onEvent } = this.#options;
    const startMs = clock.monotonicMs();
    const ended = new AbortController();
    void this.finished.then(() => ended.abort());
    const signal = AbortSignal.any([this.#stopping.signal, ended.signal]);
    if (!(await waitForApp(spec.readiness, spec.ports, signal))) return false;
    const isRegistered = spec.ports.length > 0;
    if (isRegistered && !(await registry.waitServing(spec.namespace, spec.name, signal))) {
      return false;
    }
    this.#isServing = true;
    onEvent({ kind: "serving", tookMs: clock.monotonicMs() - startMs });
    return true;
  }

  /** Passes a signal on to the app. */
  signal(signal: NodeJS.Signals): void {
    this.#app.signal(signal);
  }

  /**
   * Ends app and sidecar in order; safe at any time and more than once. `signal` is what
   * the app gets. Resolves with the app's ending.
   */
  stop(signal: NodeJS.Signals = "SIGTERM"): Promise<ExitStatus> {
    this.#stopped ??= this.#stop(signal);
    return this.#stopped;
  }

  async #stop(signal: NodeJS.Signals): Promise<ExitStatus> {
    const { spec, registry, onEvent, onAppStopped, folder } = this.#options;
    this.#stopping.abort();
    // Whoever called `start` hears of its failure; here it only matters that it has come to an end.
    await this.#prepared?.catch(() => {});
    await this.#started?.catch(() => {});
    if (this.#isServing && this.#app.state !== "finished") {
      onEvent({ kind: "draining" });
      const timeout = AbortSignal.timeout(DRAIN_MS_MAX);
      const whenCallersLeft = () => registry.waitGone(spec.namespace, spec.name, timeout);
      await this.#sidecar?.drain(whenCallersLeft, timeout);
    }
    const wasRunning = this.#app.state === "running";
    const status = await this.#app.stop(APP_GRACE_MS, signal);
    if (wasRunning) onEvent({ kind: "app-stopped", status });
    if (this.#isServing && this.address !== undefined) await onAppStopped?.(this.address);
    await this.#sidecar?.stop(SIDECAR_GRACE_MS);
    this.#claim?.release();
    await removeSocketFolder(folder);
    await rm(folder, { recursive: true, force: true });
    return status;
  }

  async #startApp(): Promise<ProcessGroup> {
    const { spec, controlPlane, folder, guardian, appStdio, onAppProcess, onEvent } = this.#options;
    const block = this.#claim?.block;
    if (block === undefined) throw new Error("the app starts after its addresses are claimed");
    // Without a control plane an app that crashed starts with what was known at its last start.
    this.#known = await controlPlane.admin.services().catch(() => this.#known);
    const { services, dnsPort } = this.#known;
    const namesFile = await writeNamesFile(folder, { spec, block, services });
    const group = startProcess({
      command: spec.command,
      cwd: spec.cwd,
      env: appEnvironment({
        ...{ spec, block, services, dnsPort, mesh: controlPlane.mesh, namesFile },
        workloadApi: spec.workloadApi === true ? workloadApiSocket(folder) : undefined,
      }),
      stdio: appStdio,
      guardian,
    });
    // At once: what it writes before somebody reads is lost when it ends.
    onAppProcess(group);
    // Its sidecar tells its CPU and memory.
    await writeFile(appPidFile(folder), `${group.pid ?? ""}\n`);
    onEvent({ kind: "app-started", pid: group.pid });
    return group;
  }
}

function appPidFile(folder: string): string {
  return join(folder, "app.pid");
}
