/**
 * The directory that one control plane owns: where each file lies, who may read it, and the lock that
 * keeps a second control plane out. The lock is an SQLite transaction that stays open: the kernel drops it
 * with the process, so that `kill -9` leaves nothing to clean up and a reused pid cannot fool anybody.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
// biome-ignore lint/correctness/noUnresolvedImports: built in; the linter's list of modules is older.
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../core/errors.ts";
import type { ControlPlaneFile } from "./api-types.ts";
import { controlPlaneError } from "./errors.ts";

const LOCK_FILE = "control-plane.lock";
/** A directory with one of these is Tulle's: `up.json` is from `tulle up`, which may be there first. */
const OWN_FILES = [LOCK_FILE, "up.json"];
/** `sun_path` of unix(7) holds 108 bytes with the terminating zero. */
const SOCKET_PATH_BYTES_MAX = 107;

export class StateDirectory {
  readonly path: string;
  #lock: DatabaseSync | undefined;
  #socketDirectory: string | undefined;

  /** Creates the directory when needed. Throws `state-directory-unusable`, `control-plane-running`. */
  static open(path: string): StateDirectory {
    const directory = new StateDirectory(resolve(path));
    directory.#prepare();
    directory.#acquireLock();
    return directory;
  }

  private constructor(path: string) {
    this.path = path;
  }

  get storePath(): string {
    return join(this.path, "store.db");
  }

  get caKeyPath(): string {
    return join(this.path, "ca.key");
  }

  get caCertificatePath(): string {
    return join(this.path, "ca.crt");
  }

  /** The key of the root that is to follow. */
  get caNextKeyPath(): string {
    return join(this.path, "ca-next.key");
  }

  /** Roots of an issuer outside the mesh, as they were at last. */
  get issuerRootsPath(): string {
    return join(this.path, "issuer-roots.pem");
  }

  /** Roots of the issuer that is to take its place. */
  get nextIssuerRootsPath(): string {
    return join(this.path, "issuer-next-roots.pem");
  }

  /** Roots of authorities that signed before. */
  get formerRootsPath(): string {
    return join(this.path, "former-roots.pem");
  }

  /** Who signs. */
  get issuerRecordPath(): string {
    return join(this.path, "ca-issuer.json");
  }

  /** How far a rotation of the root is. */
  get caRotationPath(): string {
    return join(this.path, "ca-rotation.json");
  }

  /** Keys that JWT-SVIDs are signed with. */
  get jwtKeysPath(): string {
    return join(this.path, "jwt-svid.key");
  }

  /** The mesh's own bundle, as other trust domains fetch it. */
  get ownBundlePath(): string {
    return join(this.path, "trust-bundle.json");
  }

  /** Bundles of other trust domains that were fetched last. */
  get federatedBundlesPath(): string {
    return join(this.path, "federated-bundles.json");
  }

  /** Keys of issuers that were fetched last. */
  get keySetsPath(): string {
    return join(this.path, "key-sets.json");
  }

  /** Tokens of the admin API. */
  get adminTokensPath(): string {
    return join(this.path, "admin-tokens.json");
  }

  /** How many denials of each sidecar the audit log knows of. */
  get auditDenialsPath(): string {
    return join(this.path, "audit-denials.json");
  }

  /** The folder of the audit log. */
  get auditPath(): string {
    return join(this.path, "audit");
  }

  /** Which certificates are out. */
  get issuedPath(): string {
    return join(this.path, "issued.jsonl");
  }

  /** Figures, logs and traces. */
  get telemetryPath(): string {
    return join(this.path, "telemetry.db");
  }

  /** The folder of what waits to be exported. */
  get exportPath(): string {
    return join(this.path, "export");
  }

  /** Where the owner-only socket goes. A state directory too deep for a socket gets one elsewhere. */
  get adminSocketPath(): string {
    const path = join(this.path, "admin.sock");
    if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
    // mkdtemp makes the directory with mode 0700.
    this.#socketDirectory ??= mkdtempSync(join(tmpdir(), "tulle-"));
    return join(this.#socketDirectory, "admin.sock");
  }

  /** Tells clients where the control plane is; readers never see half a file. */
  publish(file: ControlPlaneFile): void {
    const path = join(this.path, "control-plane.json");
    writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** Withdraws what `publish` wrote and lets go of the lock. Safe to call twice. */
  close(): void {
    if (this.#lock === undefined) return;
    rmSync(join(this.path, "control-plane.json"), { force: true });
    if (this.#socketDirectory !== undefined) {
      rmSync(this.#socketDirectory, { recursive: true, force: true });
    }
    this.#lock.close();
    this.#lock = undefined;
  }

  #prepare(): void {
    try {
      if (!existsSync(this.path)) {
        mkdirSync(this.path, { recursive: true, mode: 0o700 });
        return;
      }
      const stat = statSync(this.path);
      if (!stat.isDirectory()) throw this.#unusable("it is not a directory");
      if (stat.uid !== process.getuid?.()) throw this.#unusable("it belongs to another user");
      if ((stat.mode & 0o077) === 0) return;
      // Taking a shared directory away from its other users is not ours to do.
      const names = readdirSync(this.path);
      const isOurs = names.length === 0 || OWN_FILES.some((name) => names.includes(name));
      if (!isOurs) {
        throw this.#unusable("others may read it and it holds files that are not Tulle's");
      }
      chmodSync(this.path, 0o700);
    } catch (error) {
      if (error instanceof Error && "syscall" in error)
        throw this.#unusable(messageOf(error), error);
      throw error;
    }
  }

  #acquireLock(): void {
    const lock = this.#openLock();
    try {
      lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    } catch (error) {
      lock.close();
      if (!(error instanceof Error) || !("errcode" in error)) throw error;
      // SQLITE_BUSY
      if (error.errcode !== 5) throw this.#unusable(messageOf(error), error);
      const pid = readPid(join(this.path, `${LOCK_FILE}.pid`));
      throw controlPlaneError(
        { code: "control-plane-running", pid },
        `a control plane is running on ${this.path} already (pid ${pid ?? "unknown"}): ` +
          "stop it first, or give this one another --mesh or --state-dir",
      );
    }
    this.#lock = lock;
    writeFileSync(join(this.path, `${LOCK_FILE}.pid`), `${process.pid}\n`, { mode: 0o600 });
  }

  #openLock(): DatabaseSync {
    try {
      return new DatabaseSync(join(this.path, LOCK_FILE), { timeout: 0 });
    } catch (error) {
      throw this.#unusable(messageOf(error), error);
    }
  }

  #unusable(reason: string, cause?: unknown): Error {
    return controlPlaneError(
      { code: "state-directory-unusable", path: this.path },
      `the state directory ${this.path} cannot be used: ${reason}`,
      cause,
    );
  }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}
