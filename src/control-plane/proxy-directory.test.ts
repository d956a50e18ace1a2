import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import type { ProxyRecord } from "../xds/proxy-record.ts";
import { CLUSTER_TYPE_URL } from "../xds/type-urls.ts";
import { ProxyDirectory } from "./proxy-directory.ts";
import type { ProxyNode } from "./proxy-node.ts";

function node(nodeId: string, namespace = "default"): ProxyNode {
  const serviceAccount = "catalog";
  return {
    scope: {
      nodeId,
      namespace,
      serviceAccount,
      labels: {},
      address: "127.1.0.1",
      ports: [],
      zone: "",
      loopbackBlock: "127.1.0.0/18",
      role: "sidecar",
    },
    instance: undefined,
    service: "catalog",
    spiffeId: `spiffe://tulle.local/ns/${namespace}/sa/${serviceAccount}`,
    adminAddress: "127.1.0.1:15000",
    userAgent: "tulle",
    version: "0.1.0",
  };
}

function stream(id: string) {
  return { id, remoteAddress: "127.0.0.1:1", protocol: "delta" } as const;
}

function record(acknowledged: number, refused?: number): ProxyRecord {
  const mark = { version: "x", revision: acknowledged, timeMs: 0 };
  const refusal =
    refused === undefined
      ? {}
      : { refused: { version: "y", revision: refused, message: "no such thing", timeMs: 0 } };
  return {
    targetRevision: acknowledged,
    acknowledgedRevision: acknowledged,
    types: new Map([[CLUSTER_TYPE_URL, { sent: mark, acknowledged: mark, ...refusal }]]),
  };
}

function setUp() {
  const clock = new ManualClock();
  const records = new Map<string, ProxyRecord>();
  let translated = 0;
  const directory = new ProxyDirectory({
    clock,
    recordOf: (streamId) => records.get(streamId),
    translatedRevision: () => translated,
  });
  return {
    clock,
    records,
    directory,
    translate: (revision: number) => {
      translated = revision;
      directory.notify();
    },
  };
}

const never = new AbortController().signal;

test("a revision is done when it is translated and every connected proxy runs it", async () => {
  const { directory, records, translate } = setUp();
  records.set("s1", record(4));
  records.set("s2", record(5));
  directory.connect(stream("s1"), node("a"));
  directory.connect(stream("s2"), node("b"));
  const waiting = directory.waitForRevision(5, { waitMs: 1000, signal: never });
  translate(5);
  assert.deepEqual(directory.revisionStatus(5).acknowledged, ["b"]);
  assert.equal(directory.revisionStatus(5).done, false);
  records.set("s1", record(5));
  directory.notify();
  const status = await waiting;
  assert.equal(status.done, true);
  assert.deepEqual(status.acknowledged, ["a", "b"]);
});

test("without proxies a revision is done as soon as it is translated", () => {
  const { directory, translate } = setUp();
  assert.equal(directory.revisionStatus(1).done, false);
  translate(1);
  assert.equal(directory.revisionStatus(1).done, true);
});

test("a refusal ends the wait and says who refused what and why", async () => {
  const { directory, records, translate } = setUp();
  records.set("s1", record(4, 5));
  directory.connect(stream("s1"), node("a"));
  translate(5);
  const status = await directory.waitForRevision(5, { waitMs: 1000, signal: never });
  assert.equal(status.done, false);
  assert.deepEqual(status.refused, [
    { proxy: "a", type: "cds", revision: 5, message: "no such thing" },
  ]);
});

test("a wait ends with its time, with the proxies that are late", async () => {
  const { clock, directory, records, translate } = setUp();
  records.set("s1", record(4));
  directory.connect(stream("s1"), node("a"));
  translate(5);
  const waiting = directory.waitForRevision(5, { waitMs: 1000, signal: never });
  clock.advance(1000);
  const status = await waiting;
  assert.equal(status.pending[0]?.proxy, "a");
  assert.equal(clock.pendingCount, 0);
});

test("a proxy that leaves is not waited for", async () => {
  const { directory, records, translate } = setUp();
  records.set("s1", record(4));
  directory.connect(stream("s1"), node("a"));
  translate(5);
  const waiting = directory.waitForRevision(5, { waitMs: 1000, signal: never });
  directory.disconnect("s1", record(4));
  assert.equal((await waiting).done, true);
});

test("a stream that was replaced takes nothing with it", () => {
  const { directory } = setUp();
  directory.connect(stream("s1"), node("a"));
  directory.connect(stream("s2"), node("a"));
  directory.disconnect("s1", record(1));
  assert.equal(directory.find("a")?.streamId, "s2");
});

test("proxies that are gone are shown for a while", () => {
  const { clock, directory } = setUp();
  directory.connect(stream("s1"), node("a"));
  directory.disconnect("s1", record(7));
  assert.equal(directory.find("a")?.lastRecord?.acknowledgedRevision, 7);
  clock.advance(6 * 60_000);
  assert.deepEqual(directory.list(), []);
});

test("an id that two namespaces have needs its namespace", () => {
  const { directory } = setUp();
  directory.connect(stream("s1"), node("a"));
  directory.connect(stream("s2"), node("a", "prod"));
  assert.equal(directory.find("a"), undefined);
  assert.equal(directory.find("prod/a")?.streamId, "s2");
});
