/** The store's contract as tests, to be run on every implementation. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { hasCode, MeshError } from "../../src/core/errors.ts";
import type { MeshConfig } from "../../src/resource/kinds/mesh-config.ts";
import type { Service } from "../../src/resource/kinds/service.ts";
import { keyOf } from "../../src/resource/object.ts";
import type { StoreErrorDetail } from "../../src/store/errors.ts";
import { revisionOf, type Store } from "../../src/store/store.ts";
import {
  CATALOG,
  creation,
  rejectsWith,
  type StoreTest,
  sampleMeshConfig,
  sampleService,
  sampleWorkload,
  take,
} from "./store-samples.ts";
import { testWatches } from "./store-watch-contract.ts";

export interface ContractOptions {
  /** A new, empty store whose log keeps that many events. The contract closes it. */
  readonly open: (options: { readonly logEventsMax: number }) => Store;
}

export function testStoreContract(name: string, options: ContractOptions): void {
  const storeTest = (
    title: string,
    body: (store: Store) => Promise<void>,
    logEventsMax = 1000,
  ): void => {
    test(title, async () => {
      const store = options.open({ logEventsMax });
      try {
        await body(store);
      } finally {
        await store.close();
      }
    });
  };
  describe(`${name}: objects`, () => testObjects(storeTest));
  describe(`${name}: transactions`, () => testTransactions(storeTest));
  describe(`${name}: refusals`, () => testRefusals(storeTest));
  describe(`${name}: watches`, () => testWatches(storeTest));
}

function testObjects(storeTest: StoreTest): void {
  storeTest("an empty store is at revision 0", async (store) => {
    assert.equal(store.revision(), 0);
    assert.deepEqual(await store.list(), { objects: [], revision: 0 });
    assert.equal(await store.get("Service", "default", "catalog"), undefined);
  });

  storeTest("create gives identity, generation and revision", async (store) => {
    const created = await store.create(sampleService("catalog"));
    assert.equal(store.revision(), 1);
    assert.match(created.metadata.uid ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(created.metadata.generation, 1);
    assert.equal(revisionOf(created), 1);
    assert.match(created.metadata.creationTimestamp ?? "", /^2026-01-01T00:00:00(\.000)?Z$/);
    assert.deepEqual(await store.get("Service", "default", "catalog"), created);
  });

  storeTest("create does not take over identity, revision or status", async (store) => {
    const forged = {
      ...sampleService("catalog"),
      metadata: { ...sampleService("catalog").metadata, uid: "mine", resourceVersion: "99" },
      status: { serviceIndex: 7 },
    };
    const created = await store.create<Service>(forged);
    assert.notEqual(created.metadata.uid, "mine");
    assert.equal(revisionOf(created), 1);
    assert.equal(created.status, undefined);
  });

  storeTest("create fills in what the schema defaults", async (store) => {
    const bare = { ...sampleMeshConfig(), spec: {} } as unknown as MeshConfig;
    const created = await store.create(bare);
    assert.equal(created.spec.trustDomain, "tulle.local");
    assert.equal((await store.get("MeshConfig", "", "default"))?.spec.registry.gracePeriod, "30s");
  });

  storeTest("an update changes spec and generation, and keeps the rest", async (store) => {
    const created = await store.create(sampleService("catalog"));
    await store.updateStatus(CATALOG, { serviceIndex: 3 });
    const updated = await store.update(sampleService("catalog", { port: 81 }), 2);
    assert.equal(updated.metadata.generation, 2);
    assert.equal(revisionOf(updated), 3);
    assert.equal(updated.metadata.uid, created.metadata.uid);
    assert.equal(updated.metadata.creationTimestamp, created.metadata.creationTimestamp);
    assert.deepEqual(updated.status, { serviceIndex: 3 });
    assert.equal(updated.spec.ports[0]?.port, 81);
    assert.deepEqual(await store.get("Service", "default", "catalog"), updated);
  });

  storeTest("labels and annotations change without a new generation", async (store) => {
    await store.create(sampleService("catalog"));
    const labelled = await store.update(sampleService("catalog", { labels: { team: "a" } }), 1);
    assert.deepEqual(labelled.metadata.labels, { team: "a" });
    assert.equal(labelled.metadata.generation, 1);
    assert.equal(revisionOf(labelled), 2);
  });

  storeTest("an update that changes nothing takes no revision", async (store) => {
    const created = await store.create(sampleService("catalog"));
    assert.deepEqual(await store.update(sampleService("catalog"), 1), created);
    assert.equal(store.revision(), 1);
  });

  storeTest("a status update leaves spec and generation", async (store) => {
    const created = await store.create(sampleService("catalog"));
    const updated = await store.updateStatus(CATALOG, { serviceIndex: 1 }, 1);
    assert.deepEqual(updated.status, { serviceIndex: 1 });
    assert.deepEqual(updated.spec, created.spec);
    assert.equal(updated.metadata.generation, 1);
    assert.equal(revisionOf(updated), 2);
  });

  storeTest("a status update that changes nothing takes no revision", async (store) => {
    await store.create(sampleService("catalog"));
    await store.updateStatus(CATALOG, { serviceIndex: 1 });
    await store.updateStatus(CATALOG, { serviceIndex: 1 });
    assert.equal(store.revision(), 2);
  });

  storeTest("delete returns the last state; a new one of the name is another", async (store) => {
    const first = await store.create(sampleService("catalog"));
    const deleted = await store.delete(CATALOG, 1);
    assert.equal(revisionOf(deleted), 2);
    assert.deepEqual(deleted.spec, first.spec);
    assert.equal(await store.get("Service", "default", "catalog"), undefined);
    const second = await store.create(sampleService("catalog"));
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    assert.equal(second.metadata.generation, 1);
    assert.equal(revisionOf(second), 3);
  });

  storeTest("list filters by kind and namespace, sorted, with its revision", async (store) => {
    const services = [
      sampleService("b", { namespace: "two" }),
      sampleService("z"),
      sampleService("a", { namespace: "two" }),
      sampleService("a-b"),
    ];
    await store.apply([...services, sampleWorkload("w"), sampleMeshConfig()].map(creation));
    const names = async (list: Promise<{ readonly objects: readonly Named[] }>) =>
      (await list).objects.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const all = ["/default", "default/a-b", "default/z", "two/a", "two/b", "default/w"];
    assert.deepEqual(await names(store.list()), all);
    assert.deepEqual(await names(store.list("Service")), all.slice(1, 5));
    assert.deepEqual(await names(store.list("Service", { namespace: "two" })), ["two/a", "two/b"]);
    assert.deepEqual(await names(store.list("TrafficPolicy")), []);
    assert.equal((await store.list("Service")).revision, 1);
  });

  storeTest("objects handed in and out are copies", async (store) => {
    const given = sampleService("catalog") as Mutable<Service>;
    const created = (await store.create<Service>(given)) as Mutable<Service>;
    given.metadata.labels["changed"] = "yes";
    created.metadata.labels["changed"] = "yes";
    assert.deepEqual((await store.get("Service", "default", "catalog"))?.metadata.labels, {});
  });
}

interface Named {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] };

function testTransactions(storeTest: StoreTest): void {
  storeTest("all changes of a transaction have one revision", async (store) => {
    await store.create(sampleService("old"));
    const old = { ...CATALOG, name: "old" };
    const { revision, results } = await store.apply([
      { type: "put", object: sampleService("catalog") },
      { type: "delete", key: old },
      { type: "create", object: sampleWorkload("w") },
    ]);
    assert.equal(revision, 2);
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ["created", "deleted", "created"],
    );
    for (const { object } of results) assert.equal(revisionOf(object), 2);
    assert.equal((await store.list()).objects.length, 2);
  });

  storeTest("a transaction with one refused change writes nothing", async (store) => {
    await store.create(sampleService("catalog"));
    const attempt = store.apply([
      { type: "put", object: sampleService("catalog", { port: 81 }) },
      { type: "create", object: sampleService("orders") },
      { type: "delete", key: { ...CATALOG, name: "nobody" } },
    ]);
    await rejectsWith(attempt, { code: "not-found", key: { ...CATALOG, name: "nobody" } });
    assert.equal(store.revision(), 1);
    assert.equal((await store.list()).objects.length, 1);
    assert.equal((await store.get("Service", "default", "catalog"))?.spec.ports[0]?.port, 80);
  });

  storeTest("an object and its status are created in one step", async (store) => {
    const { results } = await store.apply([
      { type: "put", object: sampleWorkload("w") },
      {
        type: "status",
        key: { kind: "Workload", namespace: "default", name: "w" },
        status: { health: "Healthy" },
      },
    ]);
    assert.equal(results.length, 2);
    const stored = await store.get("Workload", "default", "w");
    assert.deepEqual(stored?.status, { health: "Healthy" });
    assert.equal(stored?.metadata.generation, 1);
    const events = await take(store.watch({ fromRevision: 0 }), 1);
    assert.equal(events[0]?.length, 1, "one event for the object");
  });

  storeTest("a transaction names an object once", async (store) => {
    const object = sampleService("catalog");
    for (const second of [
      { type: "put", object: sampleService("catalog", { port: 81 }) },
      { type: "delete", key: keyOf(object) },
      { type: "status", key: CATALOG, status: {}, expectedRevision: 1 },
    ] as const) {
      await rejectsWith(store.apply([{ type: "put", object }, second]), { code: "invalid" });
    }
    assert.equal(store.revision(), 0);
  });

  storeTest("put creates, replaces, or finds it so already", async (store) => {
    const put = async (object: Service, expected = {}) => {
      const { results } = await store.apply([{ type: "put", object, ...expected }]);
      return results[0]?.outcome;
    };
    assert.equal(await put(sampleService("catalog"), { expectedRevision: 0 }), "created");
    assert.equal(await put(sampleService("catalog")), "unchanged");
    assert.equal(await put(sampleService("catalog", { port: 81 })), "updated");
    assert.equal(store.revision(), 2);
    const again = put(sampleService("catalog"), { expectedRevision: 0 });
    await rejectsWith(again, { code: "conflict", expectedRevision: 0, actualRevision: 2 });
  });

  storeTest("an empty transaction and one without effect take no revision", async (store) => {
    await store.create(sampleService("catalog"));
    assert.deepEqual(await store.apply([]), { revision: 1, results: [] });
    const { revision } = await store.apply([{ type: "put", object: sampleService("catalog") }]);
    assert.equal(revision, 1);
  });

  storeTest("a dry run judges and writes nothing", async (store) => {
    const changes = [{ type: "create", object: sampleService("catalog") }] as const;
    const { revision, results } = await store.apply(changes, { dryRun: true });
    assert.equal(revision, 1);
    assert.equal(results[0]?.outcome, "created");
    assert.equal(store.revision(), 0);
    assert.equal(await store.get("Service", "default", "catalog"), undefined);
    await store.apply(changes);
    await rejectsWith(store.apply(changes, { dryRun: true }), { code: "already-exists" });
  });

  storeTest("of several creates at once one wins", async (store) => {
    const attempts = [1, 2, 3, 4].map((port) => store.create(sampleService("catalog", { port })));
    const outcomes = await Promise.allSettled(attempts);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert.ok(hasCode(outcome.reason, "already-exists"));
    }
    assert.equal(store.revision(), 1);
  });

  storeTest("of several updates upon one revision one wins", async (store) => {
    await store.create(sampleService("catalog"));
    const ports = [81, 82, 83];
    const attempts = ports.map((port) => store.update(sampleService("catalog", { port }), 1));
    const outcomes = await Promise.allSettled(attempts);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    assert.equal(store.revision(), 2);
  });

  storeTest(
    "transactions at once each get a revision, in the order of the calls",
    async (store) => {
      const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
      const created = await Promise.all(names.map((name) => store.create(sampleService(name))));
      assert.deepEqual(
        created.map(revisionOf),
        names.map((_, index) => index + 1),
      );
    },
  );
}

function testRefusals(storeTest: StoreTest): void {
  storeTest("not-found: update, status and delete of nothing", async (store) => {
    const detail = { code: "not-found", key: CATALOG } as const;
    await rejectsWith(store.update(sampleService("catalog"), 1), detail);
    await rejectsWith(store.updateStatus(CATALOG, {}), detail);
    await rejectsWith(store.delete(CATALOG), detail);
    assert.equal(store.revision(), 0);
  });

  storeTest("already-exists: create of what is there", async (store) => {
    await store.create(sampleService("catalog"));
    const again = store.create(sampleService("catalog", { port: 81 }));
    await rejectsWith(again, { code: "already-exists", key: CATALOG, revision: 1 });
  });

  storeTest("conflict: a stale revision", async (store) => {
    await store.create(sampleService("catalog"));
    await store.update(sampleService("catalog", { port: 81 }), 1);
    const detail = {
      code: "conflict",
      key: CATALOG,
      expectedRevision: 1,
      actualRevision: 2,
    } as const;
    await rejectsWith(store.update(sampleService("catalog"), 1), detail);
    await rejectsWith(store.updateStatus(CATALOG, {}, 1), detail);
    await rejectsWith(store.delete(CATALOG, 1), detail);
    assert.equal(store.revision(), 2);
  });

  storeTest("conflict: even when the change would be none", async (store) => {
    await store.create(sampleService("catalog"));
    await rejectsWith(store.update(sampleService("catalog"), 7), { code: "conflict" });
  });

  storeTest("invalid: what breaks the schema, with every violation", async (store) => {
    const broken = {
      ...sampleService("catalog"),
      spec: { ports: [{ port: 0 }, { prot: 1 }] },
    } as unknown as Service;
    await assert.rejects(store.create(broken), (error: unknown) => {
      assert.ok(error instanceof MeshError);
      const detail = error.detail as StoreErrorDetail;
      assert.ok(detail.code === "invalid");
      const paths = detail.violations.map(({ path }) => path);
      for (const path of ["spec.ports[0].port", "spec.ports[1].port", "spec.ports[1].prot"]) {
        assert.ok(paths.includes(path), `${path} in ${paths.join(", ")}`);
      }
      return true;
    });
    assert.equal(store.revision(), 0);
  });

  storeTest("invalid: unknown kinds, wrong scopes, sizes and revisions", async (store) => {
    const service = sampleService("catalog");
    const unknown = { ...service, kind: "Servce" } as unknown as Service;
    await rejectsWith(store.create(unknown), { code: "invalid" });
    const scoped = { ...sampleMeshConfig(), metadata: service.metadata };
    await rejectsWith(store.create(scoped), { code: "invalid" });
    const blob = { a: "x".repeat(250_000), b: "x".repeat(250_000), c: "x".repeat(250_000) };
    const annotations = { ...blob, d: "x".repeat(250_000), e: "x".repeat(250_000) };
    const large = sampleService("catalog", { annotations });
    await rejectsWith(store.create(large), { code: "invalid" });
    await rejectsWith(store.update(service, Number.NaN), { code: "invalid" });
    await rejectsWith(store.delete(CATALOG, -1), { code: "invalid" });
    assert.throws(
      () => store.watch({ fromRevision: 0.5 }),
      (error) => hasCode(error, "invalid"),
    );
  });

  storeTest("closed: every call after close", async (store) => {
    await store.create(sampleService("catalog"));
    await store.close();
    await store.close();
    await rejectsWith(store.get("Service", "default", "catalog"), { code: "closed" });
    await rejectsWith(store.list(), { code: "closed" });
    await rejectsWith(store.create(sampleService("orders")), { code: "closed" });
    assert.throws(
      () => store.watch({ fromRevision: 0 }),
      (error) => hasCode(error, "closed"),
    );
  });

  storeTest("a write that close finds waiting is made", async (store) => {
    const created = store.create(sampleService("catalog"));
    await Promise.resolve();
    await store.close();
    assert.equal(revisionOf(await created), 1);
  });
}
