/** Which certificates are out: holders, expiry, goodbyes, and what a restart finds. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { IssuedCertificates, type IssuedEntry } from "./issued-certificates.ts";

const ID = "spiffe://mesh.test/ns/shop/sa/catalog";
const HOUR_MS = 3_600_000;

function fixture(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "tulle-issued-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "issued.jsonl");
  const clock = new ManualClock();
  const open = () => new IssuedCertificates({ path, clock, log: silentLogger });
  const entry = (serialHex: string, instance: string, more: Partial<IssuedEntry> = {}) => ({
    ...{ serialHex, instance, spiffeId: ID, rootId: "r1", notBeforeMs: clock.nowMs() },
    notAfterMs: clock.nowMs() + HOUR_MS,
    ...more,
  });
  return { path, clock, open, entry };
}

const serials = (entries: readonly IssuedEntry[]) => entries.map(({ serialHex }) => serialHex);

test("the newest certificate of a holder counts, and older ones are still valid", (context) => {
  const { open, entry } = fixture(context);
  const issued = open();
  issued.add(entry("01", "a"));
  issued.add(entry("02", "b"));
  issued.add(entry("03", "a"));
  issued.add(entry("04", ""));
  issued.add(entry("05", ""));
  assert.deepEqual(serials(issued.current()).toSorted(), ["02", "03", "04", "05"]);
  assert.deepEqual(serials(issued.valid()), ["01", "02", "03", "04", "05"]);
  issued.add(entry("06", "b", { spiffeId: `${ID}2` }));
  assert.equal(issued.current().length, 5, "the same name in another identity is another holder");
});

test("what has expired is nobody's", (context) => {
  const { open, entry, clock } = fixture(context);
  const issued = open();
  issued.add(entry("01", "a"));
  clock.advance(HOUR_MS / 2);
  issued.add(entry("02", "b"));
  clock.advance(HOUR_MS / 2);
  assert.deepEqual(serials(issued.current()), ["02"]);
});

test("who said goodbye holds nothing, until it comes back", (context) => {
  const { open, entry } = fixture(context);
  const issued = open();
  issued.add(entry("01", "a"));
  issued.leave({ spiffeId: ID, instance: "a" });
  issued.leave({ spiffeId: ID, instance: "unknown" });
  assert.deepEqual(issued.current(), []);
  assert.deepEqual(serials(open().current()), [], "a restart knows");
  assert.deepEqual(serials(issued.valid()), ["01"], "it could still be shown");
  issued.add(entry("02", "a"));
  assert.deepEqual(serials(issued.current()), ["02"]);
});

test("a restart finds everything, and passes over what a crash left half written", (context) => {
  const { path, open, entry, clock } = fixture(context);
  const issued = open();
  issued.add(entry("01", "a"));
  issued.add(entry("02", "b"));
  appendFileSync(path, '{"serialHex":"03","spiff');
  assert.deepEqual(serials(open().current()), ["01", "02"]);
  clock.advance(HOUR_MS);
  open();
  assert.equal(readFileSync(path, "utf8"), "", "what has expired is dropped");
});
