/** The controller on a real store and a real reconciler; a sidecar's admin port and Prometheus are small servers here. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { parseDocuments } from "../../resource/documents.ts";
import type { RolloutState } from "../../resource/kinds/rollout-status.ts";
import { registry as kinds } from "../../resource/registry.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { ProxySnapshot } from "../../xds/snapshot.ts";
import { ROUTE_TYPE_URL } from "../../xds/type-urls.ts";
import { createMeshState } from "../mesh-state.ts";
import { createControlPlaneMetrics } from "../metrics.ts";
import type { ProxyNode } from "../proxy-node.ts";
import { RolloutController } from "./rollout-controller.ts";

const KEY = { namespace: "default", name: "catalog" };

const service = (name: string, version?: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: catalog${version === undefined ? "" : `, version: ${version}`}}, ports: [{port: 80, targetPort: 8080}]}
---
`;
const rollout = (metrics: string, canary = "catalog-v2") => `apiVersion: mesh.tulle.dev/v1
kind: Rollout
metadata: {name: catalog}
spec:
  targetRef: {name: catalog}
  stableService: catalog-v1
  canaryService: ${canary}
  strategy:
    canary:
      steps:
        - {setWeight: 10, pause: {duration: 5s}}
        - {setWeight: 50, pause: {duration: 5s}}
  analysis: {interval: 2s, minRequests: 10, metrics: [${metrics}]}
`;
const RATE_GATE = "request-success-rate";
const RATE = "{name: request-success-rate, thresholdRange: {min: 99}}";

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** Answers every request with what `answer` gives then. Resolves with `host:port`. */
async function serve(answer: (path: string) => string): Promise<string> {
  const server = createServer((request, response) => response.end(answer(request.url ?? "")));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a caller's sidecar counts. */
class Caller {
  readonly #counts = new Map<string, number>();

  add(version: string, code: number, count: number): void {
    const labels = `reporter="source",destination_service_name="catalog-${version}",destination_service_namespace="default",response_code="${code}"`;
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + count);
  }

  readonly exposition = (): string =>
    [...this.#counts]
      .map(([labels, count]) => `istio_requests_total{${labels}} ${count}\n`)
      .join("");
}

function node(id: string, version: string, adminAddress: string): ProxyNode {
  const identity = { namespace: "default", serviceAccount: "catalog" };
  const labels = { app: "catalog", version };
  const ports = [{ name: "http", port: 8080, inboundPort: 15_006, protocol: "http" }] as const;
  const address = "127.1.0.1";
  return {
    scope: {
      ...identity,
      nodeId: id,
      labels,
      address,
      ports,
      zone: "",
      loopbackBlock: "127.1.0.0/18",
      role: "sidecar",
    } as ProxyNode["scope"],
    instance: { ...identity, name: id, service: "catalog", labels, address, ports, zone: "" },
    service: "catalog",
    spiffeId: "spiffe://tulle.local/ns/default/sa/catalog",
    adminAddress,
    userAgent: "tulle",
    version: "",
  };
}

class Mesh {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly caller: Caller;
  readonly pushes: ProxySnapshot[] = [];
  readonly metrics = new MetricRegistry();
  readonly #controlPlaneMetrics = createControlPlaneMetrics(this.metrics, "test");
  readonly #mesh: ReturnType<typeof createMeshState>;
  readonly #controller: RolloutController;

  /** Another control plane on the store of `before`, as after a restart. */
  constructor(before?: Mesh) {
    this.clock = before?.clock ?? new ManualClock();
    this.store = before?.store ?? createMemoryStore({ clock: this.clock, registry: kinds });
    this.caller = before?.caller ?? new Caller();
    const { clock, store } = this;
    this.#mesh = createMeshState({
      store,
      trustDomain: "tulle.local",
      getTrustBundlePem: () => "",
      setSnapshot: (_, snapshot) => this.pushes.push(snapshot),
      recordOf: () => undefined,
      metrics: this.#controlPlaneMetrics,
      clock,
      log: silentLogger,
    });
    this.#controller = new RolloutController({
      store,
      ...this.#mesh,
      metrics: this.#controlPlaneMetrics.rolloutEvents,
      clock,
      log: silentLogger,
    });
  }

  async start(versions: readonly string[] = ["v1", "v2"]): Promise<void> {
    await this.#mesh.reconciler.start();
    const adminAddress = await serve(this.caller.exposition);
    for (const version of versions) this.connect(version, adminAddress);
  }

  connect(version: string, adminAddress = ""): void {
    const id = `catalog-${version}`;
    const proxy = node(id, version, adminAddress);
    const { registry, proxies, reconciler } = this.#mesh;
    if (proxy.instance !== undefined) registry.connect(id, proxy.instance);
    registry.report(`default/${id}`, "healthy");
    const stream = { id, remoteAddress: "", protocol: "delta" } as const;
    reconciler.proxyConnected(proxies.connect(stream, proxy));
  }

  disconnect(version: string): void {
    this.#mesh.registry.disconnect(`catalog-${version}`, "lost");
  }

  async apply(text: string): Promise<void> {
    const { objects, violations } = parseDocuments(text, "test", kinds);
    assert.deepEqual(violations, []);
    await this.store.apply(objects.map((object) => ({ type: "put", object })));
    await turns();
  }

  /** So many seconds, a look in each. `during` happens before each look. */
  async pass(seconds: number, during: () => void = () => {}): Promise<RolloutState> {
    await this.look(seconds, during);
    return this.state();
  }

  async look(seconds: number, during: () => void = () => {}): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.clock.advance(1000);
      during();
      await this.#controller.tick();
      await turns();
    }
  }

  async state(): Promise<RolloutState> {
    const found = await this.store.get("Rollout", KEY.namespace, KEY.name);
    const state = found?.status?.rollout;
    assert.ok(state !== undefined, "the controller has looked");
    return state;
  }

  command(action: Parameters<RolloutController["command"]>[1]) {
    return this.#controller.command(KEY, action, "alice");
  }

  view() {
    return this.#controller.view(KEY.namespace, KEY.name);
  }

  async stop(): Promise<void> {
    await this.#controller.stop();
    this.#mesh.registry.stop();
    await this.#mesh.reconciler.stop();
    await this.#mesh.recorder.stop();
  }
}

/** The store works in turns of the event loop; time is the test's. */
async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}

const SERVICES = service("catalog") + service("catalog-v1", "v1") + service("catalog-v2", "v2");

test("a good canary is promoted step by step, and every change of weights is pushed", async () => {
  const mesh = new Mesh();
  await mesh.start();
  await mesh.apply(SERVICES + rollout(RATE));
  const good = (): void => {
    mesh.caller.add("v1", 200, 45);
    mesh.caller.add("v2", 200, 5);
  };
  const early = await mesh.pass(5, good);
  assert.deepEqual(
    [early.phase, early.currentStepIndex, early.weights.canary],
    ["Progressing", 0, 10],
  );
  assert.deepEqual(
    early.gates.map(({ verdict, value }) => [verdict, value]),
    [["Passed", "100 %"]],
  );
  assert.ok(early.traffic.canary.requests > 0 && early.traffic.canary.failures === 0);
  const routes = new Set(mesh.pushes.map(({ resources }) => resources.get(ROUTE_TYPE_URL)));
  const done = await mesh.pass(12, good);
  assert.equal(done.phase, "Succeeded", done.message);
  mesh.clock.advance(2000);
  await turns();
  const after = new Set(mesh.pushes.map(({ resources }) => resources.get(ROUTE_TYPE_URL)));
  assert.ok(after.size > routes.size, "later weights reached the proxies");
  await mesh.stop();
});

test("the view has the steps with their gates and every figure of the run, until the next one", async () => {
  const mesh = new Mesh();
  await mesh.start();
  await mesh.apply(SERVICES + rollout(RATE));
  let bad = 0;
  const requests = (): void => {
    mesh.caller.add("v2", 200, 10 - bad);
    mesh.caller.add("v2", 503, bad);
  };
  await mesh.pass(5, requests);
  bad = 5;
  await mesh.pass(4, requests);
  const view = mesh.view();
  assert.equal(view?.strategy, "canary");
  assert.deepEqual(view.steps[0], {
    ...{ title: "10 % to catalog-v2", weight: 10, isPreviewed: false, pauseSeconds: 5 },
    gates: [{ name: "request-success-rate", min: 99, max: null, unit: " %" }],
  });
  assert.equal(view.state?.phase, "RolledBack");
  const [first, ...others] = view.looks;
  assert.deepEqual([first?.gate, first?.value, first?.verdict], [RATE_GATE, 100, "Passed"]);
  const { value, verdict } = others.at(-1) ?? {};
  assert.ok(verdict === "Failed" && value !== undefined && value < 99);
  assert.ok((await mesh.command("start")).ok);
  await mesh.look(1);
  assert.deepEqual(mesh.view()?.looks, []);
  await mesh.store.delete({ kind: "Rollout", ...KEY });
  await turns();
  assert.equal(mesh.view(), undefined);
  await mesh.stop();
});

test("a canary whose answers fail is rolled back at its first look with enough requests", async () => {
  const mesh = new Mesh();
  await mesh.start();
  await mesh.apply(SERVICES + rollout(RATE));
  const bad = (): void => {
    mesh.caller.add("v1", 200, 90);
    mesh.caller.add("v2", 200, 3);
    mesh.caller.add("v2", 503, 2);
  };
  const state = await mesh.pass(8, bad);
  assert.equal(state.phase, "RolledBack");
  assert.match(state.message, /request-success-rate is 60 %, at least 99 % is allowed/);
  assert.deepEqual(state.weights, { stable: 100, canary: 0 });
  // It stays so, whatever comes.
  assert.deepEqual(await mesh.pass(5), state);
  await mesh.stop();
});

test("another control plane goes on where the first one was", async () => {
  const first = new Mesh();
  await first.start();
  await first.apply(SERVICES + rollout(RATE));
  const good = (): void => first.caller.add("v2", 200, 10);
  const before = await first.pass(8, good);
  assert.equal(before.currentStepIndex, 1);
  await first.stop();
  const second = new Mesh(first);
  await second.start();
  const after = await second.pass(1, good);
  assert.deepEqual(
    [after.run, after.currentStepIndex, after.stepStartedAt],
    [1, 1, before.stepStartedAt],
  );
  assert.equal((await second.pass(10, good)).phase, "Succeeded");
  await second.stop();
});

test("two control planes at once do no more than one", async () => {
  const first = new Mesh();
  await first.start();
  await first.apply(SERVICES + rollout(""));
  const second = new Mesh(first);
  await second.start();
  for (let turn = 0; turn < 4; turn++) {
    await first.look(1);
    await second.look(1);
    assert.ok((await second.command("pause")).ok);
    assert.ok((await first.command("resume")).ok);
  }
  const { events, run } = await first.pass(12);
  assert.equal(run, 1);
  const steps = events.filter(({ reason }) => reason === "StepStarted");
  assert.ok(steps.length <= 2, `each step once: ${JSON.stringify(steps)}`);
  await first.stop();
  await second.stop();
});

test("a query decides, and one that cannot be asked waits", async () => {
  let answer = JSON.stringify({ data: { resultType: "vector", result: [] } });
  const asked: string[] = [];
  const address = await serve((path) => {
    asked.push(path);
    return answer;
  });
  const gate = `{name: baskets, thresholdRange: {min: 2}, provider: {prometheus: {address: "http://${address}/prefix", query: 'sum(x{service="{{canary}}"})'}}}`;
  const mesh = new Mesh();
  await mesh.start();
  await mesh.apply(SERVICES + rollout(gate));
  const waiting = await mesh.pass(8);
  assert.deepEqual(
    [waiting.phase, waiting.gates[0]?.value],
    ["Progressing", "the query gives no data"],
  );
  const query = new URL(asked[0] ?? "", "http://x");
  assert.equal(query.pathname, "/prefix/api/v1/query");
  assert.equal(query.searchParams.get("query"), 'sum(x{service="catalog-v2"})');
  answer = JSON.stringify({ data: { resultType: "vector", result: [{ value: [0, "2.5"] }] } });
  assert.equal((await mesh.pass(3)).currentStepIndex, 1);
  answer = JSON.stringify({ data: { resultType: "scalar", result: [0, "1"] } });
  assert.match((await mesh.pass(4)).message, /baskets is 1, at least 2 is allowed/);
  await mesh.stop();
});

test("commands are written, refused with a reason, and survive", async () => {
  const mesh = new Mesh();
  await mesh.start(["v1"]);
  await mesh.apply(SERVICES + rollout(""));
  assert.equal((await mesh.pass(3)).phase, "Pending");
  const missing = await new Mesh(mesh).command("abort");
  assert.ok(missing.ok, "any control plane takes it");
  const again = await mesh.command("abort");
  assert.ok(!again.ok && again.message.startsWith("it was rolled back"));
  mesh.connect("v2");
  assert.ok((await mesh.command("start")).ok);
  assert.equal((await mesh.pass(2)).phase, "Progressing");
  mesh.disconnect("v2");
  const left = await mesh.pass(1);
  assert.match(left.message, /catalog-v2 has no instance that serves any more/);
  assert.deepEqual(
    left.events.map(({ reason, by }) => [reason, by]),
    [
      ["Started", undefined],
      ["Aborted", "alice"],
      ["Started", "alice"],
      ["StepStarted", undefined],
      ["CanaryUnavailable", undefined],
    ],
  );
  await mesh.stop();
});
