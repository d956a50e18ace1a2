/**
 * Rollouts in a whole mesh: splits that are exact, a canary with a bug that goes back by itself, a good one that is
 * promoted, and a switch to and fro under load. v1 and v2 are good, v3 has the bug.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RolloutState } from "../../src/resource/kinds/rollout-status.ts";
import { Application, eventually } from "../support/application.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { type Outcome, shares, summary } from "../support/load-client.ts";

/** At full size as many requests as the product promises its splits for. */
const SPLIT_REQUESTS = IS_FULL_SIZE ? 20_000 : 4000;
const SPLITS = [1, 10, 50, 100] as const;
const CANARY_RATE = 200;
const SWITCH_RATE = IS_FULL_SIZE ? 1000 : 300;
const FAULTY = join(import.meta.dirname, "apps", "faulty-catalog.mjs");

let application: Application;

before(async () => {
  application = await Application.start({
    catalog: { v1: 1, v2: 1 },
    more: {
      "catalog-v3": {
        service: "catalog",
        command: ["node", FAULTY],
        port: "auto",
        labels: { version: "v3" },
        env: { APP_VERSION: "v3" },
      },
    },
  });
});

after(() => application?.close());

/** Undefined before the control plane has looked at it for the first time. */
async function maybeState(): Promise<RolloutState | undefined> {
  const { status } = await application.admin.get("Rollout", {
    namespace: "default",
    name: "catalog",
  });
  return status?.["rollout"] as RolloutState | undefined;
}

async function state(): Promise<RolloutState> {
  const found = await maybeState();
  assert.ok(found !== undefined, "the control plane has looked");
  return found;
}

async function tulle(words: readonly string[], code = 0): Promise<string> {
  const { code: ended, output } = await application.tulle(words);
  assert.equal(ended, code, output);
  return output;
}

/** Waits until the step is entered and every proxy has its weights. */
async function untilStep(index: number): Promise<void> {
  await eventually(async () => {
    const now = await maybeState();
    return now?.phase === "Paused" && now.currentStepIndex === index ? true : undefined;
  });
  await settled();
}

async function settled(): Promise<void> {
  const { metadata } = await application.admin.get("Rollout", {
    namespace: "default",
    name: "catalog",
  });
  const answer = await application.admin.revision(Number(metadata.resourceVersion), 30);
  assert.ok(answer.done, JSON.stringify(answer));
}

/** Three standard deviations of a share of so many requests. */
function assertShare(outcomes: readonly Outcome[], version: string, percent: number): void {
  const share = percent / 100;
  const count = outcomes.filter((outcome) => outcome.version === version).length;
  const expected = outcomes.length * share;
  const sigma = Math.sqrt(outcomes.length * share * (1 - share));
  assert.ok(
    Math.abs(count - expected) <= 3 * sigma,
    `${count} of ${outcomes.length} to ${version}, ${percent} % configured`,
  );
}

test("shares of 1, 10, 50 and 100 % are those that requests see, within three sigma", async () => {
  await tulle([
    "rollout",
    "start",
    "catalog",
    "v2",
    "--from",
    "v1",
    "--steps",
    SPLITS.join(","),
    "--manual",
  ]);
  for (const [index, percent] of SPLITS.entries()) {
    await untilStep(index);
    assert.deepEqual((await state()).weights, { stable: 100 - percent, canary: percent });
    const outcomes = await application.client.burst(SPLIT_REQUESTS, 16);
    console.log(`split ${percent} %: ${shares(outcomes)}; ${summary(outcomes)}`);
    assert.deepEqual(
      outcomes.filter(({ failure }) => failure !== undefined),
      [],
    );
    assertShare(outcomes, "v2", percent);
    await tulle(["rollout", "promote", "catalog"]);
  }
  assert.equal((await state()).phase, "Succeeded");
  const undone = await tulle(["rollout", "undo", "catalog"]);
  assert.match(undone, /RolledBack/);
  await settled();
  assert.equal((await application.client.send()).version, "v1");
  await tulle(["rollout", "undo", "catalog"], 1);
});

test("a canary with a bug goes back by itself, and no more than its share of requests saw the bug", async () => {
  const load = application.client.steady(CANARY_RATE);
  const gates = ["--success-rate", "99", "--latency", "p99=5s", "--interval", "1s"];
  const steps = ["--steps", "10,30,60", "--pause", "4s"];
  const words = [
    "rollout",
    "start",
    "catalog",
    "v3",
    ...steps,
    ...gates,
    "--watch",
    "--timeout",
    "90s",
  ];
  const output = await tulle(words, 1);
  assert.match(output, /RolledBack.*request-success-rate is \S+ %, at least 99 % is allowed/);
  await settled();
  const startMs = Date.now();
  await load.next(({ startMs: sentMs }) => sentMs > startMs);
  const outcomes = await load.stop();
  const failed = load.failures;
  console.log(`with the bug: ${summary(outcomes).split("\n")[0]}`);
  assert.ok(failed.length > 0, "somebody saw the bug");
  const share = outcomes.length * 0.1;
  assert.ok(
    failed.length <= share + 3 * Math.sqrt(share * 0.9),
    `${failed.length} of ${outcomes.length} requests failed`,
  );
  // It was seen at the first step: the others never came.
  assert.equal((await state()).currentStepIndex, 0);
  assert.deepEqual(
    (await application.client.burst(200, 8)).filter(({ version }) => version !== "v1"),
    [],
  );
  const status = await application.tulle(["rollout", "status", "catalog"]);
  assert.equal(status.code, 1);
  assert.match(status.output, /GateFailed/);
});

test("a good one is promoted, and no request fails", async () => {
  const load = application.client.steady(CANARY_RATE);
  const words = [
    "--steps",
    "10,30,60",
    "--pause",
    "2s",
    "--success-rate",
    "99",
    "--interval",
    "1s",
  ];
  const output = await tulle([
    "rollout",
    "start",
    "catalog",
    "v2",
    ...words,
    "--watch",
    "--timeout",
    "90s",
  ]);
  assert.match(output, /step 1\/3[\s\S]*step 2\/3[\s\S]*step 3\/3[\s\S]*Succeeded/);
  await settled();
  const outcomes = await load.stop();
  console.log(`a good one: ${shares(outcomes)}; ${summary(outcomes)}`);
  assert.deepEqual(load.failures, []);
  const { traffic, weights } = await state();
  assert.deepEqual(weights, { stable: 0, canary: 100 });
  assert.ok(traffic.canary.requests > traffic.stable.requests, "the last step was observed");
  const described = await tulle(["describe", "service", "catalog"]);
  assert.match(described, /catalog-v2:80\s+100/);
});

test("blue/green switches everything at once, to and fro, and no request fails", async () => {
  const load = application.client.steady(SWITCH_RATE, [
    { method: "GET" },
    { method: "POST", body: "x" },
  ]);
  await tulle([
    "rollout",
    "start",
    "catalog",
    "v1",
    "--blue-green",
    "--manual",
    "--success-rate",
    "99",
    "--interval",
    "1s",
  ]);
  await eventually(async () => ((await state()).phase === "Paused" ? true : undefined));
  assert.equal((await application.client.send()).version, "v2");
  await tulle(["rollout", "promote", "catalog"]);
  await settled();
  assert.equal((await application.client.send()).version, "v1");
  await tulle(["rollout", "undo", "catalog"]);
  await settled();
  assert.equal((await application.client.send()).version, "v2");
  const outcomes = await load.stop();
  const offered = load.offered.toFixed(0);
  console.log(`switched twice: ${offered}/s, ${shares(outcomes)}; ${summary(outcomes)}`);
  assert.deepEqual(load.failures, []);
});

test("users chosen by cookie or header get the canary, the others never do", async () => {
  const rollout = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Rollout",
    metadata: { name: "catalog" },
    spec: {
      targetRef: { name: "catalog" },
      stableService: "catalog-v2",
      canaryService: "catalog-v1",
      strategy: {
        abTest: {
          matches: [
            { header: { name: "x-beta", value: "yes" } },
            { cookie: { name: "group", value: "b" } },
          ],
        },
      },
    },
  };
  await application.apply(rollout);
  await tulle(["rollout", "start", "catalog"]);
  await eventually(async () => ((await state()).phase === "Paused" ? true : undefined));
  await settled();
  for (let turn = 0; turn < 5; turn++) {
    assert.equal(await versionFor({ "x-beta": "yes" }), "v1");
    assert.equal(await versionFor({ cookie: "a=1; group=b" }), "v1");
    assert.equal(await versionFor({ cookie: "group=bb" }), "v2");
    assert.equal(await versionFor({}), "v2");
  }
  await tulle(["rollout", "promote", "catalog"]);
  await settled();
  assert.equal(await versionFor({}), "v1");
});

test("a share of the users gets the canary, always the same ones", async () => {
  const rollout = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Rollout",
    metadata: { name: "catalog" },
    spec: {
      targetRef: { name: "catalog" },
      stableService: "catalog-v1",
      canaryService: "catalog-v2",
      strategy: { abTest: { userHash: { header: "x-user", percent: 30 } } },
    },
  };
  await application.apply(rollout);
  await eventually(async () => ((await state()).phase === "Paused" ? true : undefined));
  await settled();
  const users = Array.from({ length: 300 }, (_, index) => `user-${index * 104729}`);
  const first = await Promise.all(users.map((user) => versionFor({ "x-user": user })));
  const second = await Promise.all(users.map((user) => versionFor({ "x-user": user })));
  assert.deepEqual(second, first);
  const canaries = first.filter((version) => version === "v2").length;
  assert.ok(Math.abs(canaries - 90) <= 3 * Math.sqrt(300 * 0.3 * 0.7), `${canaries} of 300 users`);
});

/** Who answers a request with these headers. */
async function versionFor(headers: Readonly<Record<string, string>>): Promise<string> {
  const { host, port } = application.client.target;
  const answer = await fetch(`http://${host}:${port}/`, { headers });
  return ((await answer.json()) as { version: string }).version;
}
