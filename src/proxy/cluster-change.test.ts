/** What stays of a cluster's endpoints, and of what is under way, when its configuration changes. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { clusterJson } from "../../test/support/proxy-bootstrap.ts";
import { ProxyFixture } from "../../test/support/proxy-fixture.ts";
import { ManualClock } from "../core/clock.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";

const OUTLIERS = {
  consecutive_5xx: 3,
  base_ejection_time: "10s",
  max_ejection_percent: 50,
} as const;

/** Ports are names: nothing is ever connected. */
class Fixture {
  readonly clock: ManualClock;
  readonly #proxy: ProxyFixture;

  static async start(context: TestContext, fields: JsonObject): Promise<Fixture> {
    const clock = new ManualClock();
    const proxy = await ProxyFixture.start(context, { static_resources: {} }, { clock });
    const fixture = new Fixture(proxy, clock);
    fixture.change(fields);
    return fixture;
  }

  private constructor(proxy: ProxyFixture, clock: ManualClock) {
    this.#proxy = proxy;
    this.clock = clock;
  }

  /** As an update of CDS does. */
  change(fields: JsonObject, endpoints: readonly number[] = [1, 2, 3, 4]): void {
    const common = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };
    const json = clusterJson({ name: "app", endpoints, fields: { ...common, ...fields } });
    this.#proxy.dataPlane.setCluster(this.#proxy.cluster(json));
  }

  get cluster(): Cluster {
    return this.#proxy.dataPlane.clusters.get("app") ?? assert.fail();
  }

  endpoint(port: number): Endpoint {
    return this.cluster.endpoints.find(({ info }) => info.port === port) ?? assert.fail();
  }

  fail(port: number, count: number): void {
    const { outlier } = this.endpoint(port);
    for (let i = 0; i < count; i++) outlier?.onStatus(500, outlier.generation);
  }

  get unhealthy(): number[] {
    return this.cluster.endpoints
      .filter(({ health }) => health !== "healthy")
      .map(({ info }) => info.port);
  }
}

test("an ejected endpoint stays out for its time, whatever of the cluster changes", async (t) => {
  const fixture = await Fixture.start(t, { outlier_detection: OUTLIERS });
  fixture.fail(1, 3);
  fixture.clock.advance(5_000);
  const changes: readonly JsonObject[] = [
    { outlier_detection: { ...OUTLIERS, consecutive_5xx: 4 } },
    { outlier_detection: OUTLIERS, connect_timeout: "7s" },
    { outlier_detection: OUTLIERS, lb_policy: "LEAST_REQUEST" },
    { outlier_detection: OUTLIERS, circuit_breakers: { thresholds: [{ max_requests: 9 }] } },
  ];
  for (const change of changes) {
    fixture.change(change);
    assert.deepEqual(fixture.unhealthy, [1]);
    assert.ok(!fixture.cluster.eligible.some(({ info }) => info.port === 1));
  }
  fixture.change({ outlier_detection: OUTLIERS }, [1, 2, 5]);
  assert.deepEqual(fixture.unhealthy, [1]);
  fixture.clock.advance(5_000);
  assert.equal(fixture.endpoint(1).outlier?.state, "due", "its time goes on");
});

test("an ejection ends with the detection, and rows of failures begin anew with it", async (t) => {
  const fixture = await Fixture.start(t, { outlier_detection: OUTLIERS });
  fixture.fail(1, 3);
  fixture.change({});
  assert.deepEqual(fixture.unhealthy, []);
  assert.equal(fixture.endpoint(1).outlier, undefined);
  fixture.change({ outlier_detection: OUTLIERS });
  fixture.fail(1, 2);
  assert.deepEqual(fixture.unhealthy, []);
  fixture.fail(1, 1);
  assert.deepEqual(fixture.unhealthy, [1]);
});

test("rows of failures go on, and a lower limit holds for those that are longer already", async (t) => {
  const fixture = await Fixture.start(t, { outlier_detection: OUTLIERS });
  fixture.fail(1, 2);
  fixture.change({ outlier_detection: OUTLIERS, connect_timeout: "7s" });
  fixture.fail(1, 1);
  assert.deepEqual(fixture.unhealthy, [1]);
  fixture.fail(2, 2);
  fixture.change({ outlier_detection: { ...OUTLIERS, consecutive_5xx: 1 } });
  fixture.fail(2, 1);
  assert.deepEqual(fixture.unhealthy, [1, 2]);
});

test("averages, counts and unreachable endpoints are known afterwards", async (t) => {
  const fixture = await Fixture.start(t, {});
  const endpoint = fixture.endpoint(2);
  endpoint.observeLatency(80, 0);
  endpoint.onRequestStart();
  endpoint.onUnreachable("connect-failed");
  const { breaker } = fixture.cluster;
  assert.ok(breaker.admitRequest());
  fixture.change({
    connect_timeout: "7s",
    circuit_breakers: { thresholds: [{ max_requests: 1 }] },
  });
  assert.equal(fixture.endpoint(2), endpoint);
  assert.deepEqual([endpoint.ewmaMs, endpoint.activeRequests, endpoint.requestsTotal], [80, 1, 1]);
  assert.ok(endpoint.unreachableUntilMs > 0);
  assert.equal(fixture.cluster.breaker.requests, 1);
  assert.equal(fixture.cluster.breaker.admitRequest(), false, "what was under way is counted");
  breaker.releaseRequest();
  assert.equal(fixture.cluster.breaker.requests, 0);
  assert.ok(fixture.cluster.breaker.admitRequest());
});

test("a slow start goes on, and an endpoint that was there before it has its whole weight", async (t) => {
  const slowStart = (window: string): JsonObject => ({
    round_robin_lb_config: { slow_start_config: { slow_start_window: window } },
  });
  const fixture = await Fixture.start(t, slowStart("10s"));
  fixture.clock.advance(5_000);
  fixture.change({ ...slowStart("10s"), connect_timeout: "7s" });
  assert.equal(fixture.endpoint(1).weightFactor, 0.5);
  fixture.change(slowStart("20s"));
  assert.equal(fixture.endpoint(1).weightFactor, 0.25);
  fixture.change({});
  assert.equal(fixture.endpoint(1).weightFactor, 1);
  fixture.clock.advance(60_000);
  fixture.change(slowStart("10s"), [1, 2, 3, 4, 5]);
  assert.deepEqual([fixture.endpoint(1).weightFactor, fixture.endpoint(5).weightFactor], [1, 0.1]);
});

test("results of health checks stay until other checks say otherwise", async (t) => {
  const check = (path: string): JsonObject => ({
    health_checks: [
      {
        ...{ timeout: "1s", interval: "100s", no_traffic_interval: "100s" },
        ...{ unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path } },
      },
    ],
  });
  const fixture = await Fixture.start(t, {});
  fixture.change(check("/ready"));
  assert.deepEqual(fixture.unhealthy, [], "checks begin with endpoints that are in use");
  fixture.clock.advance(1_000);
  assert.deepEqual(fixture.unhealthy, [1, 2, 3, 4], "no answer in time");
  fixture.change(check("/other"));
  assert.deepEqual(fixture.unhealthy, [1, 2, 3, 4]);
  fixture.change(check("/other"), [1, 5]);
  assert.deepEqual(fixture.unhealthy, [1, 5], "a new one is not used before its first check");
  fixture.change({});
  assert.deepEqual(fixture.unhealthy, []);
});
