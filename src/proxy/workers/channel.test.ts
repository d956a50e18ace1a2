/** Calls over a pair of ends: answers, errors of the other side, lateness and ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { hasCode, MeshError } from "../../core/errors.ts";
import { Channel, type ChannelEnd } from "./channel.ts";

interface Sums {
  readonly add: { readonly input: readonly [number, number]; readonly output: number };
}

interface Names {
  readonly name: { readonly input: undefined; readonly output: string };
}

function ends(): readonly [ChannelEnd, ChannelEnd] {
  const listeners: ((message: unknown) => void)[] = [];
  const end = (own: number): ChannelEnd => ({
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => listeners[1 - own]?.(copy));
    },
    onMessage: (listener) => {
      listeners[own] = listener;
    },
  });
  return [end(0), end(1)];
}

function pair(add: (numbers: readonly [number, number]) => number | Promise<number>) {
  const [a, b] = ends();
  const clock = new ManualClock();
  const caller = new Channel<Names, Sums>(a, clock, { name: () => "caller" });
  const callee = new Channel<Sums, Names>(b, clock, { add });
  return { clock, caller, callee };
}

test("both sides call, and answers find their calls", async () => {
  const waiting: (() => void)[] = [];
  const { caller, callee } = pair(async ([a, b]) => {
    if (a === 1) await new Promise<void>((resolve) => waiting.push(resolve));
    return a + b;
  });
  const slow = caller.call("add", [1, 1], 100);
  assert.equal(await caller.call("add", [2, 2], 100), 4);
  for (const resolve of waiting) resolve();
  assert.equal(await slow, 2);
  assert.equal(await callee.call("name", undefined, 100), "caller");
});

test("an error keeps its code and its text", async () => {
  const { caller } = pair(([a]) => {
    if (a === 0) throw new MeshError({ code: "listen-failed", reason: "busy" }, "cannot listen");
    throw new TypeError("a fault");
  });
  await assert.rejects(caller.call("add", [0, 0], 100), (error) => {
    assert.ok(hasCode(error, "listen-failed"));
    assert.deepEqual(error.detail, { code: "listen-failed", reason: "busy" });
    assert.equal(error.message, "cannot listen");
    return true;
  });
  await assert.rejects(caller.call("add", [1, 0], 100), /a fault/);
});

test("who does not answer in time has failed, and a late answer is dropped", async () => {
  const waiting: (() => void)[] = [];
  const { caller, clock } = pair(
    () => new Promise<number>((resolve) => waiting.push(() => resolve(1))),
  );
  const call = caller.call("add", [1, 1], 100);
  const refused = assert.rejects(call, /add: no answer within 100 ms/);
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(100);
  await refused;
  for (const resolve of waiting) resolve();
  await new Promise((resolve) => setImmediate(resolve));
});

test("when the other side is gone every call fails", async () => {
  const { caller } = pair(() => new Promise<number>(() => {}));
  const call = caller.call("add", [1, 1], 100);
  caller.close();
  await assert.rejects(call, /the process is gone/);
  await assert.rejects(caller.call("add", [1, 1], 100), /the process is gone/);
});
