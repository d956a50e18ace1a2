/**
 * One of four instances of catalog answers 503 to everything, in a mesh that says nothing about outliers: its caller leaves
 * it alone after five answers, tries it with one request now and then, and uses it again when it is well. Each is
 * asked in turn: by their latency, one that was slow for a moment would not be asked five times within the second.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Application, eventually } from "../support/application.ts";
import type { JournalEntry } from "../support/journal.ts";

const RATE = 200;
/** The limits. */
const BAD_ANSWERS_MAX = 5;
const EJECTED_WITHIN_MS = 1_000;
const RESTORED_WITHIN_MS = 2_000;
/** The default of translation, for the first ejection. */
const EJECTION_MS = 500;
/** Journals are written by the wall clock, ejections last by the monotonic one. */
const CLOCK_SLACK_MS = 10;
/** So many are awaited. */
const TRIALS = 2;
/** Requests in a row that show that it has its share again. */
const SHARE = 5;

let application: Application;

before(async () => {
  application = await Application.start({
    catalog: { v1: 4 },
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "TrafficPolicy",
        metadata: { name: "in-turn" },
        spec: {
          targetRefs: [{ kind: "Service", name: "catalog" }],
          loadBalancer: { algorithm: "RoundRobin" },
        },
      },
    ],
  });
});

after(() => application?.close());

/** What the instance's app wrote since then, in order. */
async function entriesOf(
  instance: string,
  method: "GET" | "FAIL",
  afterMs: number,
): Promise<readonly JournalEntry[]> {
  return (await application.journal())
    .filter((entry) => entry.instance === instance && entry.method === method)
    .filter(({ atMs }) => atMs >= afterMs)
    .sort((a, b) => a.atMs - b.atMs);
}

test("a caller leaves an instance that answers 503 after five answers, and comes back when it is well", async (context) => {
  const [victim] = await application.catalogInstances();
  assert.ok(victim);
  const { name } = victim;
  const load = application.client.steady(RATE);
  const isBusy = async () => (await entriesOf(name, "GET", 0)).length > 20 || undefined;
  await eventually(isBusy);

  const failedAtMs = application.setFailing(name, true);
  await eventually(async () => {
    const entries = await entriesOf(name, "FAIL", failedAtMs);
    const triedFromMs = (entries[BAD_ANSWERS_MAX - 1]?.atMs ?? Infinity) + EJECTION_MS / 2;
    return entries.filter(({ atMs }) => atMs >= triedFromMs).length >= TRIALS || undefined;
  });
  const wellAtMs = application.setFailing(name, false);
  const { value: good } = await eventually(async () => {
    const last = (await entriesOf(name, "FAIL", failedAtMs)).at(-1)?.atMs ?? failedAtMs;
    const entries = await entriesOf(name, "GET", Math.max(last + 1, wellAtMs));
    return entries.length >= SHARE ? entries : undefined;
  });
  const outcomes = await load.stop();

  const failed = await entriesOf(name, "FAIL", failedAtMs);
  const first = failed.slice(0, BAD_ANSWERS_MAX);
  const fifthAtMs = first.at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
  assert.ok(fifthAtMs - failedAtMs <= EJECTED_WITHIN_MS, `five in ${fifthAtMs - failedAtMs} ms`);
  // What began when the five had been answered has met it only to try it, when its time was over.
  const outcomeOf = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
  const ends = first.map(({ id }) => outcomeOf.get(id)?.endMs ?? Number.POSITIVE_INFINITY);
  const ejectedByMs = Math.max(...ends);
  const trials = failed.filter(({ id }) => (outcomeOf.get(id)?.startMs ?? 0) > ejectedByMs);
  assert.ok(trials.length > 0);
  for (const { atMs } of trials) {
    assert.ok(atMs - fifthAtMs >= EJECTION_MS - CLOCK_SLACK_MS, `after ${atMs - fifthAtMs} ms`);
  }
  const backAtMs = good[SHARE - 1]?.atMs ?? Number.POSITIVE_INFINITY;
  context.diagnostic(
    `${failed.length - trials.length} bad answers, five in ${fifthAtMs - failedAtMs} ms, ${trials.length} trials, back in ${backAtMs - wellAtMs} ms`,
  );
  assert.ok(backAtMs - wellAtMs <= RESTORED_WITHIN_MS, `back in ${backAtMs - wellAtMs} ms`);
  const ids = new Set(failed.map(({ id }) => id));
  const others = outcomes.filter(({ id, failure }) => failure !== undefined && !ids.has(id));
  assert.deepEqual(others, [], "nothing else failed");
});
