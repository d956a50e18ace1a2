/** Roots over time on disk: steps, crashes between their files, sealed keys, and roots that have ended. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import { isSealedKey } from "./key-seal.ts";
import { rootIdOf } from "./root-id.ts";
import { TrustAuthority } from "./trust-authority.ts";

const DAY_MS = 86_400_000;

function fixture(context: TestContext, passphrase?: string) {
  const folder = mkdtempSync(join(tmpdir(), "tulle-roots-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const clock = new ManualClock();
  const path = (name: string): string => join(folder, name);
  const open = (): TrustAuthority =>
    TrustAuthority.open({
      trustDomain: "mesh.test",
      keyPath: path("ca.key"),
      certificatePath: path("ca.crt"),
      nextKeyPath: path("ca-next.key"),
      passphrase,
      sealCostLog2: 4,
      rootLifetimeMs: 10 * DAY_MS,
      clock,
    });
  return { clock, path, open };
}

const ids = (authority: TrustAuthority) => authority.bundle.roots.map(rootIdOf);

test("each step holds across a restart, and tells who listens", (context) => {
  const { path, open } = fixture(context);
  const authority = open();
  assert.equal(authority.isNew, true);
  let told = 0;
  authority.onChange(() => {
    told += 1;
  });
  const oldId = rootIdOf(authority.root);
  const newId = rootIdOf(authority.prepare());
  assert.equal(rootIdOf(authority.prepare()), newId, "there is one to prepare");
  assert.deepEqual(ids(open()), [oldId, newId]);
  assert.equal(rootIdOf(open().root), oldId);
  assert.equal(open().nextRoot && rootIdOf(open().nextRoot!), newId);
  assert.throws(
    () => authority.retire(oldId),
    (error) => hasCode(error, "ca-root-in-use"),
  );

  authority.activate();
  assert.equal(existsSync(path("ca-next.key")), false);
  assert.equal(rootIdOf(open().root), newId);
  assert.deepEqual(ids(open()), [oldId, newId]);

  authority.retire(oldId);
  authority.retire(oldId);
  assert.deepEqual(ids(open()), [newId]);
  assert.equal(told, 3);
});

test("a crash between the key and the root of a new one leaves one of them", (context) => {
  const { path, open } = fixture(context);
  const authority = open();
  const before = readFileSync(path("ca.crt"));
  authority.prepare();
  const key = readFileSync(path("ca-next.key"), "utf8");
  writeFileSync(path("ca.crt"), before);

  const again = open();
  assert.equal(again.nextRoot, undefined, "it is not prepared yet");
  again.prepare();
  assert.equal(readFileSync(path("ca-next.key"), "utf8"), key, "the same key");
  assert.equal(again.bundle.roots.length, 2);
  again.discard();
  again.discard();
  assert.equal(again.bundle.roots.length, 1);
  assert.equal(existsSync(path("ca-next.key")), false);
});

test("the key of a new root is sealed and private as the first one was", (context) => {
  const { path, open } = fixture(context, "a passphrase");
  const authority = open();
  authority.prepare();
  assert.equal(isSealedKey(readFileSync(path("ca-next.key"), "utf8")), true);
  assert.equal(statSync(path("ca-next.key")).mode & 0o777, 0o600);
  authority.activate();
  assert.equal(rootIdOf(open().root), rootIdOf(authority.root));
});

test("a root that has ended is replaced, a prepared one takes its place, and ended ones are dropped", (context) => {
  const { clock, open } = fixture(context);
  const authority = open();
  const first = rootIdOf(authority.root);
  assert.equal(authority.replaceExpired(), false);
  clock.advance(9 * DAY_MS);
  const prepared = rootIdOf(authority.prepare());
  clock.advance(2 * DAY_MS);
  assert.equal(authority.replaceExpired(), true);
  assert.equal(rootIdOf(authority.root), prepared);
  assert.deepEqual(ids(authority), [prepared]);

  clock.advance(20 * DAY_MS);
  const restarted = open();
  assert.equal(restarted.replaceExpired(), true);
  assert.deepEqual(ids(restarted), [rootIdOf(restarted.root)]);
  assert.equal([first, prepared].includes(rootIdOf(restarted.root)), false);
});
