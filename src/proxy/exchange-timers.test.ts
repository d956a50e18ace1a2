import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { TimerWheel } from "../core/timer-wheel.ts";
import { ExchangeTimers } from "./exchange-timers.ts";

const TICK_MS = 10;

function setUp() {
  const clock = new ManualClock();
  const timers = { request: new TimerWheel(clock, TICK_MS), idle: new TimerWheel(clock, TICK_MS) };
  const fired: string[] = [];
  const wire = { requestBytes: 0, responseBytes: 0 };
  const nowMs = (): number => clock.monotonicMs();
  const note = (what: string) => (): void => {
    fired.push(`${what} at ${nowMs()}`);
  };
  const handler = {
    onResponseTimeout: note("response"),
    onStreamDuration: note("stream"),
    onIdle: note("idle"),
    onFault: (error: unknown): never => {
      throw error;
    },
  };
  const exchange = new ExchangeTimers(timers, handler, wire, nowMs);
  /** What fired, to the nearest tenth of a second: a wheel may be two ticks late. */
  const seen = (): string[] =>
    fired.map((line) => line.replace(/[\d.]+$/, (ms) => `${Math.floor(Number(ms) / 100) * 100}`));
  return { clock, timers, exchange, wire, nowMs, seen };
}

describe("the time limits of an exchange", () => {
  it("fire when they are over, once", () => {
    const { clock, exchange, nowMs, seen } = setUp();
    exchange.armResponse(1_000, nowMs());
    exchange.armIdle(3_000, nowMs());
    clock.advance(10_000);
    assert.deepEqual(seen(), ["response at 1000", "idle at 3000"]);
  });

  it("hold for the stream as a whole only where it has one", () => {
    const { clock, exchange, seen } = setUp();
    exchange.armStream(2_000);
    clock.advance(1_000);
    exchange.disarmAll();
    clock.advance(5_000);
    assert.deepEqual(seen(), []);
    exchange.armStream(2_000);
    clock.advance(5_000);
    assert.deepEqual(seen(), ["stream at 8000"]);
    exchange.release();
  });

  it("say nothing behind the end of their request", () => {
    const { clock, exchange, nowMs, seen } = setUp();
    exchange.armResponse(1_000, nowMs());
    exchange.armIdle(1_000, nowMs());
    exchange.disarmAll();
    clock.advance(10_000);
    assert.deepEqual(seen(), []);
  });

  it("count for each request from its own start, whatever was armed before", () => {
    const { clock, exchange, nowMs, seen } = setUp();
    for (let i = 0; i < 20; i++) {
      exchange.armResponse(1_000, nowMs());
      exchange.armIdle(2_000, nowMs());
      clock.advance(150);
      exchange.disarmAll();
    }
    exchange.armResponse(1_000, nowMs());
    exchange.armIdle(2_000, nowMs());
    clock.advance(10_000);
    assert.deepEqual(seen(), ["response at 4000", "idle at 5000"]);
  });

  it("are as short as the shortest request asks", () => {
    const { clock, exchange, nowMs, seen } = setUp();
    exchange.armResponse(60_000, nowMs());
    exchange.disarmAll();
    exchange.armResponse(500, nowMs());
    clock.advance(5_000);
    assert.deepEqual(seen(), ["response at 500"]);
  });

  it("do not mind where bytes move: idle is counted from when they were last looked at", () => {
    const { clock, exchange, wire, nowMs, seen } = setUp();
    exchange.armIdle(1_000, nowMs());
    clock.advance(900);
    wire.responseBytes += 1;
    clock.advance(5_000);
    assert.equal(seen().length, 1);
    assert.match(seen()[0]!, /idle at 2[01]00/);
  });

  it("hold on to nothing once they are released", () => {
    const { clock, timers, exchange, nowMs, seen } = setUp();
    exchange.armResponse(1_000, nowMs());
    exchange.armIdle(1_000, nowMs());
    exchange.release();
    assert.equal(timers.request.armedCount + timers.idle.armedCount, 0);
    clock.advance(5_000);
    assert.deepEqual(seen(), []);
  });
});
