/** Files that must survive a crash, and keys that nobody else may read. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { identityError } from "./errors.ts";

/** The file, once it is certain that only its owner can read it. Undefined when there is none. */
export function readKeyFile(path: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw stateInvalid(path, `${path} cannot be read: ${String(error)}`, error);
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw identityError(
        { code: "ca-key-permissions", path, mode },
        `${path} may be read by others (mode ${mode.toString(8).padStart(4, "0")}): run "chmod 600 ${path}", and make a new authority if somebody could have read it`,
      );
    }
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined when there is no such file. */
export function readOptionalFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw stateInvalid(path, `${path} cannot be read: ${String(error)}`, error);
  }
}

/**
 * Durable when it returns, and never seen half written. When somebody else made the file meanwhile,
 * theirs stays.
 */
export function createFile(path: string, text: string, mode: number): void {
  const temporary = writeTemporary(path, text, mode);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  } finally {
    unlinkSync(temporary);
  }
  syncFolderOf(path);
}

/** Durable when it returns; a reader, or a crash, finds the old text or the new one. */
export function replaceFile(path: string, text: string, mode: number): void {
  renameSync(writeTemporary(path, text, mode), path);
  syncFolderOf(path);
}

/** The same for a file that lies there already: it takes the place of `to`. */
export function moveFile(from: string, to: string): void {
  renameSync(from, to);
  syncFolderOf(to);
}

/** No error when there is none. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  syncFolderOf(path);
}

export function stateInvalid(path: string, message: string, cause?: unknown): Error {
  return identityError({ code: "ca-state-invalid", path }, message, cause);
}

function writeTemporary(path: string, text: string, mode: number): string {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const descriptor = openSync(temporary, "wx", mode);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return temporary;
}

function syncFolderOf(path: string): void {
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
