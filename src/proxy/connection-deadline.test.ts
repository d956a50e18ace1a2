import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { TimerWheel } from "../core/timer-wheel.ts";
import { ConnectionDeadline } from "./connection-deadline.ts";

/** A connection as its deadline sees it. */
class Connection {
  isIdle = true;
  activity = 0;
  unsentBytes = 0;
  readonly calls: string[] = [];
  onHeadTimeout(): void {
    this.calls.push("head timeout");
  }
  close(): void {
    this.calls.push("close");
  }
  destroy(): void {
    this.calls.push("destroy");
  }
  onFault(error: unknown): void {
    this.calls.push(String(error));
  }
}

function setUp(idleTimeoutMs = 60_000) {
  const clock = new ManualClock();
  const connection = new Connection();
  const limits = {
    idleTimeoutMs,
    requestHeadTimeoutMs: 10_000,
    timers: { idle: new TimerWheel(clock, 500) },
  };
  return { clock, connection, deadline: new ConnectionDeadline(limits, connection) };
}

test("an idle connection is closed after its limit, never before", () => {
  const { clock, connection, deadline } = setUp();
  deadline.armIdle();
  clock.advance(59_999);
  assert.deepEqual(connection.calls, []);
  clock.advance(2_000);
  assert.deepEqual(connection.calls, ["close"]);
});

test("without a limit an idle connection stays, and other limits hold all the same", () => {
  const { clock, connection, deadline } = setUp(0);
  deadline.armIdle();
  clock.advance(10_000_000);
  assert.deepEqual(connection.calls, []);
  deadline.armHead();
  deadline.onRequest();
  clock.advance(10_000_000);
  assert.deepEqual(connection.calls, []);
  deadline.armHead();
  clock.advance(12_000);
  assert.deepEqual(connection.calls, ["head timeout"]);
});

test("what happened since it was armed gives it another period", () => {
  const { clock, connection, deadline } = setUp();
  deadline.armIdle();
  clock.advance(50_000);
  connection.activity += 2;
  clock.advance(59_000);
  assert.deepEqual(connection.calls, []);
  clock.advance(15_000);
  assert.deepEqual(connection.calls, ["close"]);
});

test("a connection with a request under way is not idle", () => {
  const { clock, connection, deadline } = setUp();
  connection.isIdle = false;
  deadline.armIdle();
  clock.advance(500_000);
  assert.deepEqual(connection.calls, []);
});

test("a head has its time from its first byte, and none when it is there", () => {
  const { clock, connection, deadline } = setUp();
  deadline.armIdle();
  deadline.armHead();
  clock.advance(6_000);
  deadline.armHead();
  clock.advance(6_000);
  assert.deepEqual(connection.calls, ["head timeout"]);
  deadline.armHead();
  deadline.onRequest();
  clock.advance(20_000);
  assert.deepEqual(connection.calls, ["head timeout"]);
});

test("a client that takes nothing of the last response is cut off, a slow one is not", () => {
  const { clock, connection, deadline } = setUp();
  connection.unsentBytes = 1_000_000;
  deadline.armClosing();
  for (let i = 0; i < 10; i++) {
    clock.advance(29_000);
    connection.unsentBytes -= 1;
  }
  assert.deepEqual(connection.calls, []);
  clock.advance(70_000);
  assert.deepEqual(connection.calls, ["destroy"]);
});

test("after our end the client has a moment to close", () => {
  const { clock, connection, deadline } = setUp();
  deadline.armLinger();
  deadline.onPeerEndWhileClosing();
  assert.deepEqual(connection.calls, ["destroy"]);
  clock.advance(4_000);
  assert.deepEqual(connection.calls, ["destroy", "destroy"]);
});

test("a drain closes an idle connection at once, and one that is new after a moment", () => {
  const { clock, connection, deadline } = setUp();
  deadline.armIdle();
  deadline.onDrain();
  assert.deepEqual(connection.calls, []);
  clock.advance(2_500);
  assert.deepEqual(connection.calls, ["close"]);
  connection.activity = 2;
  deadline.onDrain();
  assert.deepEqual(connection.calls, ["close", "close"]);
});
