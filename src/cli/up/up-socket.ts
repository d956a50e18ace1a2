/**
 * How `tulle down` reaches a running `tulle up`: a unix socket whose path lies in `up.json` in the mesh's state
 * folder. A connection tells it to stop; that the connection closes tells that it is gone, however it ended.
 */
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedError } from "../errors.ts";

export interface UpFile {
  readonly pid: number;
  readonly socket: string;
  /** The mesh.yaml that runs. */
  readonly file: string;
}

const FILE_NAME = "up.json";
/** `sun_path` of unix(7) holds 108 bytes with the terminating zero. */
const SOCKET_PATH_BYTES_MAX = 107;

export interface UpSocket {
  /** Closes every connection and removes the files. */
  close(): Promise<void>;
}

/** Throws `CLI_FAILED` when another `tulle up` runs for this state folder. */
export async function listenForDown(
  stateFolder: string,
  file: string,
  onDown: () => void,
): Promise<UpSocket> {
  const other = await findUp(stateFolder);
  if (other !== undefined) {
    throw failedError(
      `${other.file} is up already, in this mesh (pid ${other.pid})`,
      "stop it with `tulle down`, or give this one another name: `mesh:` in the file, or --mesh",
    );
  }
  const near = join(stateFolder, "up.sock");
  const folder =
    Buffer.byteLength(near) > SOCKET_PATH_BYTES_MAX
      ? await mkdtemp(join(tmpdir(), "tulle-"))
      : undefined;
  const path = folder === undefined ? near : join(folder, "up.sock");
  // Nobody listens there, so what is there was left by one that was killed.
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.once("data", () => onDown());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await publish(stateFolder, { pid: process.pid, socket: path, file });
  return {
    async close() {
      await rm(join(stateFolder, FILE_NAME), { force: true });
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
      for (const socket of sockets) socket.end();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The `tulle up` that runs for this state folder. */
export async function findUp(stateFolder: string): Promise<UpFile | undefined> {
  const found = await connectToUp(stateFolder);
  found?.connection.destroy();
  return found?.up;
}

/** Tells the `tulle up` of this state folder to stop and waits until it is gone. False when none runs. */
export async function stopUp(stateFolder: string, signal: AbortSignal): Promise<boolean> {
  const found = await connectToUp(stateFolder);
  if (found === undefined) return false;
  const { connection } = found;
  connection.write("down\n");
  connection.resume();
  await new Promise<void>((resolve) => {
    connection.once("close", () => resolve());
    signal.addEventListener("abort", () => connection.destroy(), { once: true });
  });
  return true;
}

async function publish(stateFolder: string, up: UpFile): Promise<void> {
  const path = join(stateFolder, FILE_NAME);
  await writeFile(`${path}.new`, `${JSON.stringify(up)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function connectToUp(
  stateFolder: string,
): Promise<{ readonly up: UpFile; readonly connection: Socket } | undefined> {
  let up: UpFile;
  try {
    up = JSON.parse(await readFile(join(stateFolder, FILE_NAME), "utf8")) as UpFile;
  } catch {
    return undefined;
  }
  return new Promise((resolve) => {
    const connection = connect(up.socket);
    connection.once("connect", () => resolve({ up, connection }));
    connection.on("error", () => resolve(undefined));
  });
}
