/** Which problem comes first, and what it says, of services that fail one because of another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrafficAnswer, TrafficTotals } from "../telemetry/store/traffic-read.ts";
import type { ServiceTraffic } from "../telemetry-types.ts";
import { serviceProblems } from "./telemetry-causes.ts";
import { NO_TRAFFIC, trafficFigures } from "./telemetry-figures.ts";
import { inboundOf, mainFlags } from "./telemetry-inbound.ts";

const ref = (name: string) => ({ namespace: "default", name });

function totals(requests: number, errors: number): TrafficTotals {
  return { ...NO_TRAFFIC, requests, errors };
}

function row(reporter: string, name: string, flags: string, of: TrafficTotals) {
  const key = [reporter, "default", name, flags];
  return { key, totals: of, firstMs: 0, lastMs: 1, steps: undefined };
}

function answer(...rows: readonly ReturnType<typeof row>[]): TrafficAnswer {
  return { fromMs: 0, toMs: 60_000, stepMs: 60_000, rows };
}

function service(
  name: string,
  health: ServiceTraffic["health"],
  { requests, errors }: { readonly requests: number; readonly errors: number },
): ServiceTraffic {
  return {
    service: ref(name),
    host: `${name}.default.svc.tulle.local`,
    ...{ health, healthReason: "some requests fail" },
    instances: { total: 1, healthy: 1, ejected: 0 },
    inbound: trafficFigures(totals(requests, errors), 60),
  } as ServiceTraffic;
}

const call = (from: string, to: string, errors: number) => ({
  ...{ source: ref(from), destination: ref(to) },
  errors,
});

test("what never came to an instance counts as its service's, once", () => {
  const inbound = inboundOf(
    answer(
      row("destination", "payments", "-", totals(70, 2)),
      row("source", "payments", "-", totals(70, 2)),
      row("source", "payments", "FI", totals(20, 20)),
      row("source", "payments", "URX,UF", totals(10, 10)),
      row("source", "outside", "-", totals(5, 0)),
      row("source", "outside", "UF", totals(5, 5)),
      row("route", "payments", "FI", totals(9, 9)),
    ),
  );
  const payments = inbound.get("default/payments");
  assert.deepEqual([payments?.totals.requests, payments?.totals.errors], [100, 32]);
  assert.equal(payments && mainFlags(payments), "FI");
  const outside = inbound.get("default/outside");
  assert.deepEqual([outside?.totals.requests, outside?.totals.errors], [10, 5]);
});

test("the service that fails by itself comes first, and the others name it", () => {
  const services = [
    service("catalog", "healthy", { requests: 100, errors: 0 }),
    service("orders", "failing", { requests: 100, errors: 30 }),
    service("payments", "failing", { requests: 60, errors: 30 }),
    service("storefront", "degraded", { requests: 900, errors: 30 }),
    service("users", "degraded", { requests: 100, errors: 2 }),
  ];
  const inbound = inboundOf(answer(row("source", "payments", "FI", totals(60, 30))));
  const problems = serviceProblems(services, inbound, [
    ...[call("orders", "payments", 30), call("storefront", "orders", 30)],
    // Not enough to explain it, and of one that is well.
    ...[call("users", "orders", 0), call("storefront", "catalog", 40)],
  ]);
  assert.deepEqual(
    problems.map(({ message, hint }) => `${message.split(":")[0]}: ${hint}`),
    [
      "payments: A fault was injected on purpose: an error. tulle describe service/payments",
      "users: tulle describe service/users",
      "orders: it calls payments, which fails",
      "storefront: it calls orders, which fails",
    ],
  );
});

test("two that fail because of each other are both there", () => {
  const services = ["a", "b"].map((name) => service(name, "failing", { requests: 9, errors: 9 }));
  const problems = serviceProblems(services, new Map(), [call("a", "b", 9), call("b", "a", 9)]);
  assert.equal(problems.length, 2);
});
