/** The SQLite store keeps the contract, over restarts too, and tells what is wrong with a file. */
import assert from "node:assert/strict";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, describe } from "node:test";
import { testStoreContract } from "../../test/support/store-contract.ts";
import { sampleService, sampleWorkload, take } from "../../test/support/store-samples.ts";
import { ManualClock } from "../core/clock.ts";
import { hasCode, MeshError } from "../core/errors.ts";
import { registry } from "../resource/registry.ts";
import { LocalStore } from "./local-store.ts";
import { SqliteEngine } from "./sqlite-engine.ts";
import { openSqliteFile } from "./sqlite-file.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { revisionOf } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-store-"));
after(() => rmSync(folder, { recursive: true }));
let fileCount = 0;

function newFile(): string {
  fileCount += 1;
  return join(folder, `${fileCount}.db`);
}

function open(file: string, logEventsMax = 1000) {
  return openSqliteStore({ file, clock: new ManualClock(), registry, logEventsMax });
}

testStoreContract("sqlite", { open: ({ logEventsMax }) => open(newFile(), logEventsMax) });

describe("sqlite: restart", () => {
  test("objects, revisions and the log are there again", async () => {
    const file = newFile();
    const first = open(file);
    await first.create(sampleService("catalog"));
    await first.create(sampleWorkload("w"));
    const before = await first.list();
    await first.close();
    const second = open(file);
    assert.deepEqual(await second.list(), before);
    assert.equal(revisionOf(await second.create(sampleService("orders"))), 3);
    const batches = await take(second.watch({ fromRevision: 1 }), 2);
    assert.deepEqual(
      batches.flat().map(({ object }) => object.metadata.name),
      ["w", "orders"],
    );
    await second.close();
  });

  test("revisions go on when nothing is left", async () => {
    const file = newFile();
    const first = open(file, 1);
    await first.create(sampleService("catalog"));
    await first.delete({ kind: "Service", namespace: "default", name: "catalog" });
    await first.close();
    const second = open(file, 1);
    assert.equal(second.revision(), 2);
    assert.equal(second.compactedRevision(), 1);
    await second.close();
  });

  test("the files are their owner's alone", async () => {
    const file = newFile();
    const store = open(file);
    await store.create(sampleService("catalog"));
    const names = readdirSync(folder).filter((name) => join(folder, name).startsWith(file));
    assert.ok(names.length >= 3, "database, log and lock");
    for (const name of names) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
    await store.close();
  });
});

describe("sqlite: what can be wrong with a file", () => {
  test("in-use: a second opener is refused, until the first has closed", async () => {
    const file = newFile();
    const first = open(file);
    assert.throws(
      () => open(file),
      (error) => hasCode(error, "in-use"),
    );
    await first.create(sampleService("catalog"));
    await first.close();
    await open(file).close();
  });

  test("newer-version: says which release is needed", () => {
    const file = newFile();
    const { database, close } = openSqliteFile(file);
    database.exec("PRAGMA user_version = 99");
    close();
    assert.throws(
      () => open(file),
      (error) => {
        assert.ok(error instanceof MeshError);
        assert.partialDeepStrictEqual(error.detail, { code: "newer-version", fileVersion: 99 });
        return true;
      },
    );
  });

  test("damaged: a file that is no database", () => {
    const file = newFile();
    writeFileSync(file, "this is a text and no database, long enough to be looked at. ".repeat(20));
    assert.throws(
      () => open(file),
      (error) => hasCode(error, "damaged"),
    );
  });

  test("damaged: a database that is somebody else's", () => {
    const file = newFile();
    const { database, close } = openSqliteFile(file);
    database.exec("PRAGMA application_id = 1");
    close();
    assert.throws(
      () => open(file),
      (error) => hasCode(error, "damaged"),
    );
  });

  test("damaged: pages overwritten", async () => {
    const file = newFile();
    const store = open(file);
    const names = Array.from({ length: 200 }, (_, index) => `s${index}`);
    await Promise.all(names.map((name) => store.create(sampleService(name))));
    await store.close();
    const descriptor = openSync(file, "r+");
    writeSync(descriptor, Buffer.alloc(8192, 0xa5), 0, 8192, 12_288);
    closeSync(descriptor);
    assert.throws(
      () => open(file),
      (error) => hasCode(error, "damaged"),
    );
  });

  test("unavailable: a folder that does not exist", () => {
    assert.throws(
      () => open(join(folder, "missing", "store.db")),
      (error) => hasCode(error, "unavailable"),
    );
  });

  test("unavailable: a full disk refuses the write and keeps what was there", async () => {
    const file = openSqliteFile(newFile());
    const engine = new SqliteEngine(file, { logEventsMax: 1000 });
    const store = new LocalStore(engine, { clock: new ManualClock(), registry });
    await store.create(sampleService("catalog"));
    file.database.exec("PRAGMA max_page_count = 20");
    const annotations = { blob: "x".repeat(200_000) };
    await assert.rejects(store.create(sampleService("large", { annotations })), (error) =>
      hasCode(error, "unavailable"),
    );
    assert.equal(store.revision(), 1);
    assert.equal((await store.list()).objects.length, 1);
    file.database.exec("PRAGMA max_page_count = 10000");
    assert.equal(revisionOf(await store.create(sampleService("large", { annotations }))), 2);
    await store.close();
  });
});
