/** The body of a request under a budget of bytes, with a clock in the test's hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { RATE_LIMITED_PENDING_BYTES_MAX } from "../../core/limits.ts";
import { TimerWheel } from "../../core/timer-wheel.ts";
import { ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";
import type { FilterCall } from "./http-filter.ts";
import { RateLimitedRequest } from "./rate-limited-request.ts";

const KIBIBYTE = 1024;
const PER_SECOND = 100 * KIBIBYTE;

class Fixture {
  readonly clock = new ManualClock();
  readonly body: RateLimitedRequest;
  readonly passed: string[] = [];
  hasRoom = true;
  isOver = false;
  resumed = 0;

  constructor() {
    const nowMs = (): number => this.clock.monotonicMs();
    const services = { nowMs, timers: new TimerWheel(this.clock, 10) };
    const call = { faults: { onFault: (error: unknown) => assert.fail(String(error)) } };
    const next = {
      take: (bytes: Buffer, start: number, end: number): boolean => {
        this.passed.push(bytes.toString("latin1", start, end));
        return this.hasRoom;
      },
      takeEnd: (): void => {
        this.isOver = true;
      },
    };
    const resume = (): void => {
      this.resumed += 1;
    };
    this.body = new RateLimitedRequest(
      { next, resume },
      call as unknown as FilterCall,
      new ByteBudget(PER_SECOND, nowMs()),
      services as unknown as FilterServices,
    );
  }

  send(bytes: number): boolean {
    return this.body.take(Buffer.alloc(bytes, "x"), 0, bytes);
  }

  get bytes(): number {
    return this.passed.join("").length;
  }
}

test("bytes go on as the rate allows, and the end behind the last of them", () => {
  const fixture = new Fixture();
  assert.ok(fixture.send(50 * KIBIBYTE));
  fixture.body.takeEnd(undefined);
  assert.ok(fixture.bytes < 10 * KIBIBYTE);
  fixture.clock.advance(200);
  assert.ok(fixture.bytes > 15 * KIBIBYTE && fixture.bytes < 30 * KIBIBYTE, `${fixture.bytes}`);
  assert.ok(!fixture.isOver);
  fixture.clock.advance(600);
  assert.equal(fixture.bytes, 50 * KIBIBYTE);
  assert.ok(fixture.isOver);
});

test("a client that sends more than is kept must pause, until half of it has gone on", () => {
  const fixture = new Fixture();
  assert.equal(fixture.send(RATE_LIMITED_PENDING_BYTES_MAX + 20 * KIBIBYTE), false);
  fixture.clock.advance(300);
  assert.equal(fixture.resumed, 0);
  fixture.clock.advance(500);
  assert.equal(fixture.resumed, 1);
  fixture.body.release();
});

test("an upstream that takes nothing stops it, whatever the rate allows", () => {
  const fixture = new Fixture();
  fixture.hasRoom = false;
  assert.equal(fixture.send(20 * KIBIBYTE), false);
  const { bytes } = fixture;
  fixture.clock.advance(5_000);
  assert.equal(fixture.bytes, bytes);
  fixture.hasRoom = true;
  fixture.body.onRoom();
  fixture.clock.advance(5_000);
  assert.equal(fixture.bytes, 20 * KIBIBYTE);
  assert.equal(fixture.resumed, 1);
});

test("nothing goes on when the request is over", () => {
  const fixture = new Fixture();
  fixture.send(20 * KIBIBYTE);
  const { bytes } = fixture;
  fixture.body.release();
  fixture.clock.advance(5_000);
  assert.equal(fixture.bytes, bytes);
});

test("one without a body goes on at once", () => {
  const fixture = new Fixture();
  fixture.body.takeEnd(undefined);
  assert.ok(fixture.isOver);
});
