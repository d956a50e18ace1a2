/**
 * One of three instances of catalog is killed with SIGKILL under load, in each way in which it can die: app and sidecar
 * at once, the app alone, and everything that a `tulle run` had started together with it.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { InstanceView } from "../../src/control-plane/api-types.ts";
import { Application, eventually, killAll } from "../support/application.ts";
import { type EndpointSample, isUsed, usedCount } from "../support/endpoint-watch.ts";
import { type JournalEntry, repeatedIds } from "../support/journal.ts";
import { type Outcome, summary } from "../support/load-client.ts";

const RATE = 200;
/** Each takes long enough that some are under way at any moment. */
const PLANS = [
  { method: "GET", appDelayMs: 15 },
  { method: "POST", body: "one order, please", appDelayMs: 15 },
] as const;
/** The limits. */
const AVOIDED_WITHIN_MS = 1000;
const JOINED_WITHIN_MS = 2000;
/** Answers to requests that cannot have reached an app. */
const NEVER_SENT = /could not be connected to|no healthy upstream/;
/** The samples on both sides of the kill that tell how many connections there were to lose. */
const AROUND_MS = 250;

let application: Application;

before(async () => {
  application = await Application.start({ catalog: { v1: 2 } });
  await application.runCatalog("catalog-run");
});

after(() => application?.close());

interface Round {
  readonly killedAtMs: number;
  /** `host:port` of the victim. */
  readonly address: string;
  readonly samples: readonly EndpointSample[];
  readonly outcomes: readonly Outcome[];
  readonly journal: readonly JournalEntry[];
}

/** Kills `pids` under load, and goes on until a successor has been sent requests. */
async function killUnderLoad(
  victim: InstanceView,
  pids: readonly number[],
  replace?: () => Promise<unknown>,
): Promise<Round> {
  const address = `${victim.address}:${victim.ports[0]?.inboundPort}`;
  const watch = await application.watchEndpoints();
  const load = application.client.steady(RATE, PLANS);
  const [{ endpoints }] = watch.samples as [EndpointSample];
  const [{ requests = 0 } = {}] = endpoints.filter((endpoint) => endpoint.address === address);
  await watch.next((sample) =>
    sample.endpoints.some((now) => now.address === address && now.requests > requests + 20),
  );
  const avoided = watch.next((sample) => !isUsed(sample, address));
  const killedAtMs = killAll(pids);
  // An app that is started again may be back before anybody has to avoid it.
  const isBack = async () => newcomer(await application.journal(), killedAtMs);
  await Promise.race([avoided, eventually(isBack)]);
  await replace?.();
  await watch.next((sample) => usedCount(sample) === 3);
  await eventually(async () => firstRequest(await application.journal(), killedAtMs));
  const outcomes = await load.stop();
  await watch.stop();
  const journal = await application.journal();
  return { killedAtMs, address, samples: watch.samples, outcomes, journal };
}

/** The first app that began to listen after `afterMs`. */
function newcomer(journal: readonly JournalEntry[], afterMs: number): JournalEntry | undefined {
  return journal.find(({ method, atMs }) => method === "LISTEN" && atMs > afterMs);
}

/** When that was, and when its first request came. */
function firstRequest(
  journal: readonly JournalEntry[],
  afterMs: number,
): { readonly listenMs: number; readonly requestMs: number } | undefined {
  const listening = newcomer(journal, afterMs);
  const first = journal.find(({ pid, method }) => pid === listening?.pid && method !== "LISTEN");
  if (listening === undefined || first === undefined) return undefined;
  return { listenMs: listening.atMs, requestMs: first.atMs };
}

/**
 * How many ends of connections explain these failures. When the first of them is seen, its connection has ended: whatever
 * else was lost with it had begun by then. What began later was on a connection that was still there, until
 * the next end.
 */
function connectionEnds(failed: readonly Outcome[]): number {
  let ends = 0;
  for (let left = failed; left.length > 0; ends++) {
    const seenAtMs = Math.min(...left.map(({ endMs }) => endMs));
    left = left.filter(({ startMs }) => startMs > seenAtMs);
  }
  return ends;
}

/** `processes`: how many of those that were killed had connections. */
function judge(title: string, processes: number, round: Round): void {
  const { killedAtMs, address, samples, outcomes, journal } = round;
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  const connections = samples
    .filter(({ atMs }) => Math.abs(atMs - killedAtMs) < AROUND_MS)
    .flatMap(({ endpoints }) => endpoints.filter((endpoint) => endpoint.address === address))
    .reduce((most, endpoint) => Math.max(most, endpoint.connections), 0);
  const since = samples.filter(({ atMs }) => atMs >= killedAtMs);
  const avoidedAtMs = since.find((sample) => !isUsed(sample, address))?.atMs ?? Infinity;
  const successor = firstRequest(journal, killedAtMs);
  assert.ok(successor !== undefined);
  const deadMs = Math.min(avoidedAtMs, successor.listenMs) - killedAtMs;
  const joinedMs = successor.requestMs - successor.listenMs;
  const repeated = repeatedIds(journal, "POST");
  const underWay = failed.filter(({ startMs }) => startMs <= killedAtMs).length;
  const ends = connectionEnds(failed);
  console.log(
    `${title}: ${summary(outcomes)}\n` +
      `  ${failed.length} failed (${underWay} sent before the kill) at ${ends} ends of ${connections} connections to it; ` +
      `avoided, or back, after ${deadMs} ms; ` +
      `successor's first request ${joinedMs} ms after it listened; ${repeated.length} POST repeated`,
  );
  // A connection carries many requests: those that were on it when its end was seen, and no others. The connections of
  // one process end together, but may be seen to do so one after the other.
  const connectionsMost = processes * Math.max(connections, 1);
  assert.ok(ends <= connectionsMost, `${ends} ends of at most ${connectionsMost} connections`);
  const late = failed.filter(({ startMs }) => startMs > killedAtMs + deadMs);
  assert.deepEqual(late, [], "nothing fails once the instance is avoided, or back");
  const needless = failed.filter(({ failure }) => NEVER_SENT.test(failure ?? ""));
  assert.deepEqual(needless, [], "what never reached an app was sent to another");
  assert.deepEqual(repeated, []);
  assert.ok(deadMs < AVOIDED_WITHIN_MS);
  assert.ok(joinedMs < JOINED_WITHIN_MS);
}

async function instanceOf(fits: (name: string) => boolean): Promise<InstanceView> {
  const instance = (await application.catalogInstances()).find(({ name }) => fits(name));
  assert.ok(instance !== undefined);
  return instance;
}

test("app and sidecar killed at once", async () => {
  const victim = await instanceOf((name) => name !== "catalog-run");
  const pids = [...application.appPids(victim.name), ...application.sidecarPids(victim.name)];
  judge("app and sidecar", 2, await killUnderLoad(victim, pids));
});

test("the app killed alone: no request fails that was not in it", async () => {
  const victim = await instanceOf((name) => name !== "catalog-run");
  judge("app alone", 1, await killUnderLoad(victim, application.appPids(victim.name)));
});

test("everything below a tulle run killed with it", async () => {
  const victim = await instanceOf((name) => name === "catalog-run");
  const pids = [
    ...application.runPids(victim.name),
    ...application.appPids(victim.name),
    ...application.sidecarPids(victim.name),
  ];
  judge(
    "tulle run with app and sidecar",
    2,
    await killUnderLoad(victim, pids, () => application.runCatalog("catalog-next")),
  );
});
