import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import { type InstanceDescription, instanceKey, isServing } from "./instance.ts";
import { Registry, type RegistryChange } from "./registry.ts";

const SUSPECT_GRACE_MS = 30_000;
const RECONNECT_WINDOW_MS = 60_000;

const CATALOG: InstanceDescription = {
  name: "catalog-v1-a",
  namespace: "default",
  service: "catalog",
  serviceAccount: "catalog",
  labels: { app: "catalog", version: "v1" },
  zone: "",
  address: "127.1.0.1",
  ports: [{ name: "http", port: 8080, inboundPort: 15006, protocol: "http" }],
};
const KEY = instanceKey(CATALOG);

function setUp() {
  const clock = new ManualClock();
  const changes: RegistryChange[] = [];
  const registry = new Registry({
    clock,
    getTimes: () => ({
      suspectGraceMs: SUSPECT_GRACE_MS,
      reconnectWindowMs: RECONNECT_WINDOW_MS,
    }),
    onChange: (change) => changes.push(change),
  });
  const state = () => registry.get(KEY)?.state;
  const serving = () => {
    const instance = registry.get(KEY);
    return instance !== undefined && isServing(instance);
  };
  return { clock, changes, registry, state, serving };
}

test("an instance serves from the first healthy report on", () => {
  const { registry, state, serving } = setUp();
  registry.connect("s1", CATALOG);
  assert.equal(state(), "starting");
  assert.equal(serving(), false);
  registry.report(KEY, "healthy");
  assert.equal(serving(), true);
  registry.report(KEY, "unhealthy");
  assert.equal(serving(), false);
});

test("a report that comes before the stream is not lost", () => {
  const { registry, state } = setUp();
  registry.report(KEY, "healthy");
  registry.connect("s1", CATALOG);
  assert.equal(state(), "healthy");
});

test("a cut stream takes the instance out at once and removes it after the grace period", () => {
  const { clock, changes, registry, state, serving } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "healthy");
  registry.disconnect("s1");
  assert.equal(state(), "suspect");
  assert.equal(serving(), false);
  assert.equal(changes.at(-1)?.isRemoval, true);
  clock.advance(SUSPECT_GRACE_MS - 1);
  assert.equal(state(), "suspect");
  clock.advance(1);
  assert.equal(state(), undefined);
  assert.equal(changes.at(-1)?.after, undefined);
  assert.equal(changes.at(-1)?.isRemoval, false, "it had left traffic before");
});

test("a suspect instance that comes back is what it was", () => {
  const { clock, registry, state } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "healthy");
  registry.disconnect("s1");
  clock.advance(SUSPECT_GRACE_MS - 1);
  registry.connect("s2", CATALOG);
  assert.equal(state(), "healthy");
  clock.advance(SUSPECT_GRACE_MS * 2);
  assert.equal(state(), "healthy", "the old deadline is gone");
});

test("a suspect instance whose reports ended too waits for a new one: its app may be another", () => {
  const { registry, state, serving } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "healthy");
  registry.disconnect("s1");
  registry.endReports(KEY);
  registry.connect("s2", CATALOG);
  assert.equal(state(), "starting");
  registry.report(KEY, "healthy");
  assert.equal(serving(), true);
});

test("a stream whose certificate expired does not take the instance out of traffic", () => {
  const { clock, changes, registry, state, serving } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "healthy");
  registry.disconnect("s1", "expired");
  assert.equal(serving(), true);
  registry.connect("s2", CATALOG);
  assert.equal(state(), "healthy");
  assert.ok(changes.every((change) => !change.isRemoval));
  registry.disconnect("s2", "expired");
  clock.advance(SUSPECT_GRACE_MS);
  assert.equal(state(), "suspect", "it did not come back");
});

test("the same name at another address is another process", () => {
  const { registry, state } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "healthy");
  registry.endReports(KEY);
  registry.disconnect("s1");
  registry.connect("s2", { ...CATALOG, address: "127.2.0.1" });
  assert.equal(state(), "starting");
});

test("a newer stream takes the lease; the end of the older one is ignored", () => {
  const { registry, state } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "healthy");
  registry.connect("s2", CATALOG);
  registry.disconnect("s1");
  assert.equal(state(), "healthy");
  registry.disconnect("s2");
  assert.equal(state(), "suspect");
});

test("a leased name is not given to another service account", () => {
  const { registry } = setUp();
  registry.connect("s1", CATALOG);
  assert.throws(
    () => registry.connect("s2", { ...CATALOG, serviceAccount: "payments" }),
    (error) => hasCode(error, "proxy-refused"),
  );
  assert.equal(registry.get(KEY)?.description.serviceAccount, "catalog");
});

test("a drained instance is removed as soon as its stream ends", () => {
  const { registry, state } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "draining");
  assert.equal(state(), "draining");
  registry.disconnect("s1");
  assert.equal(state(), undefined);
});

test("after a restart instances serve until the window passes without their sidecars", () => {
  const { clock, registry, state, serving } = setUp();
  registry.restore(CATALOG, "healthy");
  assert.equal(state(), "unconfirmed");
  assert.equal(serving(), true);
  clock.advance(RECONNECT_WINDOW_MS);
  assert.equal(state(), "suspect");
  clock.advance(SUSPECT_GRACE_MS);
  assert.equal(state(), undefined);
});

test("after a restart a sidecar that comes back does not leave traffic for a moment", () => {
  const { clock, changes, registry, state } = setUp();
  registry.restore(CATALOG, "healthy");
  registry.connect("s1", CATALOG);
  assert.equal(state(), "healthy");
  assert.ok(changes.every((change) => !change.isRemoval));
  clock.advance(RECONNECT_WINDOW_MS * 2);
  assert.equal(state(), "healthy");
});

test("after a restart an instance that did not serve before does not serve", () => {
  const { registry, serving } = setUp();
  registry.restore(CATALOG, "unhealthy");
  assert.equal(serving(), false);
});

test("a control plane that stops takes nobody out", () => {
  const { clock, registry, state } = setUp();
  registry.connect("s1", CATALOG);
  registry.report(KEY, "healthy");
  registry.stop();
  registry.disconnect("s1");
  assert.equal(state(), "healthy");
  assert.equal(clock.pendingCount, 0);
});
