/** Ejection, trial and return, with a clock in the test's hand and clusters as a proxy makes them. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { clusterJson } from "../../../test/support/proxy-bootstrap.ts";
import { ProxyFixture } from "../../../test/support/proxy-fixture.ts";
import { ManualClock } from "../../core/clock.ts";
import { OUTLIER_TRIAL_SPACING_PICKS, OUTLIER_TRIAL_WAIT_MS } from "../../core/limits.ts";
import type { Cluster } from "../cluster.ts";
import type { Endpoint } from "../endpoint.ts";
import { PickContext } from "../pick-context.ts";
import type { OutlierCounts } from "./health-counts.ts";
import type { OutlierMonitor } from "./outlier-monitor.ts";

/** Ports are names here: nothing is ever connected. */
class Fixture {
  readonly clock = new ManualClock();
  readonly cluster: Cluster;
  readonly proxy: ProxyFixture;

  static async start(
    context: TestContext,
    count: number,
    outlierDetection: JsonObject,
    fields: JsonObject = {},
  ): Promise<Fixture> {
    const clock = new ManualClock();
    const proxy = await ProxyFixture.start(context, { static_resources: {} }, { clock });
    const ports = Array.from({ length: count }, (_, index) => index + 1);
    const json = clusterJson({
      name: "app",
      endpoints: ports,
      fields: {
        common_lb_config: { healthy_panic_threshold: { value: 0 } },
        outlier_detection: outlierDetection,
        ...fields,
      },
    });
    proxy.dataPlane.setCluster(proxy.cluster(json));
    return new Fixture(proxy, clock);
  }

  private constructor(proxy: ProxyFixture, clock: ManualClock) {
    this.proxy = proxy;
    this.clock = clock;
    this.cluster = proxy.dataPlane.clusters.get("app") ?? assert.fail();
  }

  endpoint(port: number): Endpoint {
    return this.cluster.endpoints.find(({ info }) => info.port === port) ?? assert.fail();
  }

  monitor(port: number): OutlierMonitor {
    return this.endpoint(port).outlier ?? assert.fail();
  }

  answer(port: number, status: number, count = 1): void {
    const monitor = this.monitor(port);
    for (let i = 0; i < count; i++) monitor.onStatus(status, monitor.generation);
  }

  /** Of endpoint 1. */
  localFailure(status: number): void {
    const monitor = this.monitor(1);
    monitor.onLocalFailure(status, monitor.generation);
  }

  connected(): void {
    const monitor = this.monitor(1);
    monitor.onConnected(monitor.generation);
  }

  get counts(): OutlierCounts {
    return this.cluster.health?.counts.outlier ?? assert.fail();
  }

  get ejected(): number[] {
    return this.cluster.endpoints
      .filter(({ health }) => health === "unhealthy")
      .map(({ info }) => info.port);
  }

  /** Ports of the next picks. */
  picks(count: number, context?: PickContext): number[] {
    return Array.from({ length: count }, () => this.cluster.pick(context)?.info.port ?? -1);
  }
}

const HALF = { max_ejection_percent: 50 };

test("as many failures in a row as the setting says eject, one good answer between them does not", async (t) => {
  const fixture = await Fixture.start(t, 4, { ...HALF, consecutive_5xx: 3 });
  fixture.answer(1, 500, 2);
  fixture.answer(1, 404);
  fixture.answer(1, 503, 2);
  assert.deepEqual(fixture.ejected, []);
  fixture.answer(1, 500);
  assert.deepEqual(fixture.ejected, [1]);
  assert.deepEqual(new Set(fixture.picks(50)), new Set([2, 3, 4]));
  assert.equal(fixture.endpoint(1).healthFlags, 2);
});

test("no more are ejected than the share allows, and what is held back is counted", async (t) => {
  const fixture = await Fixture.start(t, 4, { ...HALF, consecutive_5xx: 1 });
  for (const port of [1, 2, 3, 4]) fixture.answer(port, 500);
  assert.deepEqual(fixture.ejected, [1, 2]);
  const outlier = fixture.counts;
  assert.equal(outlier.overflows, 2);
  assert.equal(outlier.detected.consecutive_5xx, 4);
  assert.equal(outlier.ejections.consecutive_5xx, 2);
});

test("Envoy's ten percent let nobody go from a small set, unless one may always go", async (t) => {
  const none = await Fixture.start(t, 4, { consecutive_5xx: 1 });
  none.answer(1, 500);
  assert.deepEqual(none.ejected, []);
  const one = await Fixture.start(t, 4, { consecutive_5xx: 1, always_eject_one_host: true });
  one.answer(1, 500);
  one.answer(2, 500);
  assert.deepEqual(one.ejected, [1]);
});

test("an ejected endpoint gets one request when its time is over, and returns with a good answer", async (t) => {
  const fixture = await Fixture.start(t, 4, { ...HALF, base_ejection_time: "2s" });
  fixture.answer(1, 500, 5);
  fixture.clock.advance(1_999);
  assert.ok(!fixture.picks(100).includes(1));
  fixture.clock.advance(1);
  assert.deepEqual(
    fixture.picks(100).filter((port) => port === 1),
    [1],
    "one request alone",
  );
  assert.deepEqual(fixture.ejected, [1]);
  fixture.answer(1, 200);
  assert.deepEqual(fixture.ejected, []);
  assert.ok(fixture.picks(20).includes(1));
  assert.equal(fixture.counts.trialsPassed, 1);
});

test("a bad answer to its trial keeps it out, longer each time and at most as long as the setting says", async (t) => {
  const times = { base_ejection_time: "1s", max_ejection_time: "2.5s" };
  const fixture = await Fixture.start(t, 2, { ...HALF, ...times, consecutive_5xx: 1 });
  fixture.answer(1, 500);
  for (const ms of [1_000, 2_000, 2_500, 2_500]) {
    fixture.clock.advance(ms - 1);
    assert.ok(!fixture.picks(30).includes(1));
    fixture.clock.advance(1);
    assert.ok(fixture.picks(30).includes(1), `after ${ms} ms`);
    fixture.answer(1, 502);
    assert.deepEqual(fixture.ejected, [1]);
  }
  assert.equal(fixture.counts.trialsFailed, 4);
});

test("a late answer to an earlier request is not the result of a trial", async (t) => {
  const fixture = await Fixture.start(t, 4, { ...HALF, base_ejection_time: "2s" });
  const monitor = fixture.monitor(1);
  const early = monitor.generation;
  fixture.answer(1, 500, 5);
  const whileOut = monitor.generation;
  fixture.clock.advance(2_000);
  monitor.onStatus(200, early);
  monitor.onStatus(200, whileOut);
  assert.equal(monitor.state, "due", "nobody has tried it");
  assert.ok(fixture.picks(30).includes(1));
  const ofTrial = monitor.generation;
  monitor.onStatus(200, early);
  monitor.onStatus(500, whileOut);
  monitor.onLocalFailure(503, early);
  assert.equal(monitor.state, "trial");
  assert.deepEqual([fixture.counts.trialsPassed, fixture.counts.trialsFailed], [0, 0]);
  monitor.onStatus(200, ofTrial);
  assert.equal(monitor.state, "in");
  assert.equal(fixture.counts.trialsPassed, 1);
});

test("trials are a small part of the requests, however often the endpoint fails", async (t) => {
  const times = { base_ejection_time: "0.001s", max_ejection_time: "0.001s" };
  const fixture = await Fixture.start(t, 2, { ...HALF, ...times, consecutive_5xx: 1 });
  fixture.answer(1, 500);
  let trials = 0;
  for (let i = 0; i < 10 * OUTLIER_TRIAL_SPACING_PICKS; i++) {
    fixture.clock.advance(10);
    if (fixture.picks(1)[0] !== 1) continue;
    trials += 1;
    fixture.answer(1, 500);
  }
  assert.equal(trials, 10);
});

test("a trial that tells nothing is followed by another", async (t) => {
  const fixture = await Fixture.start(t, 2, { ...HALF, base_ejection_time: "1s" });
  fixture.answer(1, 500, 5);
  fixture.clock.advance(1_000);
  assert.equal(fixture.picks(30).filter((port) => port === 1).length, 1);
  fixture.clock.advance(1_000);
  assert.equal(fixture.picks(30).filter((port) => port === 1).length, 1);
});

test("retries and sessions make no trial", async (t) => {
  const fixture = await Fixture.start(t, 3, { ...HALF, base_ejection_time: "1s" });
  fixture.answer(1, 500, 5);
  fixture.clock.advance(1_000);
  const retry = new PickContext();
  retry.avoid(fixture.endpoint(2));
  assert.ok(!fixture.picks(30, retry).includes(1));
  const session = new PickContext();
  session.overrideHost = "127.0.0.1:2";
  assert.ok(!fixture.picks(30, session).includes(1));
  assert.ok(fixture.picks(1).includes(1));
});

test("where nobody is left the trial does not wait for its turn", async (t) => {
  const all = { consecutive_5xx: 1, max_ejection_percent: 100, base_ejection_time: "1s" };
  const fixture = await Fixture.start(t, 2, all);
  fixture.answer(1, 500);
  fixture.answer(2, 500);
  assert.deepEqual(fixture.picks(2), [-1, -1]);
  fixture.clock.advance(1_000);
  assert.deepEqual(fixture.picks(3), [1, 2, -1]);
});

test("an endpoint that nobody tries is used again after a while", async (t) => {
  const fixture = await Fixture.start(t, 2, { ...HALF, base_ejection_time: "1s" });
  fixture.answer(1, 500, 5);
  fixture.clock.advance(1_000 + OUTLIER_TRIAL_WAIT_MS - 1);
  assert.deepEqual(fixture.ejected, [1]);
  fixture.clock.advance(1);
  assert.deepEqual(fixture.ejected, []);
});

test("endpoints of a better priority are tried while another one stands in, worse ones are not", async (t) => {
  const fixture = await Fixture.start(t, 3, { consecutive_5xx: 1, max_ejection_percent: 100 });
  const infos = fixture.cluster.endpoints.map(({ info }, index) => ({ ...info, priority: index }));
  fixture.proxy.dataPlane.setEndpoints("app", infos);
  fixture.answer(1, 500);
  fixture.answer(3, 500);
  assert.deepEqual(new Set(fixture.picks(50)), new Set([2]));
  fixture.clock.advance(30_000);
  assert.deepEqual(new Set(fixture.picks(50)), new Set([1, 2]));
  fixture.answer(1, 200);
  assert.deepEqual(fixture.ejected, [3]);
  assert.deepEqual(new Set(fixture.picks(50)), new Set([1]));
});

test("what was detected is not enforced where the setting says so", async (t) => {
  const fixture = await Fixture.start(t, 4, {
    ...HALF,
    consecutive_5xx: 2,
    enforcing_consecutive_5xx: 0,
  });
  fixture.answer(1, 500, 8);
  assert.deepEqual(fixture.ejected, []);
  assert.equal(fixture.counts.detected.consecutive_5xx, 4);
});

test("gateway errors have a row of their own, and an ejection for them ends with any other answer", async (t) => {
  const fixture = await Fixture.start(t, 4, {
    ...HALF,
    base_ejection_time: "1s",
    consecutive_5xx: 100,
    consecutive_gateway_failure: 3,
    enforcing_consecutive_gateway_failure: 100,
  });
  fixture.answer(1, 503, 2);
  fixture.answer(1, 500);
  fixture.answer(1, 502, 2);
  assert.deepEqual(fixture.ejected, []);
  fixture.answer(1, 504);
  assert.deepEqual(fixture.ejected, [1]);
  fixture.clock.advance(1_000);
  assert.equal(fixture.picks(1)[0], 1);
  fixture.answer(1, 500);
  assert.deepEqual(fixture.ejected, []);
});

test("failures without an answer count as 5xx, or apart where they are told apart", async (t) => {
  const together = await Fixture.start(t, 4, { ...HALF, consecutive_5xx: 4 });
  together.answer(1, 500, 2);
  together.localFailure(503);
  together.localFailure(504);
  assert.deepEqual(together.ejected, [1]);

  const apart = await Fixture.start(t, 4, {
    ...HALF,
    base_ejection_time: "1s",
    consecutive_5xx: 4,
    split_external_local_origin_errors: true,
    consecutive_local_origin_failure: 3,
  });
  apart.answer(1, 500, 3);
  for (let i = 0; i < 2; i++) apart.localFailure(503);
  apart.connected();
  for (let i = 0; i < 2; i++) apart.localFailure(503);
  assert.deepEqual(apart.ejected, []);
  apart.localFailure(503);
  assert.deepEqual(apart.ejected, [1]);
  apart.clock.advance(1_000);
  assert.equal(apart.picks(1)[0], 1);
  apart.connected();
  assert.deepEqual(apart.ejected, []);
});

test("an endpoint that succeeds far less than the others is ejected when the interval ends", async (t) => {
  const fixture = await Fixture.start(t, 5, {
    ...HALF,
    interval: "1s",
    consecutive_5xx: 1_000,
    success_rate_request_volume: 10,
  });
  for (const port of [2, 3, 4, 5]) fixture.answer(port, 200, 10);
  for (let i = 0; i < 5; i++) {
    fixture.answer(1, 200);
    fixture.answer(1, 500);
  }
  assert.deepEqual(fixture.ejected, []);
  // Rates of 50, 100, 100, 100 and 100: below 52 is an outlier.
  fixture.clock.advance(1_000);
  assert.deepEqual(fixture.ejected, [1]);
  assert.equal(fixture.counts.ejections.success_rate, 1);
});

test("too few requests or endpoints judge nobody, and an interval does not count the one before", async (t) => {
  const fixture = await Fixture.start(t, 5, {
    ...HALF,
    interval: "1s",
    consecutive_5xx: 1_000,
    success_rate_request_volume: 10,
  });
  for (let round = 0; round < 3; round++) {
    for (const port of [2, 3, 4, 5]) fixture.answer(port, 200, 10);
    fixture.answer(1, 500, 9);
    fixture.clock.advance(1_000);
    assert.deepEqual(fixture.ejected, []);
  }
});

test("the share of failures ejects alone, where it is enforced", async (t) => {
  const fixture = await Fixture.start(t, 4, {
    ...HALF,
    interval: "1s",
    consecutive_5xx: 1_000,
    enforcing_failure_percentage: 100,
    failure_percentage_threshold: 60,
    failure_percentage_minimum_hosts: 1,
    failure_percentage_request_volume: 5,
  });
  fixture.answer(1, 500, 2);
  fixture.answer(1, 200, 3);
  fixture.answer(2, 500, 3);
  fixture.answer(2, 200, 2);
  fixture.clock.advance(1_000);
  assert.deepEqual(fixture.ejected, [2]);
  assert.equal(fixture.counts.ejections.failure_percentage, 1);
});

test("ejections of an endpoint that has been well for a while are short again", async (t) => {
  const times = { interval: "1s", base_ejection_time: "2s" };
  const fixture = await Fixture.start(t, 2, { ...HALF, ...times, consecutive_5xx: 1 });
  fixture.answer(1, 500);
  fixture.clock.advance(2_000);
  assert.equal(fixture.picks(1)[0], 1);
  fixture.answer(1, 500);
  fixture.clock.advance(4_000);
  assert.ok(fixture.picks(30).includes(1));
  fixture.answer(1, 200);
  assert.equal(fixture.monitor(1).backoff, 2);
  // Envoy takes one back for each interval in which it was in use.
  fixture.clock.advance(4_000);
  assert.equal(fixture.monitor(1).backoff, 0);
  assert.equal(fixture.clock.pendingCount, 1, "an idle cluster has no timer but the proxy's own");
});

test("an endpoint that leaves makes room for another ejection, and is forgotten", async (t) => {
  const fixture = await Fixture.start(t, 4, { ...HALF, consecutive_5xx: 1 });
  fixture.answer(1, 500);
  fixture.answer(2, 500);
  const infos = fixture.cluster.endpoints.map(({ info }) => info);
  fixture.proxy.dataPlane.setEndpoints("app", infos.slice(1));
  assert.equal(fixture.cluster.health?.outliers?.ejectedCount, 1);
  fixture.proxy.dataPlane.setEndpoints("app", infos);
  assert.deepEqual(fixture.ejected, [2]);
  fixture.answer(3, 500);
  assert.deepEqual(fixture.ejected, [2, 3]);
});

test("ejection and return are one line of the log each, and metrics tell both", async (t) => {
  const times = { base_ejection_time: "1s" };
  const fixture = await Fixture.start(t, 4, { ...HALF, ...times, consecutive_5xx: 1 });
  fixture.answer(1, 500);
  const { proxy } = fixture;
  assert.equal(proxy.metric("tulle_outlier_ejections_active", 'cluster="app"'), 1);
  assert.equal(proxy.metric("tulle_upstream_endpoints_healthy", 'cluster="app"'), 3);
  const named = ["tulle_outlier_endpoint_ejected", 'endpoint="127.0.0.1:1"'] as const;
  assert.equal(proxy.metric(...named), 1);
  fixture.clock.advance(1_000);
  fixture.picks(1);
  fixture.answer(1, 500);
  fixture.clock.advance(2_000);
  fixture.picks(30);
  fixture.answer(1, 200);
  const lines = proxy.log.filter(
    ({ component, level }) => component === "health" && level !== "debug",
  );
  assert.deepEqual(
    lines.map(({ message, endpoint }) => [message, endpoint]),
    [
      ["endpoint ejected", "127.0.0.1:1"],
      ["endpoint restored", "127.0.0.1:1"],
    ],
  );
  assert.equal(proxy.metric("tulle_outlier_ejections_active", 'cluster="app"'), 0);
  assert.equal(proxy.metric(...named), 0);
  const reason = 'reason="consecutive_5xx"';
  assert.equal(proxy.metric("tulle_outlier_ejections_total", reason), 1);
  assert.equal(proxy.metric("tulle_outlier_trials_total", 'result="failed"'), 1);
  assert.equal(proxy.metric("tulle_outlier_trials_total", 'result="passed"'), 1);
});
