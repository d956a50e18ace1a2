/** When an endpoint is asked, and what its answers make of it: Envoy's rules, with clock and answers in the test's hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { PoolFixture } from "../../../test/support/pool-fixture.ts";
import { ManualClock } from "../../core/clock.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { compileHealthCheck } from "../config/health-check-config.ts";
import type { Endpoint } from "../endpoint.ts";
import { HealthCheckSession, type Transition } from "./health-check-session.ts";
import { HealthCounts } from "./health-counts.ts";
import { healthFlagsText } from "./health-flags.ts";
import { badAnswer, networkFailure, type Probe, type ProbeFailure } from "./probe.ts";

const REQUIRED = {
  timeout: "1s",
  interval: "10s",
  unhealthy_threshold: 3,
  healthy_threshold: 2,
  tcp_health_check: {},
};

class Fixture {
  readonly clock = new ManualClock();
  readonly endpoint: Endpoint = new PoolFixture().endpoint;
  readonly counts = new HealthCounts().checks;
  readonly transitions: Transition[] = [];
  readonly session: HealthCheckSession;
  hasTraffic = true;
  /** Questions so far. */
  asked = 0;
  givenUp = 0;

  /** `chance` is what every random number is. */
  constructor(json: JsonObject = {}, chance = 0.5) {
    const errors: FieldError[] = [];
    const message = fromJson(ClusterSchema, { health_checks: [{ ...REQUIRED, ...json }] });
    const settings = compileHealthCheck(message, "http1", errors) ?? assert.fail();
    assert.deepEqual(errors, []);
    const probe: Probe = {
      begin: () => {
        this.asked += 1;
      },
      giveUp: () => {
        this.givenUp += 1;
      },
      close: () => {},
    };
    const isBusy = (): boolean => this.hasTraffic;
    const owner = {
      ...{ settings, counts: this.counts, clock: this.clock, prng: { next: () => chance } },
      get hasTraffic() {
        return isBusy();
      },
      onChecked: (_endpoint: Endpoint, transition: Transition) => {
        this.transitions.push(transition);
      },
    };
    this.session = new HealthCheckSession(owner, this.endpoint, () => probe);
    this.session.start(false);
  }

  get flags(): string {
    return healthFlagsText(this.endpoint.healthFlags);
  }

  pass(isDegraded = false): void {
    this.session.onProbePassed(isDegraded);
  }

  fail(failure: ProbeFailure = networkFailure("refused")): void {
    this.session.onProbeFailed(failure);
  }

  /** Milliseconds until the next question. */
  wait(): number {
    const { asked } = this;
    for (let ms = 1; ms <= 1_000_000; ms++) {
      this.clock.advance(1);
      if (this.asked > asked) return ms;
    }
    assert.fail("is not asked any more");
  }
}

test("a new endpoint is asked at once, not used before its answer, and well with the first good one", () => {
  const fixture = new Fixture();
  assert.equal(fixture.asked, 1);
  assert.equal(fixture.flags, "/failed_active_hc/pending_active_hc");
  fixture.pass();
  assert.equal(fixture.flags, "healthy");
  assert.deepEqual(fixture.transitions, ["changed"]);
});

test("a new endpoint whose first check fails stays out", () => {
  const fixture = new Fixture();
  fixture.fail();
  assert.equal(fixture.flags, "/failed_active_hc");
  assert.deepEqual(fixture.transitions, ["changed"]);
});

test("as many failures in a row as the threshold says take it out, as many successes bring it back", () => {
  const fixture = new Fixture();
  fixture.pass();
  fixture.fail();
  fixture.fail();
  fixture.pass();
  fixture.fail();
  fixture.fail();
  assert.equal(fixture.flags, "healthy");
  fixture.fail();
  assert.equal(fixture.flags, "/failed_active_hc");
  fixture.pass();
  fixture.fail();
  fixture.pass();
  assert.equal(fixture.flags, "/failed_active_hc");
  fixture.pass();
  assert.equal(fixture.flags, "healthy");
  assert.equal(fixture.counts.successes, 5);
  assert.equal(fixture.counts.failures, 6);
});

test("an endpoint that says that it is not well is out at once, unless its answer is retriable", () => {
  const fixture = new Fixture();
  fixture.pass();
  fixture.fail(badAnswer("status 503", true));
  assert.equal(fixture.flags, "healthy");
  fixture.fail(badAnswer("status 500"));
  assert.equal(fixture.flags, "/failed_active_hc");
  assert.equal(fixture.counts.networkFailures, 0);
});

test("an answer that does not come is a failure of the network, and shows while the endpoint is out", () => {
  const fixture = new Fixture({ unhealthy_threshold: 1 });
  fixture.pass();
  fixture.wait();
  fixture.clock.advance(999);
  assert.equal(fixture.givenUp, 0);
  fixture.clock.advance(1);
  assert.equal(fixture.givenUp, 1);
  assert.equal(fixture.flags, "/failed_active_hc/active_hc_timeout");
  fixture.fail();
  assert.equal(fixture.flags, "/failed_active_hc");
});

test("a degraded endpoint is one as soon as it says so", () => {
  const fixture = new Fixture();
  fixture.pass();
  fixture.pass(true);
  assert.equal(fixture.flags, "/degraded_active_hc");
  assert.equal(fixture.endpoint.health, "degraded");
  fixture.pass();
  assert.equal(fixture.flags, "healthy");
  assert.deepEqual(fixture.transitions, ["changed", "changed", "changed"]);
});

test("the interval depends on the result and on whether more of its kind are needed", () => {
  const fixture = new Fixture({
    healthy_edge_interval: "2s",
    unhealthy_interval: "3s",
    unhealthy_edge_interval: "4s",
    unhealthy_threshold: 2,
  });
  fixture.pass();
  assert.equal(fixture.wait(), 10_000);
  fixture.fail();
  assert.equal(fixture.wait(), 4_000);
  fixture.fail();
  assert.equal(fixture.wait(), 3_000);
  fixture.fail();
  assert.equal(fixture.wait(), 3_000);
  fixture.pass();
  assert.equal(fixture.wait(), 2_000);
  fixture.pass();
  assert.equal(fixture.wait(), 10_000);
});

test("a cluster without traffic is asked less often", () => {
  const fixture = new Fixture({ no_traffic_interval: "20s", no_traffic_healthy_interval: "30s" });
  fixture.hasTraffic = false;
  fixture.pass();
  assert.equal(fixture.wait(), 30_000);
  fixture.fail();
  assert.equal(fixture.wait(), 20_000);
  const plain = new Fixture();
  plain.hasTraffic = false;
  plain.pass();
  assert.equal(plain.wait(), 60_000);
});

test("jitter is added, a part of the interval or of its own, and to the first question", () => {
  const fixture = new Fixture({ interval_jitter_percent: 20, interval_jitter: "1s" });
  fixture.pass();
  // Half of a fifth of 10 s, and half a second.
  assert.equal(fixture.wait(), 11_500);
  const late = new Fixture({ initial_jitter: "4s" });
  assert.equal(late.asked, 0);
  assert.equal(late.wait(), 2_000);
});

test("checks that end leave no trace of theirs", () => {
  const fixture = new Fixture();
  fixture.fail();
  fixture.session.stop(false);
  assert.equal(fixture.flags, "healthy");
  assert.equal(fixture.clock.pendingCount, 0);
});
