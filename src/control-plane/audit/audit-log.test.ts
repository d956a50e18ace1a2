import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { type AuditEvent, parseAuditLine } from "../../telemetry/audit/audit-record.ts";
import { listSegments } from "../../telemetry/audit/audit-segments.ts";
import { searchAudit } from "../../telemetry/audit/search-audit.ts";
import { verifyAudit } from "../../telemetry/audit/verify-audit.ts";
import { AuditLog } from "./audit-log.ts";

const root = mkdtempSync(join(tmpdir(), "tulle-audit-"));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
function newFolder(): string {
  folders += 1;
  return join(root, String(folders));
}

function open(
  folder = newFolder(),
  bounds: { segmentBytesMax?: number; segmentsMax?: number } = {},
) {
  const clock = new ManualClock();
  return { folder, clock, log: new AuditLog({ folder, clock, log: silentLogger, ...bounds }) };
}

function change(name: string): AuditEvent {
  return {
    kind: "change",
    action: "created",
    actor: { name: "local user", role: "admin" },
    object: { kind: "Service", namespace: "default", name },
    outcome: "ok",
  };
}

const only = (folder: string): string => listSegments(folder)[0]?.path ?? "";

test("records are chained, over restarts too, and verify", async () => {
  const { folder, log } = open();
  log.record(change("a"));
  await log.stop();
  const second = open(folder).log;
  second.record(change("b"));
  const result = await verifyAudit(folder);
  assert.equal(result.ok, true);
  // opened, a, closed, opened, b.
  assert.deepEqual([result.records, result.head], [5, second.head]);
  assert.equal(readFileSync(only(folder), "utf8").split("\n").length, 6);
});

test("the first record that was changed, removed or swapped is named", async () => {
  const lines = (folder: string) => readFileSync(only(folder), "utf8").split("\n");
  const spoilt = async (spoil: (lines: string[]) => void) => {
    const { folder, log } = open();
    for (const name of ["a", "b", "c", "d"]) log.record(change(name));
    const all = lines(folder);
    spoil(all);
    writeFileSync(only(folder), all.join("\n"));
    const { ok, broken } = await verifyAudit(folder);
    assert.equal(ok, false);
    return [broken?.line, broken?.seq, broken?.reason];
  };
  assert.deepEqual(
    await spoilt((all) => {
      all[2] = (all[2] ?? "").replace('"name":"b"', '"name":"x"');
    }),
    [3, 3, "its text is not what its hash was made of"],
  );
  assert.deepEqual(await spoilt((all) => all.splice(2, 1)), [
    3,
    4,
    "its number is 4, 3 should follow",
  ]);
  assert.deepEqual(await spoilt((all) => all.splice(2, 2, all[3] ?? "", all[2] ?? "")), [
    3,
    4,
    "its number is 4, 3 should follow",
  ]);
  assert.deepEqual(await spoilt((all) => all.splice(0, 1)), [
    1,
    2,
    "the records before it are missing",
  ]);
  assert.deepEqual(
    await spoilt((all) => {
      all[1] = "{}";
    }),
    [2, undefined, "it is no record"],
  );
});

test("a record that is made anew with a right hash of its own breaks the chain behind it", async () => {
  const { folder, log } = open();
  for (const name of ["a", "b"]) log.record(change(name));
  const forged = open();
  forged.log.record(change("x"));
  const all = readFileSync(only(folder), "utf8").split("\n");
  all[1] = readFileSync(only(forged.folder), "utf8").split("\n")[1] ?? "";
  writeFileSync(only(folder), all.join("\n"));
  const { broken } = await verifyAudit(folder);
  assert.deepEqual([broken?.line, broken?.reason], [3, "it does not follow the record before it"]);
});

test("a torn last record is kept beside the log and told, and the chain goes on", async () => {
  const { folder, log } = open();
  log.record(change("a"));
  const half = '{"seq":3,"time":"2026-01-01T00:00:00.000Z","kind":"chan';
  appendFileSync(only(folder), half);
  const before = await verifyAudit(folder);
  assert.deepEqual(
    [before.ok, before.broken?.reason],
    [false, "the last record was not written whole"],
  );
  open(folder).log.record(change("b"));
  const result = await verifyAudit(folder);
  assert.equal(result.ok, true);
  assert.deepEqual(
    result.torn.map(({ seq, bytes }) => [seq, bytes]),
    [[4, half.length]],
  );
  const kept = readdirSync(folder).find((name) => name.includes(".torn-")) ?? "";
  assert.equal(readFileSync(join(folder, kept), "utf8"), half);
});

test("segments rotate, old ones go, and the log says which", async () => {
  const { folder, log } = open(newFolder(), { segmentBytesMax: 2000, segmentsMax: 3 });
  for (let index = 0; index < 60; index += 1) log.record(change(`s${index}`));
  assert.ok(listSegments(folder).length <= 3);
  const result = await verifyAudit(folder);
  assert.equal(result.ok, true, JSON.stringify(result.broken));
  assert.ok((result.removedBefore ?? 0) > 1);
  // Without a record that says so, a missing segment is told.
  rmSync(only(folder));
  const { broken } = await verifyAudit(folder);
  assert.match(broken?.reason ?? "", /before it are missing/);
});

test("a segment that was begun right before a crash takes the chain from the one before", async () => {
  const { folder, log } = open(newFolder(), { segmentBytesMax: 1000 });
  while (listSegments(folder).length < 2) log.record(change("a"));
  assert.equal(readFileSync(listSegments(folder)[1]?.path ?? "", "utf8"), "");
  const second = open(folder).log;
  second.record(change("b"));
  assert.equal((await verifyAudit(folder)).ok, true);
});

test("what strangers cause is limited, and the rest is counted", async () => {
  const { folder, log, clock } = open();
  const failed: AuditEvent = { kind: "authentication-failed", action: "GET /", outcome: "refused" };
  for (let index = 0; index < 1000; index += 1) log.record(failed);
  clock.advance(1000);
  log.record(failed);
  const lines = readFileSync(only(folder), "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 202);
  assert.deepEqual(parseAuditLine(lines.at(-1) ?? "")?.details, { leftOut: 800 });
  log.record(change("a"));
  assert.equal(log.head.seq, 203);
});

test("a record with too many details keeps its place without them", async () => {
  const { folder, log } = open();
  log.record({ ...change("a"), details: { large: "x".repeat(100_000) } });
  const [record] = await searchAudit(folder, { kind: "change", limit: 1 });
  assert.deepEqual(record?.details, { omitted: "the details are too large" });
  assert.equal((await verifyAudit(folder)).ok, true);
});

test("a search finds by kind, actor, object, text and place, in the order of what happened", async () => {
  const { folder, log, clock } = open(newFolder(), { segmentBytesMax: 1500 });
  for (const name of ["a", "b", "c", "d", "e"]) {
    clock.advance(60_000);
    log.record(change(name));
  }
  const names = async (query: Parameters<typeof searchAudit>[1]) =>
    (await searchAudit(folder, query)).map(({ object }) => object?.name);
  assert.deepEqual(await names({ kind: "change", limit: 2 }), ["d", "e"]);
  assert.deepEqual(await names({ object: "service/default/b", limit: 9 }), ["b"]);
  assert.deepEqual(await names({ object: "Service/b", actor: "local", limit: 9 }), ["b"]);
  assert.deepEqual(await names({ text: '"NAME":"c"', limit: 9 }), ["c"]);
  assert.deepEqual(await names({ kind: "change", afterSeq: 3, limit: 2 }), ["c", "d"]);
  const since = new Date(Date.UTC(2026, 0, 1) + 4 * 60_000).toISOString();
  assert.deepEqual(await names({ since, limit: 9 }), ["d", "e"]);
  assert.deepEqual(await names({ kind: "change", until: since, limit: 9 }), ["a", "b", "c", "d"]);
});

test("a log that was cut short or written anew lacks the head that was noted", async () => {
  const { folder, log } = open();
  for (const name of ["a", "b", "c"]) log.record(change(name));
  const noted = { ...log.head, hash: log.head.hash.slice(0, 8) };
  log.record(change("d"));
  assert.equal((await verifyAudit(folder, noted)).ok, true);
  const lines = readFileSync(only(folder), "utf8").split("\n");
  writeFileSync(only(folder), `${lines.slice(0, 3).join("\n")}\n`);
  assert.equal((await verifyAudit(folder)).ok, true);
  assert.match((await verifyAudit(folder, noted)).broken?.reason ?? "", /record 4, .* is missing/);
  const anew = open();
  for (const name of ["a", "x", "c", "d"]) anew.log.record(change(name));
  const { broken } = await verifyAudit(anew.folder, noted);
  assert.deepEqual([broken?.seq, broken?.reason], [4, "it is not the one that was noted"]);
});
