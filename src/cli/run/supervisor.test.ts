import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import type { ExitStatus } from "./process-group.ts";
import { type RestartDecision, type RestartPolicy, RestartSchedule } from "./restart-policy.ts";
import { type Run, Supervisor } from "./supervisor.ts";

const FAILED: ExitStatus = { kind: "exited", code: 1 };
const TERMINATED: ExitStatus = { kind: "killed", signal: "SIGTERM" };

interface FakeRun extends Run {
  end(status: ExitStatus): void;
  readonly graces: number[];
}

/** A run that ends when the test says so, or at once when it is stopped. */
function fakeRun(): FakeRun {
  let resolve: (status: ExitStatus) => void = () => {};
  const promise = new Promise<ExitStatus>((settle) => {
    resolve = settle;
  });
  const graces: number[] = [];
  return {
    exited: promise,
    end: (status) => resolve(status),
    graces,
    signal: () => {},
    stop(graceMs) {
      graces.push(graceMs);
      resolve(TERMINATED);
      return promise;
    },
  };
}

function supervised(policy: RestartPolicy) {
  const clock = new ManualClock();
  const runs: FakeRun[] = [];
  const endings: RestartDecision[] = [];
  const ended: (() => void)[] = [];
  const supervisor = new Supervisor({
    start: () => {
      runs.push(fakeRun());
      return Promise.resolve(runs.at(-1)!);
    },
    schedule: new RestartSchedule({ policy, clock, prng: { next: () => 1 } }),
    clock,
    onEnded: (_, next) => {
      endings.push(next);
      ended.shift()?.();
    },
  });
  /** Ends the current run and waits until the supervisor has taken notice. */
  const crash = (status: ExitStatus): Promise<void> =>
    new Promise((resolve) => {
      ended.push(resolve);
      runs.at(-1)!.end(status);
    });
  return { clock, runs, endings, supervisor, crash };
}

test("starts again after the delay, and not before", async () => {
  const { clock, runs, endings, supervisor, crash } = supervised("always");
  assert.equal(supervisor.state, "idle");
  await supervisor.start();
  assert.equal(supervisor.state, "running");
  await crash(FAILED);
  assert.equal(supervisor.state, "waiting");
  assert.deepEqual(endings, [{ kind: "restart", delayMs: 500 }]);
  clock.advance(499);
  assert.equal(runs.length, 1);
  clock.advance(1);
  assert.equal(runs.length, 2);
  await supervisor.stop(10);
});

test("finishes with the last status when it is given up", async () => {
  const { supervisor, crash } = supervised("never");
  await supervisor.start();
  await crash(FAILED);
  assert.equal(supervisor.state, "finished");
  assert.deepEqual(await supervisor.finished, FAILED);
});

test("stop ends the run with the grace period and is no crash", async () => {
  const { clock, runs, endings, supervisor } = supervised("always");
  await supervisor.start();
  assert.deepEqual(await supervisor.stop(1234), TERMINATED);
  assert.deepEqual(runs[0]?.graces, [1234]);
  assert.deepEqual(endings, []);
  assert.equal(clock.pendingCount, 0);
  assert.deepEqual(await supervisor.stop(1234), TERMINATED);
});

test("stop while waiting for the next start cancels it", async () => {
  const { clock, runs, supervisor, crash } = supervised("always");
  await supervisor.start();
  await crash(FAILED);
  assert.deepEqual(await supervisor.stop(10), FAILED);
  clock.advance(60_000);
  assert.equal(runs.length, 1);
  assert.equal(supervisor.state, "finished");
});

test("stop before the start has come about ends what was started", async () => {
  const { runs, supervisor } = supervised("always");
  const started = supervisor.start();
  const stopped = supervisor.stop(10);
  await started;
  assert.deepEqual(await stopped, TERMINATED);
  assert.equal(runs.length, 1);
});

test("what was stopped before it began never begins", async () => {
  const { runs, supervisor } = supervised("always");
  await supervisor.stop(10);
  await supervisor.start();
  assert.equal(runs.length, 0);
});

test("one that was replaced may end; its successor is kept as it was", async () => {
  const { clock, runs, endings, supervisor, crash } = supervised("always");
  await supervisor.start();
  const [first] = runs;
  const successor = fakeRun();
  supervisor.replace(successor);
  runs.push(successor);
  first?.end({ kind: "exited", code: 0 });
  await first?.exited;
  assert.equal(supervisor.state, "running");
  assert.deepEqual(endings, []);
  await crash(FAILED);
  assert.equal(supervisor.state, "waiting");
  clock.advance(30_000);
  assert.equal(runs.length, 3);
  await supervisor.stop(7);
  assert.deepEqual(first?.graces, []);
});
