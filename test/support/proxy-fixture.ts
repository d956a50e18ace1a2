/** A data plane in this process, from a bootstrap file without the file. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { BootstrapSchema } from "../../src/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { type ClusterConfig, compileCluster } from "../../src/proxy/config/cluster-config.ts";
import { compileListener, type ListenerConfig } from "../../src/proxy/config/listener-config.ts";
import { messageRegistry } from "../../src/proxy/config/message-registry.ts";
import { nodeLabels } from "../../src/proxy/config/metadata-labels.ts";
import { unsupportedFields } from "../../src/proxy/config/unsupported-fields.ts";
import { DataPlane } from "../../src/proxy/data-plane.ts";
import type { HttpServer } from "../../src/proxy/http-server.ts";
import { registerClusterMetrics } from "../../src/proxy/link-metrics.ts";
import { localClusterOf } from "../../src/proxy/local-cluster.ts";
import {
  applyStaticResources,
  applyStaticSecrets,
  compileStaticResources,
} from "../../src/proxy/static-resources.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { prometheusText } from "../../src/telemetry/prometheus-text.ts";

export interface ProxyOptions {
  readonly clock?: Clock;
  readonly seed?: number;
  readonly connectionsMax?: number;
}

export type LogLine = Readonly<Record<string, unknown>>;

export class ProxyFixture {
  readonly dataPlane: DataPlane;
  readonly log: LogLine[] = [];
  readonly registry = new MetricRegistry();
  readonly #clock: Clock;

  /** Stops with the test. */
  static async start(
    context: TestContext,
    bootstrap: JsonObject,
    options: ProxyOptions = {},
  ): Promise<ProxyFixture> {
    const fixture = new ProxyFixture(bootstrap, options);
    context.after(() => fixture.dataPlane.stop());
    await fixture.#apply(bootstrap);
    return fixture;
  }

  private constructor(
    bootstrap: JsonObject,
    { clock = systemClock, seed = 1, connectionsMax }: ProxyOptions,
  ) {
    this.#clock = clock;
    const sink = { write: (line: string) => this.log.push(JSON.parse(line)) };
    const threshold = { level: "debug" as const };
    this.dataPlane = new DataPlane({
      clock,
      log: createLogger({ clock, sink, threshold, format: "json" }),
      prng: new SeededPrng(seed),
      registry: this.registry,
      workload: nodeLabels(parsed(bootstrap).node?.metadata, ""),
      local: localClusterOf(parsed(bootstrap)),
      ...(connectionsMax === undefined ? {} : { connectionsMax }),
    });
    registerClusterMetrics(this.registry, this.dataPlane);
  }

  port(listener = "main"): number {
    const found = this.dataPlane.listeners.get(listener);
    assert.ok(found, `no listener ${listener}`);
    return found.port;
  }

  /** What serves the first filter chain of a listener. */
  httpServer(listener = "main"): HttpServer {
    const [chain] = this.dataPlane.listeners.get(listener)?.servers ?? [];
    assert.ok(chain?.kind === "http", `no HTTP listener ${listener}`);
    return chain.server;
  }

  /** Lines of the metrics page that contain every one of these texts. */
  metrics(...texts: readonly string[]): readonly string[] {
    return prometheusText(this.registry.families())
      .split("\n")
      .filter((line) => texts.every((text) => line.includes(text)));
  }

  /** The sum of the matching series. */
  metric(name: string, ...texts: readonly string[]): number {
    return this.metrics(name, ...texts)
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  cluster(json: JsonObject): ClusterConfig {
    const errors: { path: string; message: string }[] = [];
    const bootstrap = parsed({ static_resources: { clusters: [json] } });
    const [cluster] = bootstrap.staticResources?.clusters ?? [];
    assert.ok(cluster);
    const config = compileCluster(cluster, errors);
    assert.deepEqual(errors, []);
    return config;
  }

  listener(json: JsonObject): ListenerConfig {
    const errors: { path: string; message: string }[] = [];
    const bootstrap = parsed({ static_resources: { listeners: [json] } });
    const [listener] = bootstrap.staticResources?.listeners ?? [];
    assert.ok(listener);
    const config = compileListener(listener, errors, () => this.#clock.nowMs());
    assert.deepEqual(errors, []);
    assert.ok(config);
    return config;
  }

  async #apply(json: JsonObject): Promise<void> {
    const bootstrap = parsed(json);
    const errors: { path: string; message: string }[] = [];
    const resources = compileStaticResources(
      bootstrap,
      () => false,
      errors,
      () => this.#clock.nowMs(),
    );
    applyStaticSecrets(bootstrap, this.dataPlane.secrets, errors);
    assert.deepEqual(errors, []);
    await applyStaticResources(resources, this.dataPlane);
  }
}

function parsed(json: JsonObject) {
  const bootstrap = fromJson(BootstrapSchema, json, { registry: messageRegistry });
  assert.deepEqual(unsupportedFields(BootstrapSchema, bootstrap, messageRegistry), []);
  return bootstrap;
}
