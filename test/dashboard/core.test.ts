/** What the dashboard's parts without a page do: figures as words, what is kept of old answers, which events are told. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventsAbout, groupEvents } from "../../dashboard/core/events.ts";
import {
  formatBytes,
  formatCores,
  formatDate,
  formatDuration,
  formatMs,
  formatRate,
  formatSentence,
  formatShare,
  serviceName,
  UNKNOWN,
} from "../../dashboard/core/format.ts";
import { knownFrom } from "../../dashboard/core/known-steps.ts";
import { oncePerRequest } from "../../dashboard/core/logs.ts";
import { share } from "../../dashboard/core/share.ts";
import { gateScale } from "../../dashboard/views/rollouts/gate-scale.ts";
import type { MeshEvent } from "../../src/control-plane/telemetry-types.ts";
import { FixtureMesh } from "./fixture-mesh.ts";

const mesh = new FixtureMesh({ nowMs: Date.UTC(2026, 0, 1) });

describe("figures as words", () => {
  test("what is not known is a dash, and no zero", () => {
    for (const format of [formatRate, formatShare, formatMs, formatBytes, formatCores]) {
      assert.equal(format(null), UNKNOWN);
    }
    assert.equal(formatDuration(null), UNKNOWN);
    assert.equal(formatMs(0), "0 ms");
  });

  test("a share is none or all only when it is", () => {
    assert.equal(formatShare(0), "0%");
    assert.equal(formatShare(0.00001), "<0.01%");
    assert.equal(formatShare(0.0004), "0.04%");
    assert.equal(formatShare(0.256), "26%");
    assert.equal(formatShare(0.99999), ">99.99%");
    assert.equal(formatShare(1), "100%");
  });

  test("the unit grows with the figure", () => {
    assert.deepEqual([0.4, 12, 999, 1250, 90_000].map(formatMs), [
      "0.40 ms",
      "12 ms",
      "999 ms",
      "1.25 s",
      "1.5 min",
    ]);
    assert.deepEqual([999, 54e6, 1.2e9].map(formatBytes), ["999 B", "54 MB", "1.2 GB"]);
    assert.deepEqual([4, 90, 7_200, 3e5, 1e8].map(formatDuration), [
      ...["4 s", "1 min", "2 h", "3 d", "3 y"],
    ]);
    assert.deepEqual([0.25, 8.4, 132, 12_300].map(formatRate), ["0.25", "8.4", "132", "12.3k"]);
  });

  test("instants in sentences are dates", () => {
    const at = "2026-11-27T13:38:27.000Z";
    assert.equal(
      formatSentence(`issued, valid until ${at}`),
      `issued, valid until ${formatDate(at)}`,
    );
    assert.equal(formatSentence("2026-11-27 and T"), "2026-11-27 and T");
  });

  test("lines begin where something is known, and have a few steps at least", () => {
    const unknown = [null, null, null, null, null, null];
    assert.equal(knownFrom([...unknown, 0, 1, 2, 3, 4, 5, 6, 7, 8]), 6);
    assert.equal(knownFrom([...unknown, ...unknown, 1]), 5);
    assert.equal(knownFrom(unknown), 0);
    assert.equal(knownFrom([0, 1]), 0);
  });

  test("a namespace is told where it is not the one that all are in", () => {
    assert.equal(serviceName({ namespace: "default", name: "cart" }), "cart");
    assert.equal(serviceName({ namespace: "shop", name: "cart" }), "shop/cart");
  });
});

describe("answers that came anew", () => {
  test("an equal answer is the old one", () => {
    const old = { services: [{ name: "a", spark: [1, null, 2] }] };
    assert.equal(share(old, structuredClone(old)), old);
  });

  test("what changed is new, and the rest is what it was", () => {
    const old = { at: 1, services: [{ name: "a" }, { name: "b" }] };
    const next = share(old, { at: 2, services: [{ name: "a" }, { name: "c" }, { name: "d" }] });
    assert.deepEqual(next, { at: 2, services: [{ name: "a" }, { name: "c" }, { name: "d" }] });
    assert.equal(next.services[0], old.services[0]);
    assert.notEqual(next.services, old.services);
  });

  test("what was left out, and what was no object, does not confuse it", () => {
    const wide: object = { a: 1, b: undefined };
    assert.deepEqual(share(wide, { a: 1 }), { a: 1 });
    assert.deepEqual(share([1, 2], { 0: 1, 1: 2 }), { 0: 1, 1: 2 });
    assert.equal(share(null, 0), 0);
    assert.deepEqual(share(undefined, [1]), [1]);
  });
});

describe("events", () => {
  const event = (type: string, subject: string, more: Partial<MeshEvent> = {}): MeshEvent => ({
    ...{ time: mesh.at(1), severity: "info", type, subject, message: "healthy, after starting" },
    ...{ revision: null, actor: null },
    ...more,
  });

  test("a service's page tells of trouble, of changes and of its own instances", () => {
    const told = eventsAbout(
      [
        event("instance", "default/catalog-v1-x"),
        event("instance", "default/cart-v1-x"),
        event("instance", "default/cart-v1-x", { severity: "error" }),
        event("config", "HTTPRoute default/cart", { message: "changed" }),
        event("control-plane", "POST /api/v1/join-tokens", { message: "" }),
      ],
      "catalog",
      9,
    );
    assert.deepEqual(
      told.map(({ subject, severity }) => `${subject} ${severity}`),
      ["default/catalog-v1-x info", "default/cart-v1-x error", "HTTPRoute default/cart info"],
    );
  });

  test("what says the same within a minute is told once, with how many", () => {
    const groups = groupEvents(
      [
        event("instance", "default/a"),
        event("proxy", "default/a", { message: "connected" }),
        event("instance", "default/b"),
        event("certificate", "x", { message: "valid until 2026-11-27T10:55:43.000Z" }),
        event("certificate", "y", { message: "valid until 2026-11-27T10:55:44.000Z" }),
      ],
      10,
    );
    assert.deepEqual(
      groups.map(({ newest, count }) => `${newest.subject} ${count}`),
      ["default/a 2", "default/a 1", "x 2"],
    );
    assert.equal(groupEvents(mesh.events(), 2).length, 2);
  });
});

test("a request that both sidecars told of is there once, as its caller tells it", () => {
  const [first, second] = [mesh.log(0), mesh.log(1)];
  const logs = [first, { ...first, reporter: "source" as const }, second];
  assert.deepEqual(
    oncePerRequest(logs).map(({ reporter, requestId }) => [reporter, requestId]),
    [
      ["source", first.requestId],
      ["destination", second.requestId],
    ],
  );
});

describe("the chart of a gate", () => {
  const look = (second: number, value: number) => ({
    ...{ gate: "p95", at: new Date(second * 1000).toISOString(), step: 0, value },
    verdict: "Passed" as const,
  });
  const gate = { name: "p95", min: null, max: 300, unit: " ms" };

  test("has the limit in it where that is near, and its figures apart", () => {
    const scale = gateScale(gate, [look(0, 100), look(10, 250)]);
    assert.ok(scale.isOnChart(300));
    assert.ok(scale.y(300) > 0 && scale.y(300) < scale.y(250) && scale.y(250) < scale.y(100));
    assert.ok(scale.y(100) <= 100);
    assert.deepEqual(scale.marks, [250, 100]);
    assert.deepEqual([look(0, 0).at, look(10, 0).at].map(scale.x), [2, 98]);
  });

  test("does not press figures to a line for a limit that is far", () => {
    const scale = gateScale({ ...gate, max: 20_000 }, [look(0, 100), look(10, 250)]);
    assert.ok(!scale.isOnChart(20_000));
    assert.equal(scale.y(20_000), 0);
    assert.ok(scale.y(100) - scale.y(250) > 40);
  });

  test("holds one look, and looks that are all the same", () => {
    const rate = { name: "rate", min: 99, max: null, unit: " %" };
    for (const looks of [[look(0, 100)], [look(0, 100), look(5, 100)], [look(0, 0)]]) {
      const scale = gateScale(rate, looks);
      assert.equal(scale.marks.length, 1);
      for (const { at, value } of looks) {
        assert.ok(Number.isFinite(scale.x(at)) && scale.y(value) >= 0 && scale.y(value) <= 100);
      }
    }
  });
});
