/** The side of a restart that decides: when this process goes, and when it goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { hasCode } from "../../core/errors.ts";
import { RESTART_START_MS_MAX } from "../../core/limits.ts";
import { silentLogger } from "../../core/logger.ts";
import type { HandoverListener, HandoverMessage, OpenSocket } from "./messages.ts";
import { Restart } from "./restart.ts";

const LISTENER = { purpose: "listener", name: "out", host: "127.0.0.1", port: 80 } as const;
const LATE = { ...LISTENER, name: "late", port: 81 } as const;

function setUp() {
  const clock = new ManualClock();
  const log: string[] = [];
  const sent: HandoverMessage[] = [];
  const sockets: OpenSocket[] = [{ ...LISTENER, handle: {} }];
  let say: HandoverListener = () => {};
  let onStarted = (): void => {};
  const restart = new Restart({
    startSuccessor: async () => ({
      send: (message) => void sent.push(message),
      onMessage: (listener) => {
        say = listener;
        onStarted();
      },
      giveUp: () => void log.push("given up"),
    }),
    sidecar: () => ({
      openSockets: async () => [...sockets],
      holdLink: () => void log.push("held"),
      resumeLink: () => void log.push("resumed"),
    }),
    epoch: 3,
    clock,
    log: silentLogger,
  });
  const started = new Promise<void>((resolve) => {
    onStarted = resolve;
  });
  return {
    clock,
    log,
    sent,
    sockets,
    restart,
    started,
    say: (m: HandoverMessage) => say(m, undefined),
  };
}

const isFailure = (error: unknown): boolean => hasCode(error, "restart-failed");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a successor gets the sockets, those that are new later too, and this process goes when it is live", async () => {
  const { log, sent, sockets, restart, started, say } = setUp();
  const result = restart.request(5_000);
  await started;
  say({ kind: "take-over" });
  await turn();
  assert.deepEqual(sent, [
    { kind: "socket", socket: LISTENER },
    { kind: "sockets", epoch: 4 },
  ]);
  sockets.push({ ...LATE, handle: {} });
  say({ kind: "linking" });
  await turn();
  assert.deepEqual(sent.slice(2), [{ kind: "socket", socket: LATE }]);
  say({ kind: "live" });
  await result;
  assert.equal(await restart.handedOver, 5_000);
  assert.deepEqual(log, ["held"]);
  // That it ends one day is no failure, and there is no second successor.
  say({ kind: "failed", reason: "it ended" });
  assert.deepEqual(log, ["held"]);
  await assert.rejects(restart.request(0), isFailure);
});

test("one that is not live in time is given up, and what it says then changes nothing", async () => {
  const { clock, log, restart, started, say } = setUp();
  const result = restart.request(0);
  await started;
  say({ kind: "linking" });
  const rejected = assert.rejects(result, isFailure);
  clock.advance(RESTART_START_MS_MAX);
  await rejected;
  assert.deepEqual(log, ["held", "given up", "resumed"]);
  say({ kind: "live" });
  const isOver = await Promise.race([
    restart.handedOver.then(() => true),
    turn().then(() => false),
  ]);
  assert.equal(isOver, false);
});

test("whoever asks while one is under way gets the same answer; the end of this process ends it", async () => {
  const { log, restart, started } = setUp();
  const both = [restart.request(0), restart.request(0)].map((one) =>
    assert.rejects(one, isFailure),
  );
  await started;
  restart.close();
  await Promise.all(both);
  assert.deepEqual(log, ["given up"]);
});
