import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { registry as kinds } from "../resource/registry.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { InstanceDescription } from "./instance.ts";
import { Registry } from "./registry.ts";
import { descriptionFromWorkload, instanceHealth, isRegistered } from "./workload-object.ts";
import { WorkloadRecorder } from "./workload-recorder.ts";

const CATALOG: InstanceDescription = {
  name: "catalog-v1-a",
  namespace: "default",
  service: "catalog",
  serviceAccount: "catalog-sa",
  labels: { app: "catalog", version: "v1" },
  zone: "zone-a",
  address: "127.1.0.1",
  ports: [{ name: "http", port: 8080, inboundPort: 15006, protocol: "http" }],
};

function setUp() {
  const clock = new ManualClock();
  const store = createMemoryStore({ clock, registry: kinds });
  const recorder = new WorkloadRecorder({
    store,
    clock,
    log: silentLogger,
    instanceOf: (key) => registry.get(key),
  });
  const registry = new Registry({
    clock,
    getTimes: () => ({ suspectGraceMs: 30_000, reconnectWindowMs: 60_000 }),
    onChange: ({ key }) => recorder.record(key),
  });
  const stored = () => store.get("Workload", "default", "catalog-v1-a");
  return { clock, store, recorder, registry, stored };
}

test("an instance that is written down can be read back whole", async () => {
  const { recorder, registry, stored } = setUp();
  registry.connect("s1", CATALOG);
  registry.report("default/catalog-v1-a", "healthy");
  await recorder.stop();
  const workload = await stored();
  assert.ok(workload !== undefined && isRegistered(workload));
  assert.deepEqual(descriptionFromWorkload(workload), CATALOG);
  assert.equal(instanceHealth(workload.status?.health), "healthy");
});

test("changes of one turn are one revision, and an instance without change costs none", async () => {
  const { recorder, registry, store } = setUp();
  registry.connect("s1", CATALOG);
  registry.connect("s2", { ...CATALOG, name: "catalog-v1-b", address: "127.2.0.1" });
  recorder.record("default/catalog-v1-a");
  await recorder.stop();
  assert.equal(store.revision(), 1);
});

test("a suspect instance is not written down as serving, and a removed one not at all", async () => {
  const { clock, recorder, registry, stored } = setUp();
  registry.connect("s1", CATALOG);
  registry.report("default/catalog-v1-a", "healthy");
  registry.disconnect("s1");
  // One turn later the first write has begun; the removal comes after it.
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await stored())?.status?.health, "Unhealthy");
  clock.advance(60_000);
  await recorder.stop();
  assert.equal(await stored(), undefined);
});

test("a write that fails is tried again", async () => {
  const { clock, recorder, registry, store, stored } = setUp();
  const apply = store.apply.bind(store);
  let failures = 1;
  store.apply = (...args) =>
    failures-- > 0 ? Promise.reject(new Error("disk full")) : apply(...args);
  registry.connect("s1", CATALOG);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await stored(), undefined);
  clock.advance(1000);
  await recorder.stop();
  assert.notEqual(await stored(), undefined);
});
