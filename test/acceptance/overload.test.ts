/**
 * An app whose capacity is set by time gets three times as much as it can do, through load shedding by YAML: it goes on
 * working, what matters most is served as fast as before, and nobody dies. All figures are of one run, one against the
 * other, the middle one of several rounds, so that they say nothing about the machine.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Application } from "../support/application.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import type { Outcome } from "../support/load-client.ts";

/** Ejection would halve what there is, so more than one instance has to stand it. */
const INSTANCES = 2;
const SLOTS = 8;
const WORK_MS = 80;
/** Requests in a second that the instances can do. */
const CAPACITY = (INSTANCES * SLOTS * 1000) / WORK_MS;
const ROUNDS = 3;
const ROUND_MS = IS_FULL_SIZE ? 4_000 : 1_500;
/** What the sidecars need to find out how much the app can do. */
const WARM_UP_MS = 3_000;
/** Until what was under way before a round has gone. */
const SETTLE_MS = 500;
/** Of what went wrong, in a report. */
const EXAMPLES = 10;
/** The limits. */
const GOODPUT_MIN = 0.8;
const CRITICAL_P99_MAX = 2;

/** Of capacity, by class. */
const USUAL = { critical: 0.4, normal: 0.2, sheddable: 0.1 } as const;
const OVERLOAD = { critical: 0.4, normal: 1.4, sheddable: 1.2 } as const;
type ClassName = keyof typeof USUAL;
type Offer = Readonly<Record<ClassName, number>>;
type Result = Readonly<Record<ClassName, readonly Outcome[]>>;
const CLASSES = ["critical", "normal", "sheddable"] as const;

const POLICY = {
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RateLimitPolicy",
  metadata: { name: "catalog" },
  spec: {
    targetRefs: [{ kind: "Service", name: "catalog" }],
    loadShedding: {
      classes: [
        { priority: "Critical", match: { headers: [{ name: "x-class", value: "critical" }] } },
        { priority: "Sheddable", match: { headers: [{ name: "x-class", value: "sheddable" }] } },
      ],
    },
  },
};

let application: Application;

before(async () => {
  application = await Application.start({
    catalog: {},
    more: {
      busy: {
        service: "catalog",
        command: ["node", join(import.meta.dirname, "apps", "busy-catalog.mjs")],
        port: "auto",
        replicas: INSTANCES,
        env: { SLOTS: String(SLOTS), WORK_MS: String(WORK_MS) },
      },
    },
  });
});

after(() => application?.close());

/** Sends so much for so long, and waits for every answer. */
async function offer(shares: Offer, durationMs: number): Promise<Result> {
  const loads = CLASSES.map((name) =>
    application.client.steady(shares[name] * CAPACITY, [
      { method: "GET", headers: { "x-class": name } },
    ]),
  );
  await delay(durationMs);
  const [critical = [], normal = [], sheddable = []] = await Promise.all(
    loads.map((load) => load.stop()),
  );
  return { critical, normal, sheddable };
}

const isAnswered = ({ status }: Outcome): boolean => status === 200;

function answeredOf(result: Result): readonly Outcome[] {
  return CLASSES.flatMap((name) => result[name].filter(isAnswered));
}

/** Answers in a second of those requests. */
function goodputOf(result: Result): number {
  const all = CLASSES.flatMap((name) => result[name]);
  const startMs = Math.min(...all.map((outcome) => outcome.startMs));
  const endMs = Math.max(...all.map((outcome) => outcome.endMs));
  return (1000 * answeredOf(result).length) / (endMs - startMs);
}

function p99(outcomes: readonly Outcome[]): number {
  const sorted = outcomes
    .filter(isAnswered)
    .map(({ startMs, endMs }) => endMs - startMs)
    .sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}

function shareOfAnswers(outcomes: readonly Outcome[]): number {
  return outcomes.filter(isAnswered).length / outcomes.length;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Processes of the mesh that carry requests. */
async function pids(): Promise<readonly number[]> {
  const { proxies } = await application.admin.proxies();
  return proxies
    .flatMap(({ id }) => [...application.sidecarPids(id), ...application.appPids(id)])
    .sort((a, b) => a - b);
}

test("at three times capacity goodput stays, critical requests are as fast as before, nobody exits", async () => {
  const processes = await pids();
  // Without the policy: as many at a time as keep every slot busy.
  const peakStartMs = performance.now();
  const atPeak = await application.client.burst(CAPACITY * 3, 2 * INSTANCES * SLOTS);
  const peak = (1000 * atPeak.length) / (performance.now() - peakStartMs);
  const failed = atPeak.filter((outcome) => !isAnswered(outcome));
  assert.deepEqual(failed.slice(0, EXAMPLES), []);

  await application.apply(POLICY);
  await offer(USUAL, WARM_UP_MS);
  await offer(OVERLOAD, WARM_UP_MS);
  const rounds: { readonly usual: Result; readonly over: Result }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await offer(USUAL, SETTLE_MS);
    const usual = await offer(USUAL, ROUND_MS);
    await offer(OVERLOAD, SETTLE_MS);
    const over = await offer(OVERLOAD, ROUND_MS);
    rounds.push({ usual, over });
    const shares = CLASSES.map((name) => `${name} ${shareOfAnswers(over[name]).toFixed(3)}`);
    const instances = new Set(answeredOf(over).map(({ instance }) => instance));
    console.log(
      `peak ${peak.toFixed(0)}/s; at three times ${goodputOf(over).toFixed(0)}/s from ${instances.size} instances; ` +
        `critical p99 ${p99(usual.critical)} ms, then ${p99(over.critical)} ms; answered: ${shares.join(", ")}`,
    );
  }
  const goodput = median(rounds.map(({ over }) => goodputOf(over))) / peak;
  const slower = median(rounds.map(({ usual, over }) => p99(over.critical) / p99(usual.critical)));
  console.log(
    `goodput ${goodput.toFixed(3)} of the peak, critical p99 ${slower.toFixed(2)} times the usual`,
  );
  assert.ok(goodput >= GOODPUT_MIN, `goodput ${goodput} of the peak`);
  assert.ok(slower <= CRITICAL_P99_MAX, `critical p99 ${slower} times the usual`);
  const shareOf = (name: ClassName): number =>
    median(rounds.map(({ over }) => shareOfAnswers(over[name])));
  assert.ok(shareOf("critical") > 0.9, "nearly every critical request is answered");
  assert.ok(shareOf("sheddable") < shareOf("normal"), "what can be spared goes first");
  // Every request was answered or refused: nothing hung, nothing was cut.
  const others = rounds.flatMap(({ usual, over }) =>
    [usual, over].flatMap((result) =>
      CLASSES.flatMap((name) =>
        result[name].filter(({ status }) => status !== 200 && status !== 503),
      ),
    ),
  );
  assert.deepEqual(others.slice(0, EXAMPLES), []);
  assert.deepEqual(await pids(), processes, "the same processes as before");
});
