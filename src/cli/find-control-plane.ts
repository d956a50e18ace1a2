/**
 * Where the control plane is: what the user said, else the one that runs on this machine. A running
 * control plane leaves `control-plane.json` in `$TULLE_HOME/<mesh name>`; one whose process is gone is skipped.
 */
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ControlPlaneFile } from "../control-plane/api-types.ts";
import { CliError, usageError } from "./errors.ts";
import { nearest } from "./nearest.ts";

export type AdminAddress =
  | { readonly kind: "tcp"; readonly url: string }
  | { readonly kind: "unix"; readonly path: string };

export interface FindOptions {
  readonly controlPlane: string | undefined;
  readonly mesh: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a process runs; injected for tests. */
  readonly isAlive: (pid: number) => boolean;
}

const START_HINT =
  "start one with `tulle control-plane`, or name one with --control-plane URL|unix:PATH";

/** The folder that holds a folder per mesh. */
export function tulleHome(env: Readonly<Record<string, string | undefined>>): string {
  const home = env["TULLE_HOME"];
  return home !== undefined && home !== "" ? home : join(homedir(), ".tulle");
}

/** Parses `http://host:port`, `https://host:port` and `unix:/path`. */
export function parseAdminAddress(text: string): AdminAddress {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/\//, "");
    if (path.startsWith("/")) return { kind: "unix", path };
    throw usageError(
      `control plane address "${text}": the path of a unix socket must be absolute`,
      "write it as unix:/absolute/path/admin.sock",
    );
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (isHttp && url.pathname === "/" && url.search === "") {
    return { kind: "tcp", url: url.origin };
  }
  throw usageError(
    `control plane address "${text}" is none of http://HOST:PORT, https://HOST:PORT and unix:/PATH`,
    "for example http://127.0.0.1:7700",
  );
}

/** The address to talk to. Throws a usage error or CLI_CANNOT_CONNECT that says what to do. */
export async function findAdminAddress(options: FindOptions): Promise<AdminAddress> {
  if (options.controlPlane !== undefined) return parseAdminAddress(options.controlPlane);
  const record = await findControlPlane(options);
  return { kind: "unix", path: record.adminSocket };
}

/** The record of the local control plane that `--mesh` names, else of the only one that runs. */
export async function findControlPlane(
  options: Pick<FindOptions, "mesh" | "env" | "isAlive">,
): Promise<ControlPlaneFile> {
  const records = await readRecords(tulleHome(options.env));
  const alive = records.filter((record) => options.isAlive(record.pid));
  if (options.mesh !== undefined) return pickByName(options.mesh, records, alive);
  const [first, ...others] = alive;
  if (first === undefined) {
    const gone = records.map((record) => record.name).join(", ");
    const detail = gone === "" ? "" : ` (stopped: ${gone})`;
    throw new CliError("CLI_CANNOT_CONNECT", `no control plane runs here${detail}`, START_HINT);
  }
  if (others.length > 0) {
    const names = alive.map((record) => record.name).join(", ");
    throw usageError(`several control planes run here: ${names}`, "choose one with --mesh NAME");
  }
  return first;
}

function pickByName(
  name: string,
  records: readonly ControlPlaneFile[],
  alive: readonly ControlPlaneFile[],
): ControlPlaneFile {
  const found = alive.find((record) => record.name === name);
  if (found !== undefined) return found;
  if (records.some((record) => record.name === name)) {
    throw new CliError(
      "CLI_CANNOT_CONNECT",
      `the control plane of mesh "${name}" is not running`,
      `start it with \`tulle control-plane --mesh ${name}\``,
    );
  }
  const names = alive.map((record) => record.name);
  const close = nearest(name, names);
  const hint =
    names.length === 0
      ? START_HINT
      : `${close === undefined ? "" : `did you mean "${close}"? `}running here: ${names.join(", ")}`;
  throw new CliError("CLI_CANNOT_CONNECT", `no control plane of a mesh "${name}" runs here`, hint);
}

/** Whether a process with this id exists. One of another user counts. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function readRecords(home: string): Promise<readonly ControlPlaneFile[]> {
  const entries = await readdir(home, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const records = await Promise.all(folders.sort().map((name) => readRecord(join(home, name))));
  return records.filter((record) => record !== undefined);
}

/** A missing or half-written file means that no control plane is there. */
async function readRecord(folder: string): Promise<ControlPlaneFile | undefined> {
  try {
    const text = await readFile(join(folder, "control-plane.json"), "utf8");
    const record = JSON.parse(text) as Partial<ControlPlaneFile>;
    const isComplete =
      typeof record.name === "string" &&
      typeof record.pid === "number" &&
      typeof record.adminUrl === "string" &&
      typeof record.adminSocket === "string";
    return isComplete ? (record as ControlPlaneFile) : undefined;
  } catch {
    return undefined;
  }
}
