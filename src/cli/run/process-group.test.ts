import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { hasLiveMember } from "./group-members.ts";
import { type Guardian, startGuardian } from "./guardian.ts";
import { LineSplitter } from "./line-splitter.ts";
import {
  describeStatus,
  type ExitStatus,
  exitCodeOfStatus,
  type ProcessGroup,
  startProcess,
} from "./process-group.ts";

const ignored: Guardian = { add: () => {}, remove: () => {}, close: () => {} };

function start(command: readonly [string, ...string[]], cwd = "/"): ProcessGroup {
  const env = { PATH: process.env["PATH"] };
  return startProcess({
    command,
    cwd,
    env,
    stdio: ["ignore", "pipe", "inherit"],
    guardian: ignored,
  });
}

/** A Node program. It must print a line before the test goes on: then its handlers are in place. */
async function startScript(script: string): Promise<{ group: ProcessGroup; line: string }> {
  const group = start([process.execPath, "-e", script]);
  const line = await new Promise<string>((resolve) => {
    const splitter = new LineSplitter(resolve);
    group.child.stdout?.on("data", (chunk: Buffer) => splitter.push(chunk));
  });
  return { group, line };
}

/** Whether anything of the group that this process leads runs. */
const isAlive = (pid: number): Promise<boolean> => hasLiveMember(pid);

test("tells how a program ended, as a shell would", async () => {
  const endings: readonly (readonly [readonly [string, ...string[]], number, RegExp])[] = [
    [["sh", "-c", "exit 0"], 0, /exited with code 0/],
    [["sh", "-c", "exit 7"], 7, /exited with code 7/],
    [["sh", "-c", "kill -KILL $$"], 137, /was killed by SIGKILL/],
    [["sh", "-c", "kill -TERM $$"], 143, /was killed by SIGTERM/],
    [["no-such-program-anywhere"], 127, /no-such-program-anywhere was not found/],
    [["/etc/passwd"], 126, /may not be executed/],
  ];
  for (const [command, code, text] of endings) {
    const status = await start(command).exited;
    assert.equal(exitCodeOfStatus(status), code, command.join(" "));
    assert.match(describeStatus(status), text);
  }
});

test("stops with SIGTERM, so that a program can finish what it does", async () => {
  const { group } = await startScript(
    'process.on("SIGTERM", () => process.exit(5)); console.log("up"); setInterval(() => {}, 1000)',
  );
  assert.deepEqual(await group.stop(60_000), { kind: "exited", code: 5 });
});

test("stops with another signal when asked to", async () => {
  const { group } = await startScript(
    'process.on("SIGINT", () => process.exit(6)); console.log("up"); setInterval(() => {}, 1000)',
  );
  assert.deepEqual(await group.stop(60_000, "SIGINT"), { kind: "exited", code: 6 });
});

test("kills what does not listen", async () => {
  const { group } = await startScript(
    'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)',
  );
  assert.deepEqual(await group.stop(50), { kind: "killed", signal: "SIGKILL" });
});

test("what a program started does not outlive it", async () => {
  const { group, line } = await startScript(`
    const { spawn } = require("node:child_process");
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    child.unref();
    console.log(child.pid);
  `);
  const status: ExitStatus = await group.exited;
  assert.deepEqual(status, { kind: "exited", code: 0 });
  assert.ok(Number(line) > 0);
  assert.ok(group.pid !== undefined && !(await isAlive(group.pid)), "the grandchild is gone");
});

test("what a program wrote last is read before its end is told", async () => {
  // More than a paused stream reads ahead, less than the kernel holds: part is still to be read at the end.
  const length = 80_000;
  const group = start(["sh", "-c", `head -c ${length} /dev/zero; exit 9`]);
  let read = 0;
  group.child.stdout?.on("data", (chunk: Buffer) => {
    read += chunk.length;
  });
  group.child.stdout?.pause();
  assert.deepEqual(await group.exited, { kind: "exited", code: 9 });
  assert.equal(read, length);
});

test("who left the group and holds its output does not hold up its end", async () => {
  const { group, line } = await startScript(`
    const { spawn } = require("node:child_process");
    const child = spawn("sleep", ["3600"], { stdio: ["ignore", "inherit", "ignore"], detached: true });
    child.unref();
    console.log(child.pid);
  `);
  assert.deepEqual(await group.exited, { kind: "exited", code: 0 });
  process.kill(Number(line), "SIGKILL");
});

test("the guardian ends every group on its list when its owner is killed", async () => {
  const owner = start([
    process.execPath,
    "--input-type=module",
    "-e",
    `
    import { startGuardian } from ${JSON.stringify(new URL("./guardian.ts", import.meta.url).href)};
    import { startProcess } from ${JSON.stringify(new URL("./process-group.ts", import.meta.url).href)};
    const guardian = startGuardian();
    const groups = [1, 2].map(() => startProcess({
      command: [process.execPath, "-e", "console.log(1); setInterval(() => {}, 1000)"],
      cwd: "/", env: {}, stdio: ["ignore", "pipe", "ignore"], guardian,
    }));
    const short = startProcess({ command: ["sh", "-c", "exit 0"], cwd: "/", env: {}, stdio: "ignore", guardian });
    await short.exited;
    await Promise.all(groups.map((group) => new Promise((resolve) => group.child.stdout.once("data", resolve))));
    console.log(groups.map((group) => group.pid).join(" "));
    setInterval(() => {}, 1000);
    `,
  ]);
  const chunks: Buffer[] = [];
  owner.child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(owner.child.stdout!, "data");
  const pids = Buffer.concat(chunks).toString().trim().split(" ").map(Number);
  assert.equal(pids.length, 2);
  for (const pid of pids) assert.ok(await isAlive(pid));
  owner.signal("SIGKILL");
  await owner.exited;
  // The kernel closes the pipe, the shell wakes and signals: there is no event to wait for from here.
  for (const pid of pids) {
    while (await isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test("the guardian leaves in peace what was taken off its list", async () => {
  const guardian = startGuardian();
  const group = start(["sleep", "60"]);
  assert.ok(group.pid !== undefined);
  guardian.add(group.pid);
  guardian.remove(group.pid);
  const other = start(["sleep", "60"]);
  assert.ok(other.pid !== undefined);
  guardian.add(other.pid);
  guardian.close();
  // The second one ending is the sign that the shell has been through its list.
  assert.deepEqual(await other.exited, { kind: "killed", signal: "SIGTERM" });
  assert.ok(await isAlive(group.pid));
  await group.stop(1000);
});
