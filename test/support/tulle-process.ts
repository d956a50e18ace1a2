/** The real `bin/tulle` as child processes with a home of their own, and a control plane that listens anywhere. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const TULLE = join(import.meta.dirname, "..", "..", "bin", "tulle");
const STACK_TRACE = /\n {4}at /;

export interface TulleResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class TulleHome {
  /** TULLE_HOME and the working directory; removed by `close`. */
  readonly folder: string;
  readonly #children = new Set<ChildProcess>();

  static async open(): Promise<TulleHome> {
    return new TulleHome(await mkdtemp(join(tmpdir(), "tulle-e2e-")));
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map(stopProcess));
    await rm(this.folder, { recursive: true });
  }

  start(words: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [TULLE, ...words], {
      cwd: this.folder,
      env: { PATH: process.env["PATH"], HOME: this.folder, TULLE_HOME: this.folder },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#children.add(child);
    child.on("exit", () => this.#children.delete(child));
    return child;
  }

  /** Resolves when it can be found. Fails with what it said when it ends before. */
  async startControlPlane(): Promise<ChildProcess> {
    const folder = join(this.folder, "default");
    await mkdir(folder, { mode: 0o700 });
    const anywhere = ["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"];
    const child = this.start(["control-plane", ...anywhere]);
    child.stdout?.resume();
    await appearance(join(folder, "control-plane.json"), child);
    return child;
  }

  async tulle(words: readonly string[], stdin = ""): Promise<TulleResult> {
    const child = this.start(words);
    assert.ok(child.stdout && child.stderr && child.stdin);
    child.stdin.end(stdin);
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    const [stdout, stderr, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      closed,
    ]);
    return { code, stdout, stderr };
  }

  /** The standard output of a command that must end with 0. */
  async succeed(words: readonly string[], stdin = ""): Promise<string> {
    const result = await this.tulle(words, stdin);
    assert.equal(result.code, 0, JSON.stringify(result, null, 2));
    return result.stdout;
  }

  /** A command that must end with `code` and say `stderr`, and not with a stack trace. */
  async refuse(
    words: readonly string[],
    code: number,
    stderr: RegExp,
    stdin = "",
  ): Promise<TulleResult> {
    const result = await this.tulle(words, stdin);
    assert.equal(result.code, code, JSON.stringify(result, null, 2));
    assert.match(result.stderr, stderr);
    assert.doesNotMatch(result.stderr, STACK_TRACE);
    return result;
  }
}

/** Resolves with the exit code. */
export function stopProcess(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
    child.on("exit", (code) => resolve(code));
    child.kill("SIGTERM");
  });
}

/** Resolves when standard error has said something that matches. */
export function saying(child: ChildProcess, wanted: RegExp): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (wanted.test(said)) resolve();
    });
    child.on("exit", (code) => reject(new Error(`it ended with ${code}:\n${said}`)));
  });
}

function appearance(path: string, child: ChildProcess): Promise<void> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    const finish = (then: () => void): void => {
      watcher.close();
      child.off("exit", onExit);
      then();
    };
    const onExit = (code: number | null): void =>
      finish(() => reject(new Error(`the control plane ended with ${code}:\n${said}`)));
    const look = (): void => {
      if (existsSync(path)) finish(resolve);
    };
    const watcher = watch(join(path, ".."), look);
    child.on("exit", onExit);
    look();
  });
}
