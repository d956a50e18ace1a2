/**
 * One of three instances of catalog is killed with SIGKILL, in the three ways in which it can die: the whole
 * instance, its app alone, and the `tulle run` that keeps it with everything below.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Application, eventually, killAll } from "../support/application.ts";
import { type EndpointSample, isUsed, usedCount } from "../support/endpoint-watch.ts";
import { type JournalEntry, repeatedIds } from "../support/journal.ts";
import { type Outcome, summary } from "../support/load-client.ts";

let application: Application;

before(async () => {
  application = await Application.start({ catalog: { v1: 3 } });
});

after(() => application?.close());

const RATE = 240;
/** Both kinds in turn; each takes long enough that some are under way at any moment. */
const PLANS = [
  { method: "GET", appDelayMs: 10 },
  { method: "POST", body: "one order, please", appDelayMs: 10 },
] as const;
/** The issue's limits. */
const AVOIDED_WITHIN_MS = 1000;
const JOINED_WITHIN_MS = 2000;

interface Round {
  readonly victim: string;
  readonly killedAtMs: number;
  readonly before: EndpointSample;
  readonly samples: readonly EndpointSample[];
  readonly address: string;
  readonly outcomes: readonly Outcome[];
  readonly journal: readonly JournalEntry[];
}

/** Kills `pids` of the victim under load, waits until a successor serves, and returns all that was seen. */
async function round(
  victim: string,
  pids: readonly number[],
  replace?: () => Promise<unknown>,
): Promise<Round> {
  const watch = await application.watchEndpoints();
  const instances = await application.catalogInstances();
  const info = instances.find(({ name }) => name === victim);
  assert.ok(info !== undefined);
  const address = `${info.address}:${info.ports[0]?.inboundPort}`;
  const load = application.client.steady(RATE, PLANS);
  await watch.next((sample) => sample.endpoints.every(({ requests }) => requests > 20));
  const before = await watch.next(() => true);
  const gone = watch.next((sample) => !isUsed(sample, address));
  const killedAtMs = killAll(pids);
  await gone;
  await replace?.();
  await watch.next((sample) => usedCount(sample) === 3);
  // Its successor has been sent requests.
  await eventually(async () => {
    const journal = await application.journal();
    const fresh = journal.filter(({ method, atMs }) => method === "LISTEN" && atMs > killedAtMs);
    const pid = fresh[0]?.pid;
    return journal.find((entry) => entry.pid === pid && entry.method !== "LISTEN");
  });
  const outcomes = await load.stop();
  await watch.stop();
  const samples = watch.samples.filter(({ atMs }) => atMs > killedAtMs);
  return {
    victim,
    killedAtMs,
    before,
    samples,
    address,
    outcomes,
    journal: await application.journal(),
  };
}

function judge(title: string, result: Round): void {
  const { killedAtMs, before, samples, address, outcomes, journal } = result;
  const busy = before.endpoints.find((endpoint) => endpoint.address === address);
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  const avoided = samples.find((sample) => !isUsed(sample, address));
  const avoidedMs = (avoided?.atMs ?? Number.POSITIVE_INFINITY) - killedAtMs;
  const listening = journal.find(({ method, atMs }) => method === "LISTEN" && atMs > killedAtMs);
  const first = journal.find(({ pid, method }) => pid === listening?.pid && method !== "LISTEN");
  const joinedMs = (first?.atMs ?? Number.POSITIVE_INFINITY) - (listening?.atMs ?? 0);
  const startedBefore = failed.filter(({ startMs }) => startMs <= killedAtMs).length;
  console.log(
    `${title}: ${summary(outcomes)}\n  connections to it ${busy?.connections}; failed: ${startedBefore} sent before, ${failed.length - startedBefore} after;` +
      ` avoided after ${avoidedMs} ms, successor used ${joinedMs} ms after it listened; POST twice: ${repeatedIds(journal, "POST").length}` +
      `\n ${failed.map((f) => `${f.method}${f.startMs - killedAtMs}+${f.endMs - f.startMs}`).join(" ")}`,
  );
  assert.deepEqual(repeatedIds(journal, "POST"), []);
  assert.ok(failed.length <= (busy?.connections ?? 0), "only requests on its connections fail");
  assert.ok(avoidedMs < AVOIDED_WITHIN_MS);
  assert.ok(joinedMs < JOINED_WITHIN_MS);
}

test("the whole instance", async () => {
  const [victim] = await application.catalogInstances();
  assert.ok(victim);
  const pids = [...application.appPids(victim.name), ...application.sidecarPids(victim.name)];
  judge("app and sidecar", await round(victim.name, pids));
});

test("the app alone", async () => {
  const [victim] = await application.catalogInstances();
  assert.ok(victim);
  judge("app alone", await round(victim.name, application.appPids(victim.name)));
});
