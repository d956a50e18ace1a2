import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hasCode } from "../core/errors.ts";
import { StateDirectory } from "./state-directory.ts";

const root = mkdtempSync(join(tmpdir(), "tulle-state-"));
after(() => rmSync(root, { recursive: true, force: true }));

const FILE = {
  name: "default",
  pid: process.pid,
  adminUrl: "http://127.0.0.1:1",
  adminSocket: "/x",
  xdsAddress: "127.0.0.1:2",
  trustDomain: "tulle.local",
  version: "0",
};

test("the directory is the owner's alone and says where the control plane is while it runs", () => {
  const path = join(root, "fresh", "default");
  const directory = StateDirectory.open(path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  directory.publish(FILE);
  assert.equal(statSync(join(path, "control-plane.json")).mode & 0o777, 0o600);
  directory.close();
  directory.close();
  assert.equal(existsSync(join(path, "control-plane.json")), false);
  StateDirectory.open(path).close();
});

test("a second control plane is refused by the first one's pid", () => {
  const path = join(root, "twice");
  const first = StateDirectory.open(path);
  assert.throws(
    () => StateDirectory.open(path),
    (error) =>
      hasCode(error, "control-plane-running") &&
      error.message.includes(`pid ${process.pid}`) &&
      error.message.includes(path),
  );
  first.close();
  StateDirectory.open(path).close();
});

test("kill -9 leaves no lock behind", async (t) => {
  const path = join(root, "killed");
  const script = `
    import { StateDirectory } from ${JSON.stringify(import.meta.resolve("./state-directory.ts"))};
    // Held: a collected object would let go of its lock.
    globalThis.held = StateDirectory.open(${JSON.stringify(path)});
    process.stdout.write("locked");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  assert.throws(
    () => StateDirectory.open(path),
    (error) => hasCode(error, "control-plane-running") && error.message.includes(`${child.pid}`),
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  StateDirectory.open(path).close();
});

test("an open directory is closed to others, but only when it is ours or empty", () => {
  const empty = join(root, "empty");
  mkdirSync(empty, { mode: 0o755 });
  StateDirectory.open(empty).close();
  assert.equal(statSync(empty).mode & 0o777, 0o700);

  const shared = join(root, "shared");
  mkdirSync(shared, { mode: 0o755 });
  writeFileSync(join(shared, "somebody-elses"), "");
  assert.throws(
    () => StateDirectory.open(shared),
    (error) => hasCode(error, "state-directory-unusable"),
  );
  assert.equal(statSync(shared).mode & 0o777, 0o755);
});

test("a file in the directory's place is refused with its path", () => {
  const path = join(root, "file");
  writeFileSync(path, "");
  assert.throws(
    () => StateDirectory.open(path),
    (error) => hasCode(error, "state-directory-unusable") && error.message.includes(path),
  );
});

test("a path too long for a socket gets its socket elsewhere, owner-only", () => {
  const directory = StateDirectory.open(join(root, "d".repeat(100)));
  const socket = directory.adminSocketPath;
  assert.ok(Buffer.byteLength(socket) < 108);
  assert.equal(directory.adminSocketPath, socket);
  assert.equal(statSync(join(socket, "..")).mode & 0o777, 0o700);
  directory.close();
  assert.equal(existsSync(join(socket, "..")), false);
});
