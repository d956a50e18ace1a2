/** The part of the store's contract that is about watches. */
import assert from "node:assert/strict";
import { revisionOf } from "../../src/store/store.ts";
import {
  CATALOG,
  creation,
  nameOfEvents,
  rejectsWith,
  type StoreTest,
  sampleService,
  sampleWorkload,
  take,
} from "./store-samples.ts";

export function testWatches(storeTest: StoreTest): void {
  storeTest("a watch yields each later revision once, in order", async (store) => {
    await store.create(sampleService("a"));
    await store.create(sampleService("b"));
    await store.update(sampleService("a", { port: 81 }), 1);
    await store.delete({ ...CATALOG, name: "b" });
    const batches = await take(store.watch({ fromRevision: 1 }), 3);
    assert.deepEqual(
      batches.flat().map(({ type, object, revision }) => [type, object.metadata.name, revision]),
      [
        ["put", "b", 2],
        ["put", "a", 3],
        ["delete", "b", 4],
      ],
    );
    for (const { object, revision } of batches.flat()) assert.equal(revisionOf(object), revision);
  });

  storeTest("a transaction is one item, in the order of its changes", async (store) => {
    await store.apply(["z", "a", "m"].map((name) => creation(sampleService(name))));
    const [batch = []] = await take(store.watch({ fromRevision: 0 }), 1);
    assert.deepEqual(
      batch.map(({ object }) => object.metadata.name),
      ["z", "a", "m"],
    );
  });

  storeTest("a watch waits for what is to come", async (store) => {
    const watch = store.watch({ fromRevision: 0 });
    const [first, second] = [watch.next(), watch.next()];
    await store.create(sampleService("a"));
    await store.create(sampleService("b"));
    assert.equal((await first).value?.[0]?.object.metadata.name, "a");
    assert.equal((await second).value?.[0]?.object.metadata.name, "b");
    await watch.return?.();
  });

  storeTest("list, then watch: nothing is missed or seen twice", async (store) => {
    await store.create(sampleService("a"));
    const creations = ["b", "c", "d"].map((name) => store.create(sampleService(name)));
    const { objects, revision } = await store.list("Service");
    await Promise.all(creations);
    const batches = await take(store.watch({ fromRevision: revision }), 4 - objects.length);
    const seen = [...objects, ...batches.flat().map(({ object }) => object)];
    assert.deepEqual(
      seen.map(({ metadata }) => metadata.name),
      ["a", "b", "c", "d"],
    );
  });

  storeTest("a watch shows kinds and namespaces that it asks for", async (store) => {
    await store.apply([creation(sampleService("a")), creation(sampleWorkload("w"))]);
    await store.create(sampleService("b", { namespace: "two" }));
    await store.create(sampleWorkload("x"));
    const workloads = await take(store.watch({ fromRevision: 0, kinds: ["Workload"] }), 2);
    assert.deepEqual(nameOfEvents(workloads), [["w"], ["x"]]);
    const two = await take(store.watch({ fromRevision: 0, namespace: "two" }), 1);
    assert.deepEqual(nameOfEvents(two), [["b"]]);
  });

  storeTest("what changes nothing is no event", async (store) => {
    await store.create(sampleService("a"));
    await store.apply([{ type: "put", object: sampleService("a") }, creation(sampleService("b"))]);
    const batches = await take(store.watch({ fromRevision: 0 }), 2);
    assert.deepEqual(nameOfEvents(batches), [["a"], ["b"]]);
  });

  storeTest("a watch ends by return, by signal and with its store", async (store) => {
    const abort = new AbortController();
    const watches = [
      store.watch({ fromRevision: 0 }),
      store.watch({ fromRevision: 0, signal: abort.signal }),
      store.watch({ fromRevision: 0 }),
      store.watch({ fromRevision: 0, signal: AbortSignal.abort() }),
    ] as const;
    const pending = watches.map((watch) => watch.next());
    await watches[0].return?.();
    abort.abort();
    await store.close();
    for (const result of await Promise.all(pending)) assert.equal(result.done, true);
    for (const watch of watches) assert.equal((await watch.next()).done, true);
  });

  storeTest("leaving a loop ends the watch", async (store) => {
    await store.create(sampleService("a"));
    await store.create(sampleService("b"));
    const watch = store.watch({ fromRevision: 0 });
    for await (const _ of watch) break;
    assert.equal((await watch.next()).done, true);
  });

  storeTest(
    "compacted: a revision that the log has dropped, or that is yet to come",
    async (store) => {
      for (const name of ["a", "b", "c", "d", "e"]) await store.create(sampleService(name));
      assert.equal(store.compactedRevision(), 2);
      const early = store.watch({ fromRevision: 1 });
      const detail = { code: "compacted", compactedRevision: 2, revision: 5 } as const;
      await rejectsWith(early.next(), { ...detail, fromRevision: 1 });
      assert.equal((await early.next()).done, true);
      await rejectsWith(store.watch({ fromRevision: 6 }).next(), { ...detail, fromRevision: 6 });
      const batches = await take(store.watch({ fromRevision: 2 }), 3);
      assert.deepEqual(nameOfEvents(batches), [["c"], ["d"], ["e"]]);
    },
    3,
  );

  storeTest(
    "compacted: a watch that the log has overtaken",
    async (store) => {
      await store.create(sampleService("a"));
      const slow = store.watch({ fromRevision: 0 });
      assert.equal((await slow.next()).done, false);
      for (const name of ["b", "c", "d", "e"]) await store.create(sampleService(name));
      await rejectsWith(slow.next(), { code: "compacted", fromRevision: 1 });
    },
    2,
  );

  storeTest(
    "the newest transaction stays in the log, however large",
    async (store) => {
      await store.create(sampleService("first"));
      const names = ["a", "b", "c", "d", "e"];
      await store.apply(names.map((name) => creation(sampleService(name))));
      assert.equal(store.compactedRevision(), 1);
      const [batch] = await take(store.watch({ fromRevision: 1 }), 1);
      assert.equal(batch?.length, 5);
    },
    3,
  );

  storeTest(
    "a waiting watch whose filter nothing passes is not overtaken",
    async (store) => {
      const watch = store.watch({ fromRevision: 0, kinds: ["Workload"] });
      const next = watch.next();
      for (let index = 0; index < 10; index++) await store.create(sampleService(`s${index}`));
      await store.create(sampleWorkload("w"));
      assert.equal((await next).value?.[0]?.object.metadata.name, "w");
      await watch.return?.();
    },
    3,
  );
}
