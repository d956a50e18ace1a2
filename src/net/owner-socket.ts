/**
 * A listening unix socket that its owner alone can open, or a group with it. It is made under another name, closed to everybody else and then
 * put in its place: nobody meets it open, one that a killed process left is replaced, and a process that takes over from
 * another one takes its name without a moment in which nobody listens.
 */
import { chmodSync, chownSync, lstatSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { MeshError, messageOf } from "../core/errors.ts";

export interface OwnerSocketOptions {
  /** Absolute. */
  readonly path: string;
  /** A group whose members may open it, too. Undefined: its owner alone. */
  readonly groupId?: number | undefined;
  readonly connectionsMax: number;
  readonly onConnection: (socket: Socket) => void;
}

/** `sun_path` of unix(7) holds 108 bytes with the terminating zero. */
const PATH_BYTES_MAX = 107;

export class OwnerSocket {
  readonly #path: string;
  readonly #groupId: number | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #inode: number | undefined;

  constructor({ path, groupId, connectionsMax, onConnection }: OwnerSocketOptions) {
    this.#path = path;
    this.#groupId = groupId;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      onConnection(socket);
    });
    this.#server.maxConnections = connectionsMax;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Throws `socket-unusable`. */
  async listen(): Promise<void> {
    const temporary = `${this.#path}.${process.pid}`;
    if (Buffer.byteLength(temporary) > PATH_BYTES_MAX) {
      throw unusable(
        this.#path,
        `its path is longer than a socket's may be, ${PATH_BYTES_MAX - 8} bytes`,
      );
    }
    try {
      assertOwnFolder(dirname(this.#path));
      rmSync(temporary, { force: true });
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(temporary, () => {
          this.#server.off("error", reject);
          resolve();
        });
      });
      if (this.#groupId !== undefined) chownSync(temporary, -1, this.#groupId);
      chmodSync(temporary, this.#groupId === undefined ? 0o600 : 0o660);
      this.#inode = lstatSync(temporary).ino;
      renameSync(temporary, this.#path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error instanceof MeshError ? error : unusable(this.#path, messageOf(error), error);
    }
  }

  /** Accepts no more, cuts off who is connected, and removes the name unless another process has it by now. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    if (this.#inode === undefined) return;
    const isOurs = lstatSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode;
    if (isOurs) rmSync(this.#path, { force: true });
  }
}

/** Between binding and closing it to others it is the folder that keeps them out; others must not be able to replace it either. */
function assertOwnFolder(folder: string): void {
  const { mode, uid } = lstatSync(folder);
  if (uid === process.getuid?.() && (mode & 0o022) === 0) return;
  throw unusable(
    folder,
    "it must belong to the user of this process, and nobody else may write to it",
  );
}

function unusable(path: string, reason: string, cause?: unknown): MeshError {
  return new MeshError(
    { code: "socket-unusable" },
    `no socket can be made at ${path}: ${reason}`,
    cause,
  );
}
