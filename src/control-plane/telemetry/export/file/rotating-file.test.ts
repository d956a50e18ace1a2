/** Files are put aside by size and age, compressed, and the oldest are deleted; what others put there is left alone. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ManualClock } from "../../../../core/clock.ts";
import { RotatingFile } from "./rotating-file.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-rotation-"));
after(() => rmSync(folder, { recursive: true }));

test("by size, with a bound on how many are kept", async () => {
  const path = join(folder, "access.log");
  writeFileSync(`${path}.old`, "of somebody else");
  const clock = new ManualClock();
  const rotation = { maxBytes: 20, maxAgeMs: 1e12, keep: 2, isCompressed: true };
  const file = new RotatingFile({ path, rotation, clock });
  for (let index = 0; index < 10; index += 1) {
    await file.send([Buffer.from(`line ${index}...\n`)]);
    clock.advance(1);
  }
  const names = readdirSync(folder).sort();
  assert.deepEqual(names, [
    "access.log",
    "access.log.20260101T000000.006Z.gz",
    "access.log.20260101T000000.008Z.gz",
    "access.log.old",
  ]);
  assert.equal(readFileSync(path, "utf8"), "line 8...\nline 9...\n");
  const newest = gunzipSync(readFileSync(join(folder, names[2] ?? ""))).toString("utf8");
  assert.equal(newest, "line 6...\nline 7...\n");
});

test("by age, and without rotation never", async () => {
  const path = join(folder, "aged.log");
  const clock = new ManualClock(Date.now());
  const rotation = { maxBytes: 1e9, maxAgeMs: 60_000, keep: 5, isCompressed: false };
  const file = new RotatingFile({ path, rotation, clock });
  await file.send([Buffer.from("a\n")]);
  clock.advance(59_000);
  await file.send([Buffer.from("b\n")]);
  clock.advance(2_000);
  await file.send([Buffer.from("c\n")]);
  assert.equal(readFileSync(path, "utf8"), "c\n");
  const asides = readdirSync(folder).filter((name) => name.startsWith("aged.log."));
  assert.equal(readFileSync(join(folder, asides[0] ?? ""), "utf8"), "a\nb\n");
  await new RotatingFile({ path, rotation: undefined, clock }).send([Buffer.from("d\n")]);
  assert.equal(readFileSync(path, "utf8"), "c\nd\n");
});
