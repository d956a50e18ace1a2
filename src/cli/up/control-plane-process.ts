/**
 * The control plane of an application: the one that answers for the mesh already, else one of our own that is
 * kept running on the same addresses (the sidecars know no others) until the application ends.
 */
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ControlPlaneFile } from "../../control-plane/api-types.ts";
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import { createAdminClient } from "../admin-client.ts";
import { type CliError, failedError } from "../errors.ts";
import { isProcessAlive } from "../find-control-plane.ts";
import { type ControlPlaneRef, describeControlPlane } from "../run/control-plane-ref.ts";
import type { Guardian } from "../run/guardian.ts";
import { LAUNCHER } from "../run/launcher.ts";
import { describeStatus, type ExitStatus, startProcess } from "../run/process-group.ts";
import { type RestartDecision, RestartSchedule } from "../run/restart-policy.ts";
import { type Run, Supervisor } from "../run/supervisor.ts";
import { waitUntil } from "../run/wait-until.ts";

export interface ControlPlaneOptions {
  readonly mesh: string;
  /** `$TULLE_HOME/<mesh>`. */
  readonly stateFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly onEnded: (status: ExitStatus, next: RestartDecision) => void;
}

export interface OwnedControlPlane {
  readonly ref: ControlPlaneRef;
  readonly logFile: string;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 5_000;
const LOG_TAIL_CHARS = 2_000;

/** The control plane that runs on this state folder and answers, or undefined. */
export async function findRunning(stateFolder: string): Promise<ControlPlaneRef | undefined> {
  const record = await readRecord(stateFolder);
  if (record === undefined || !isProcessAlive(record.pid)) return undefined;
  const admin = createAdminClient({ kind: "unix", path: record.adminSocket });
  return describeControlPlane(admin, record.adminSocket).catch(() => undefined);
}

/** Where the dashboard of the control plane that runs on this state folder is; undefined when none does. */
export async function dashboardUrlOf(stateFolder: string): Promise<string | undefined> {
  const record = await readRecord(stateFolder);
  return record && `${record.adminUrl}/`;
}

/** Starts one and waits until it answers. Throws `CLI_FAILED` with the end of its log when it does not. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<OwnedControlPlane> {
  const { stateFolder, clock, prng } = options;
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const logFile = join(stateFolder, "control-plane.log");
  let addresses: readonly string[] = [];
  let firstEnding: ExitStatus | undefined;
  const supervisor = new Supervisor({
    start: () => spawnControlPlane(options, logFile, addresses),
    schedule: new RestartSchedule({ policy: "always", clock, prng }),
    clock,
    onEnded: (status, next) => {
      firstEnding ??= status;
      options.onEnded(status, next);
    },
  });
  await supervisor.start();
  const ref = await waitUntil(
    async () => (firstEnding === undefined ? await findRunning(stateFolder) : null),
    AbortSignal.timeout(START_TIMEOUT_MS),
  );
  if (ref === null || ref === undefined) {
    await supervisor.stop(STOP_GRACE_MS);
    throw await startError(firstEnding, logFile);
  }
  addresses = await addressArguments(stateFolder);
  return {
    ref,
    logFile,
    stop: async () => {
      await supervisor.stop(STOP_GRACE_MS);
    },
  };
}

async function spawnControlPlane(
  { mesh, stateFolder, env, guardian }: ControlPlaneOptions,
  logFile: string,
  addresses: readonly string[],
): Promise<Run> {
  const log = await open(logFile, "a", 0o600);
  const { NODE_OPTIONS: _, ...rest } = env;
  const [node, ...first] = LAUNCHER;
  const group = startProcess({
    command: [node, ...first, "control-plane", "--mesh", mesh, ...addresses],
    cwd: stateFolder,
    env: rest,
    stdio: ["ignore", log.fd, log.fd],
    guardian,
  });
  await log.close();
  return group;
}

/** What makes the next one listen where this one does. */
async function addressArguments(stateFolder: string): Promise<readonly string[]> {
  const record = await readRecord(stateFolder);
  if (record === undefined) return [];
  const admin = new URL(record.adminUrl).host;
  return ["--xds-address", record.xdsAddress, "--admin-address", admin];
}

async function startError(ending: ExitStatus | undefined, logFile: string): Promise<CliError> {
  const log = await readFile(logFile, "utf8").catch(() => "");
  const tail = log.slice(-LOG_TAIL_CHARS).trimEnd().split("\n").slice(-10);
  const what =
    ending === undefined
      ? `does not answer after ${START_TIMEOUT_MS / 1000} s`
      : describeStatus(ending);
  return failedError(
    [`the control plane ${what}`, ...tail.map((line) => `  ${line}`)].join("\n"),
    `its log is ${logFile}`,
  );
}

async function readRecord(stateFolder: string): Promise<ControlPlaneFile | undefined> {
  try {
    const text = await readFile(join(stateFolder, "control-plane.json"), "utf8");
    return JSON.parse(text) as ControlPlaneFile;
  } catch {
    return undefined;
  }
}
