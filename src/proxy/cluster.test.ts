import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { endpointInfo } from "../../test/support/endpoint-info.ts";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";
import { TimerWheel } from "../core/timer-wheel.ts";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { UNKNOWN_SERVICE } from "../telemetry/request-metrics.ts";
import { CallbackFaults } from "./callback-faults.ts";
import type { CircuitLimits } from "./circuit-breaker.ts";
import { Cluster } from "./cluster.ts";
import { createClusterCounts } from "./cluster-counts.ts";
import { compileUpstreamHttp } from "./config/upstream-http-config.ts";
import type { Dialer } from "./dialer.ts";
import { Endpoint } from "./endpoint.ts";
import { HostSet } from "./host-set.ts";
import { OVERRIDE_DEFAULT } from "./load-balancer/host.ts";
import type { LoadBalancer } from "./load-balancer/load-balancer.ts";
import { PickContext } from "./pick-context.ts";

const nowhere: Dialer = { dial: () => ({ abort: () => {} }) };

/** Always picks the first. */
class First implements LoadBalancer<Endpoint> {
  #endpoints: readonly Endpoint[] = [];
  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
  }
  pick(): Endpoint | undefined {
    return this.#endpoints[0];
  }
}

const ONE_OF_EACH: CircuitLimits = {
  connectionsMax: 1,
  pendingMax: 1,
  requestsMax: 1,
  retriesMax: 1,
  retryBudget: undefined,
  tracksRemaining: false,
};

/** Endpoints by port: those of `sick` are not healthy. */
function clusterOf(
  priorities: Readonly<Record<number, number>>,
  sick: readonly number[],
  panicThreshold = 0.5,
): Cluster {
  const cluster = new Cluster({
    name: "app",
    service: UNKNOWN_SERVICE,
    limits: ONE_OF_EACH,
    urgentLimits: ONE_OF_EACH,
    hostConnectionsMax: Number.POSITIVE_INFINITY,
    streamDurationMs: 0,
    counts: createClusterCounts(),
    hosts: new HostSet({
      group: {
        createBalancer: () => new First(),
        panicThreshold,
        locality: { kind: "none" },
        localZones: () => undefined,
        prng: new SeededPrng(1),
      },
      subsets: undefined,
      override: OVERRIDE_DEFAULT,
    }),
  });
  const endpoints = Object.entries(priorities).map(([port, priority]) => {
    const isHealthy = !sick.includes(Number(port));
    const info = endpointInfo({ port: Number(port), isHealthy, priority });
    return new Endpoint(info, {
      dialer: nowhere,
      budget: cluster,
      nowMs: () => 0,
      wallMs: () => 0,
      timers: { idle: new TimerWheel(new ManualClock(), 500) },
      prng: new SeededPrng(1),
      faults: new CallbackFaults(new MetricRegistry(), silentLogger),
      createConnection: () => assert.fail(),
      http: compileUpstreamHttp(create(ClusterSchema), undefined, []),
      rawAlpn: [],
    });
  });
  cluster.setEndpoints(endpoints);
  return cluster;
}

function avoiding(endpoint: Endpoint): PickContext {
  const context = new PickContext();
  context.avoid(endpoint);
  return context;
}

function eligible(cluster: Cluster): number[] {
  return cluster.eligible.map(({ info }) => info.port);
}

test("healthy endpoints of the best priority are eligible, and of the next when it has lost too many", () => {
  assert.deepEqual(eligible(clusterOf({ 1: 0, 2: 0, 3: 1 }, [])), [1, 2]);
  assert.deepEqual(eligible(clusterOf({ 1: 0, 2: 0, 3: 1 }, [1])), [2, 3]);
  assert.deepEqual(eligible(clusterOf({ 1: 0, 2: 0, 3: 1 }, [1, 2])), [3]);
});

test("below the panic threshold all of the first priority are", () => {
  assert.deepEqual(eligible(clusterOf({ 1: 0, 2: 0, 3: 0 }, [1, 2])), [1, 2, 3]);
  assert.deepEqual(eligible(clusterOf({ 1: 0, 2: 0 }, [1, 2])), [1, 2]);
});

test("without panic nobody is when nobody is healthy", () => {
  assert.deepEqual(eligible(clusterOf({ 1: 0, 2: 0, 3: 0 }, [1, 2], 0)), [3]);
  const cluster = clusterOf({ 1: 0 }, [1], 0);
  assert.deepEqual(eligible(cluster), []);
  assert.equal(cluster.pick(undefined), undefined);
});

test("an endpoint that failed is avoided where there is another", () => {
  const cluster = clusterOf({ 1: 0, 2: 0 }, []);
  const [first, second] = cluster.endpoints;
  assert.equal(cluster.pick(undefined), first);
  assert.equal(cluster.pick(avoiding(first!)), second);
  const alone = clusterOf({ 1: 0 }, []);
  assert.equal(alone.pick(avoiding(alone.endpoints[0]!)), alone.endpoints[0]);
});

test("a session keeps its endpoint while that is there, but for retries", () => {
  const cluster = clusterOf({ 1: 0, 2: 0 }, []);
  const [first, second] = cluster.endpoints;
  const context = new PickContext();
  context.overrideHost = "127.0.0.1:2";
  assert.equal(cluster.pick(context), second);
  context.avoid(second!);
  assert.equal(cluster.pick(context), first);
  context.reset();
  context.overrideHost = "127.0.0.1:3";
  assert.equal(cluster.pick(context), first);
  context.isOverrideStrict = true;
  assert.equal(cluster.pick(context), undefined);
});

test("a session leaves an endpoint that is out", () => {
  const cluster = clusterOf({ 1: 0, 2: 0, 3: 0 }, [3]);
  const context = new PickContext();
  context.overrideHost = "127.0.0.1:3";
  assert.equal(cluster.pick(context), cluster.endpoints[0]);
});

test("each limit counts what is under way, and what it turned away", () => {
  const cluster = clusterOf({ 1: 0 }, []);
  const { breaker } = cluster;
  assert.ok(breaker.admitRequest());
  assert.equal(breaker.admitRequest(), false);
  breaker.releaseRequest();
  assert.ok(breaker.admitRequest());
  assert.ok(cluster.admitPending());
  assert.equal(cluster.admitPending(), false);
  assert.ok(breaker.admitRetry(true, false));
  assert.equal(breaker.admitRetry(true, false), false);
  assert.equal(cluster.counts.overflows, 3);
  assert.ok(cluster.admitConnection(false));
  assert.equal(cluster.admitConnection(false), false);
  assert.ok(cluster.admitConnection(true), "an endpoint's first connection is always allowed");
  assert.equal(cluster.connectionCount, 2);
});
