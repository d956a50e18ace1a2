/** Where the sidecar of an instance serves the SPIFFE Workload API to its app. */
import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** `sun_path` of unix(7) holds 108 bytes; the sidecar makes the socket under a name that is longer by a process id. */
const PATH_BYTES_MAX = 98;
const SOCKET_FILE = "spiffe.sock";
const HASH_CHARACTERS = 16;

/** In the folder of the instance, or one elsewhere when that lies too deep for a socket. The same for the same folder. */
export function workloadApiSocket(folder: string): string {
  const path = join(folder, SOCKET_FILE);
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return path;
  const name = createHash("sha256").update(folder).digest("hex").slice(0, HASH_CHARACTERS);
  return join(tmpdir(), `tulle-${name}`, SOCKET_FILE);
}

/** Makes the folder that it lies in, for its owner alone. */
export async function makeSocketFolder(folder: string): Promise<void> {
  await mkdir(dirname(workloadApiSocket(folder)), { recursive: true, mode: 0o700 });
}

/** Removes what lies outside of the instance's own folder. */
export async function removeSocketFolder(folder: string): Promise<void> {
  const elsewhere = dirname(workloadApiSocket(folder));
  if (elsewhere !== folder) await rm(elsewhere, { recursive: true, force: true });
}
