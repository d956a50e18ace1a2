/** What `tulle check` says of telemetry: each finding names whom it is about, and what to do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceFigures } from "../telemetry/store/instance-figures.ts";
import { type TelemetryFacts, telemetryChecks } from "./telemetry-checks.ts";

const NOW_MS = 1_000_000_000;
const LONG_MS = 600_000;

function figures(instance: string, more: Partial<InstanceFigures> = {}): InstanceFigures {
  return {
    ...{ namespace: "default", service: instance.replace(/-\d+$/, ""), instance, heardMs: NOW_MS },
    ...{ cpuCores: null, memoryBytes: null, appCpuCores: null, appMemoryBytes: null },
    ...{ eventLoopLagMs: null, startedMs: null, contextPassedOn: null, contextLost: null },
    ...{ ejected: {}, ejectedEndpoints: {}, droppedSeries: {} },
    ...more,
  };
}

const proxy = (
  name: string,
  more: Partial<TelemetryFacts["proxies"][number]> = {},
): TelemetryFacts["proxies"][number] => ({
  key: `default/${name}`,
  streamId: "1",
  connectedSinceMs: NOW_MS - LONG_MS,
  node: { userAgent: "tulle", service: "cart" },
  ...more,
});

/** `check: code: message`, and that each says what to do. */
function found(facts: Partial<TelemetryFacts>): readonly string[] {
  const checks = telemetryChecks({
    ...{ nowMs: NOW_MS, startedAtMs: NOW_MS - LONG_MS, problem: undefined, exports: [] },
    ...{ figures: new Map(), proxies: [], ...facts },
  });
  return checks.flatMap(({ name, findings }) =>
    findings.map(({ code, message, hint }) => {
      assert.ok(hint !== undefined && hint !== "", `${code} says what to do`);
      return `${name}: ${code}: ${message}`;
    }),
  );
}

const known = (...all: readonly InstanceFigures[]): Pick<TelemetryFacts, "figures"> => ({
  figures: new Map(all.map((one) => [`${one.namespace}/${one.instance}`, one])),
});

test("a sidecar that is connected and tells nothing is found", () => {
  const proxies = [
    proxy("cart-1"),
    proxy("cart-2"),
    // New, gone, and an Envoy, which tells nothing by itself.
    proxy("cart-3", { connectedSinceMs: NOW_MS - 1000 }),
    proxy("cart-4", { streamId: undefined }),
    proxy("cart-5", { node: { userAgent: "envoy", service: "cart" } }),
  ];
  assert.deepEqual(found({ proxies, ...known(figures("cart-1")) }), [
    "proxies-tell: proxy-silent: proxy default/cart-2 of cart is connected and has told nothing of itself for 3 minutes: its traffic is missing in every figure",
  ]);
  // A control plane that has just been started has heard nobody yet.
  assert.deepEqual(found({ proxies, startedAtMs: NOW_MS - 1000 }), []);
});

test("services that lose contexts are found by all their instances together", () => {
  const facts = known(
    figures("cart-1", { contextPassedOn: 0, contextLost: 8 }),
    figures("cart-2", { contextPassedOn: 20, contextLost: 8 }),
    figures("shop-1", { contextPassedOn: 200, contextLost: 12 }),
  );
  assert.deepEqual(found(facts), [
    "traces-passed-on: no-propagation: cart does not pass on the context of traces, so that they end there",
  ]);
});

test("label sets without room are found by family", () => {
  const droppedSeries = { tulle_route_requests_total: 12 };
  assert.deepEqual(found(known(figures("cart-1", { droppedSeries }))), [
    'series-in-bounds: series-overflow: proxy default/cart-1 has no room for 12 more label sets of tulle_route_requests_total: they are counted together as "overflow"',
  ]);
});

test("what is wrong with the store and with exporters is told, also when nothing else is known", () => {
  const exports = [
    { severity: "warning", code: "export-failing", message: "down", hint: "look" },
  ] as const;
  assert.deepEqual(
    found({ figures: undefined, proxies: [proxy("cart-1")], problem: "it is full", exports }),
    ["telemetry-kept: telemetry-store: it is full", "exports: export-failing: down"],
  );
});
