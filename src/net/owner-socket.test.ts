/** A socket that its owner alone can open: its mode, what it replaces, and who removes it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { hasCode } from "../core/errors.ts";
import { OwnerSocket } from "./owner-socket.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-socket-"));
  path = join(folder, "api.sock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function socketThatSays(word: string, at = path, groupId?: number): OwnerSocket {
  const onConnection = (socket: { end(text: string): void }): void => socket.end(word);
  return new OwnerSocket({ path: at, groupId, connectionsMax: 4, onConnection });
}

async function heard(): Promise<string> {
  const socket = connect(path);
  let text = "";
  socket.on("data", (data) => {
    text += data;
  });
  await once(socket, "close");
  return text;
}

test("it replaces what a killed process left, and goes when it closes", async () => {
  writeFileSync(path, "");
  const socket = socketThatSays("a");
  await socket.listen();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await heard(), "a");
  await socket.close();
  assert.equal(existsSync(path), false);
});

test("a group may open it where that is asked for", async () => {
  const socket = socketThatSays("a", path, process.getgid?.());
  await socket.listen();
  assert.equal(statSync(path).mode & 0o777, 0o660);
  await socket.close();
});

test("the one that takes over keeps the name when the one before closes", async () => {
  const before = socketThatSays("before");
  await before.listen();
  // Another process has another temporary name; here the first must be gone from it already.
  const after = socketThatSays("after");
  await after.listen();
  assert.equal(await heard(), "after");
  await before.close();
  assert.equal(await heard(), "after");
  await after.close();
  assert.equal(existsSync(path), false);
});

test("a folder that others may write to is no place for it, nor is a path that is too long", async () => {
  chmodSync(folder, 0o777);
  const refused = (reason: RegExp) => (error: unknown) => {
    assert.ok(hasCode(error, "socket-unusable"));
    assert.match(error.message, reason);
    return true;
  };
  await assert.rejects(socketThatSays("a").listen(), refused(/nobody else may write/));
  const long = join(folder, "a".repeat(100));
  await assert.rejects(socketThatSays("a", long).listen(), refused(/longer/));
});
