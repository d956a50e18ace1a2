/** When a set of instances that is gone is kept, and when it is let go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { EmptySetGuard } from "./empty-set-guard.ts";
import { type InstanceDescription, isServing } from "./instance.ts";
import { Registry } from "./registry.ts";

const HOLD_MS = 600_000;
const GRACE_MS = 30_000;

function description(name: string): InstanceDescription {
  return {
    ...{ name, namespace: "default", service: "catalog", serviceAccount: "catalog" },
    ...{ labels: { app: "catalog" }, zone: "", address: "127.1.0.1", ports: [] },
  };
}

function setUp(names: readonly string[], holdMs = HOLD_MS) {
  const clock = new ManualClock();
  let released = 0;
  const guard = new EmptySetGuard({
    clock,
    getHoldMs: () => holdMs,
    onReleased: () => {
      released += 1;
    },
  });
  const registry = new Registry({
    clock,
    getTimes: () => ({ suspectGraceMs: GRACE_MS, reconnectWindowMs: 60_000 }),
    onChange: (change) => guard.observe(change),
  });
  const connect = (name: string): void => {
    registry.connect(`lease-${name}`, description(name));
    registry.report(`default/${name}`, "healthy");
  };
  const lose = (name: string): void => registry.disconnect(`lease-${name}`);
  for (const name of names) connect(name);
  const service = { name: "default/catalog", selects: () => true };
  const held = (): readonly string[] =>
    guard
      .update([service], registry.list().filter(isServing))
      .flatMap(({ instances }) => instances.map((one) => one.description.name));
  assert.deepEqual(held(), []);
  return { clock, guard, registry, connect, lose, held, released: () => released };
}

test("a set that is lost at once is held, also when its leases are over", () => {
  const { clock, lose, held, released } = setUp(["a", "b", "c"]);
  lose("a");
  assert.deepEqual(held(), [], "others serve");
  clock.advance(1_000);
  lose("b");
  lose("c");
  assert.deepEqual(held(), ["a", "b", "c"]);
  clock.advance(GRACE_MS + 1_000);
  assert.deepEqual(held(), ["a", "b", "c"]);
  clock.advance(HOLD_MS);
  assert.ok(released() > 0, "the end of the hold is told");
  assert.deepEqual(held(), []);
});

test("one that comes back ends it", () => {
  const { connect, lose, held } = setUp(["a", "b"]);
  lose("a");
  lose("b");
  assert.deepEqual(held(), ["a", "b"]);
  connect("b");
  assert.deepEqual(held(), []);
  lose("b");
  assert.deepEqual(held(), ["a", "b"], "and it begins anew");
});

test("a single instance is no set, nor are losses one after the other", () => {
  const single = setUp(["a"]);
  single.lose("a");
  assert.deepEqual(single.held(), []);
  const several = setUp(["a", "b"]);
  several.lose("a");
  several.clock.advance(11_000);
  several.lose("b");
  assert.deepEqual(several.held(), []);
});

test("who said goodbye, was unwell or was drained is not held", () => {
  const { registry, lose, held } = setUp(["a", "b", "c", "d"]);
  registry.report("default/a", "draining");
  lose("a");
  registry.report("default/b", "unhealthy");
  lose("b");
  registry.setMaintenance("default/c", true);
  lose("c");
  lose("d");
  assert.deepEqual(held(), []);
});

test("it can be turned off", () => {
  const { lose, held } = setUp(["a", "b"], 0);
  lose("a");
  lose("b");
  assert.deepEqual(held(), []);
});

test("a Service that is gone is forgotten", () => {
  const { guard, lose, held } = setUp(["a", "b"]);
  lose("a");
  lose("b");
  assert.deepEqual(held(), ["a", "b"]);
  assert.deepEqual(guard.update([], []), []);
});
