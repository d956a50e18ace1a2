/** Arming and disarming a timeout: the life of nearly every one. */
import { bench, group } from "mitata";
import { ManualClock, systemClock } from "../../src/core/clock.ts";
import { TimerEntry, TimerWheel } from "../../src/core/timer-wheel.ts";

const ENTRIES = 10_000;
const TICK_MS = 20;

group("a timeout that never fires", () => {
  const wheel = new TimerWheel(new ManualClock(), TICK_MS);
  const entry = new TimerEntry(() => {});
  const others = Array.from({ length: ENTRIES }, () => new TimerEntry(() => {}));
  for (const other of others) wheel.arm(other, 15_000);
  bench("wheel: arm and disarm", () => {
    wheel.arm(entry, 15_000);
    wheel.disarm(entry);
  });
  bench("wheel: arm again and again", () => wheel.arm(entry, 15_000));
  bench("the runtime's own timer", () => systemClock.schedule(15_000, () => {}).cancel());
});

group(`a tick with ${ENTRIES} armed`, () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, TICK_MS);
  for (let i = 0; i < ENTRIES; i++) {
    const entry: TimerEntry = new TimerEntry(() => wheel.arm(entry, 15_000));
    wheel.arm(entry, 15_000 + (i % 15_000));
  }
  bench("moves the hand and fires what is due", () => clock.advance(TICK_MS));
});
