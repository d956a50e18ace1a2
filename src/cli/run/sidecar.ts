/**
 * The sidecar of one instance as its starter sees it: a process that is kept running, told to drain, and
 * stopped. It is started again on the same addresses when it dies, while the app runs on; one that is asked to
 * restart gets a successor that takes its sockets over.
 */
import { mkdir } from "node:fs/promises";
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import { CliError, failedError } from "../errors.ts";
import { writeBootstrapFile } from "./bootstrap-file.ts";
import { type ControlPlaneRef, type JoinFiles, joinArguments } from "./control-plane-ref.ts";
import type { Guardian } from "./guardian.ts";
import type { ProxySpec } from "./instance-spec.ts";
import { PROGRAM } from "./launcher.ts";
import { readLines } from "./line-splitter.ts";
import type { LoopbackBlock } from "./loopback-block.ts";
import {
  describeStatus,
  type ExitStatus,
  type ProcessGroup,
  startProcess,
} from "./process-group.ts";
import { type RestartDecision, RestartSchedule } from "./restart-policy.ts";
import { askSidecar } from "./sidecar-admin.ts";
import { followSuccessors } from "./sidecar-handover.ts";
import { type Run, Supervisor } from "./supervisor.ts";
import { waitUntil } from "./wait-until.ts";
import { makeSocketFolder, workloadApiSocket } from "./workload-api-socket.ts";

export interface SidecarOptions {
  readonly spec: ProxySpec;
  readonly block: LoopbackBlock;
  readonly controlPlane: ControlPlaneRef;
  /** Holds its files; made when missing. */
  readonly folder: string;
  readonly joinFiles: JoinFiles | undefined;
  /** Where the pid of its app is written, if it has one. */
  readonly appPidFile?: string | undefined;
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly prng: Prng;
  /** A line of its log, or of the access log when somebody has sent that to standard output. */
  readonly onLine: (line: string, kind: "log" | "access-log") => void;
  /** It died; what happens next. */
  readonly onEnded: (status: ExitStatus, next: RestartDecision) => void;
}

/** A sidecar that is not ready after this time will not be. */
const READY_TIMEOUT_MS = 30_000;
/** How long one that was replaced may take for requests under way, once all of it ends. */
const REPLACED_GRACE_MS = 5_000;
/** How many log lines an error shows. */
const LAST_LINES_MAX = 10;

export class Sidecar {
  readonly #options: SidecarOptions;
  readonly #supervisor: Supervisor;
  readonly #lastLines: string[] = [];
  /** Were replaced, and end what they carry. */
  readonly #replaced = new Set<ProcessGroup>();
  #arguments: readonly string[] = [];
  #firstEnding: ExitStatus | undefined;
  #isReady = false;

  constructor(options: SidecarOptions) {
    this.#options = options;
    const { clock, prng } = options;
    this.#supervisor = new Supervisor({
      start: () => Promise.resolve(this.#spawnFirst()),
      schedule: new RestartSchedule({ policy: "always", clock, prng }),
      clock,
      onEnded: (status, next) => this.#ended(status, next),
    });
  }

  /** Resolves when it has its first configuration. Throws when it ends before that, or takes too long. */
  async start(signal: AbortSignal): Promise<void> {
    const { folder, spec, block, controlPlane, joinFiles, appPidFile } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const bootstrap = await writeBootstrapFile(folder, { spec, block, controlPlane, appPidFile });
    const { workers, workloadApi = false } = spec;
    if (workloadApi) await makeSocketFolder(folder);
    this.#arguments = [
      ...["--bootstrap", bootstrap, ...joinArguments(controlPlane, joinFiles)],
      ...(workers === undefined ? [] : ["--workers", String(workers)]),
      ...(workloadApi ? ["--workload-api", workloadApiSocket(folder)] : []),
    ];
    await this.#supervisor.start();
    const timeout = AbortSignal.timeout(READY_TIMEOUT_MS);
    let reason = "it does not answer";
    const isReady = await waitUntil(
      async () => {
        if (this.#firstEnding !== undefined) return false;
        const answer = await askSidecar(block.address, "GET", "/ready");
        reason = answer?.text.trim() ?? reason;
        return answer?.status === 200 ? true : undefined;
      },
      AbortSignal.any([timeout, signal]),
    );
    this.#isReady = isReady === true;
    if (this.#isReady || signal.aborted) return;
    if (isReady === undefined) {
      throw new CliError(
        "CLI_TIMED_OUT",
        this.#withLog(`the sidecar is not ready after ${READY_TIMEOUT_MS / 1000} s: ${reason}`),
        "see `tulle check`",
      );
    }
    const ending = this.#firstEnding === undefined ? "ended" : describeStatus(this.#firstEnding);
    throw failedError(this.#withLog(`the sidecar ${ending} before it was ready`));
  }

  /**
   * Lets go of its callers without failing a request: it reports DRAINING, serves on until `whenCallersLeft` says
   * whether all of them have let go, then closes its inbound listeners and finishes what is under way. Where
   * nobody can say, its own delay has to do. Ends when `signal` aborts at the latest.
   */
  async drain(whenCallersLeft: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    if (!this.#isReady) return;
    const { address } = this.#options.block;
    const replacedEnd = this.#stopReplaced(REPLACED_GRACE_MS);
    // Answered when its own delay for callers is over, which is longer than most need.
    const graceful = askSidecar(address, "POST", "/drain_listeners?graceful&inboundonly");
    if (!(await whenCallersLeft())) await graceful;
    await askSidecar(address, "POST", "/drain_listeners?inboundonly");
    await waitUntil(async () => {
      const clusters = await askSidecar(address, "GET", "/clusters");
      return clusters === undefined || isInboundIdle(clusters.text) ? true : undefined;
    }, signal);
    await replacedEnd;
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all([this.#supervisor.stop(graceMs), this.#stopReplaced(graceMs)]);
  }

  async #stopReplaced(graceMs: number): Promise<void> {
    await Promise.all([...this.#replaced].map((group) => group.stop(graceMs)));
  }

  #spawnFirst(): Run {
    const group = this.#spawn([]);
    followSuccessors(group, {
      startSuccessor: () => this.#spawn(["--successor"]),
      onReplaced: (before, successor) => {
        this.#replaced.add(before);
        void before.exited.then(() => this.#replaced.delete(before));
        this.#supervisor.replace(successor);
      },
    });
    return group;
  }

  #spawn(more: readonly string[]): ProcessGroup {
    const { guardian, folder } = this.#options;
    // NODE_OPTIONS are for the user's apps: --inspect, say, would have every sidecar fight for one port.
    const { NODE_OPTIONS: _, ...env } = this.#options.spec.env;
    const group = startProcess({
      // The script itself: a Node that has to start again with other flags would lose the channel.
      command: [PROGRAM, "sidecar", "--log-format", "text", ...this.#arguments, "--kept", ...more],
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      guardian,
    });
    readLines(group.child.stdout, (line) => this.#options.onLine(line, "access-log"));
    readLines(group.child.stderr, (line) => this.#log(line));
    return group;
  }

  #log(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > LAST_LINES_MAX) this.#lastLines.shift();
    this.#options.onLine(line, "log");
  }

  #ended(status: ExitStatus, next: RestartDecision): void {
    if (!this.#isReady) this.#firstEnding ??= status;
    else this.#options.onEnded(status, next);
  }

  #withLog(message: string): string {
    return [message, ...this.#lastLines.map((line) => `  ${line}`)].join("\n");
  }
}

/** Whether the app has no request of a caller, by Envoy's text format of /clusters. */
function isInboundIdle(clusters: string): boolean {
  return !/^inbound\|.*::rq_active::[1-9]/m.test(clusters);
}
