/** The control plane that an instance joins: where it is, and how to ask it for a join token. */
import { dirname, join } from "node:path";
import { type AdminClient, createAdminClient } from "../admin-client.ts";
import type { CliContext } from "../context.ts";
import { CliError, usageError } from "../errors.ts";
import { findAdminAddress, isProcessAlive } from "../find-control-plane.ts";

export interface ControlPlaneRef {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly xds: { readonly host: string; readonly port: number };
  /** Where join tokens are issued; undefined when only a TCP address is known. */
  readonly adminSocket: string | undefined;
  readonly admin: AdminClient;
}

/** Asks the control plane that the flags choose who it is. Throws `CLI_CANNOT_CONNECT` when none answers. */
export async function findControlPlaneRef(
  context: Pick<CliContext, "globals" | "env">,
): Promise<ControlPlaneRef> {
  const address = await findAdminAddress({
    controlPlane: context.globals.controlPlane,
    mesh: context.globals.mesh,
    env: context.env,
    isAlive: isProcessAlive,
  });
  const adminSocket = address.kind === "unix" ? address.path : undefined;
  return describeControlPlane(createAdminClient(address), adminSocket);
}

/** Completes what is known of a control plane by what it answers. */
export async function describeControlPlane(
  admin: AdminClient,
  adminSocket: string | undefined,
): Promise<ControlPlaneRef> {
  const { mesh, trustDomain, xdsAddress } = await admin.version();
  return { mesh, trustDomain, xds: parseHostPort(xdsAddress), adminSocket, admin };
}

/** The folder of the control plane's state, when it runs on this machine. */
export function stateFolder(controlPlane: ControlPlaneRef): string | undefined {
  return controlPlane.adminSocket === undefined ? undefined : dirname(controlPlane.adminSocket);
}

/** Where the files of a running instance go; undefined when the control plane is elsewhere. */
export function runFolder(controlPlane: ControlPlaneRef, instance: string): string | undefined {
  const folder = stateFolder(controlPlane);
  return folder === undefined ? undefined : join(folder, "run", instance);
}

/** What a sidecar joins with when the control plane's socket is not on this machine. */
export interface JoinFiles {
  /** A join token. */
  readonly token: string;
  /** The roots to trust when joining, in PEM. */
  readonly bundle: string;
}

/** `sidecar` arguments that let it join. */
export function joinArguments(
  controlPlane: ControlPlaneRef,
  files: JoinFiles | undefined,
): readonly string[] {
  const domain = ["--trust-domain", controlPlane.trustDomain];
  if (files !== undefined) {
    return [...domain, "--join-token-file", files.token, "--join-bundle-file", files.bundle];
  }
  if (controlPlane.adminSocket !== undefined) {
    return [...domain, "--join-socket", controlPlane.adminSocket];
  }
  throw usageError(
    `${controlPlane.admin.address} does not issue join tokens`,
    "join tokens come from the unix socket: use --control-plane unix:PATH, or --join-token-file FILE and --join-bundle-file FILE",
  );
}

function parseHostPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^\[?(?<host>[^\]]+)\]?:(?<port>\d+)$/.exec(text);
  const host = match?.groups?.["host"];
  if (host === undefined) {
    throw new CliError(
      "CLI_CANNOT_CONNECT",
      `the control plane's xDS address "${text}" is unclear`,
    );
  }
  return { host, port: Number(match?.groups?.["port"]) };
}
