/**
 * An ADS client whose consumer is a miniature proxy: it keeps what it is given, subscribes to the endpoints of
 * its clusters and to the routes that its listeners are named after, and refuses what a test tells it to.
 */

import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { ManualClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { NodeSchema } from "../../src/gen/envoy/config/core/v3/base_pb.js";
import { AdsClient } from "../../src/xds/ads-client.ts";
import { XDS_CHANNEL_OPTIONS } from "../../src/xds/channel-options.ts";
import type {
  ReceivedResource,
  ResourceConsumer,
  ResourceError,
  ResourceUpdate,
} from "../../src/xds/resource-consumer.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
} from "../../src/xds/type-urls.ts";

export interface AdsClientFixtureOptions {
  readonly port: number;
  readonly protocol: "sotw" | "delta";
  /** Violations of one resource; none by default. */
  readonly judge?: (typeUrl: string, resource: ReceivedResource) => readonly string[];
  /** Called after each update was applied. With a promise, the errors come when it is resolved. */
  readonly onApplied?: (fixture: AdsClientFixture) => void | Promise<void>;
}

export class AdsClientFixture implements ResourceConsumer {
  readonly clock = new ManualClock();
  readonly client: AdsClient;
  /** Type URL, then name, of everything applied. Bytes are copies. */
  readonly applied = new Map<string, Map<string, Uint8Array>>();
  readonly updates: ResourceUpdate[] = [];
  readonly missing: string[] = [];
  readonly #options: AdsClientFixtureOptions;

  constructor(options: AdsClientFixtureOptions) {
    this.#options = options;
    this.client = new AdsClient({
      clock: this.clock,
      prng: new SeededPrng(1),
      log: silentLogger,
      protocol: options.protocol,
      node: create(NodeSchema, { id: "sidecar-1", cluster: "test" }),
      createClient: () =>
        new Client(`127.0.0.1:${options.port}`, credentials.createInsecure(), XDS_CHANNEL_OPTIONS),
      consumer: this,
    });
  }

  /** Subscribes to all clusters and listeners and starts. */
  startProxy(): this {
    this.client.subscribe(CLUSTER_TYPE_URL, "*");
    this.client.subscribe(LISTENER_TYPE_URL, "*");
    this.client.start();
    return this;
  }

  namesOf(typeUrl: string): string[] {
    return [...(this.applied.get(typeUrl)?.keys() ?? [])].sort();
  }

  onUpdate(update: ResourceUpdate): readonly ResourceError[] | Promise<readonly ResourceError[]> {
    this.updates.push(update);
    const { typeUrl } = update;
    const resources = this.applied.get(typeUrl) ?? new Map<string, Uint8Array>();
    this.applied.set(typeUrl, resources);
    const errors = update.changed.flatMap((resource) => {
      const { name, bytes } = resource;
      const messages = this.#options.judge?.(typeUrl, resource) ?? [];
      if (messages.length === 0) resources.set(name, Uint8Array.from(bytes));
      return messages.map((message) => ({ name, message }));
    });
    for (const name of update.removed) resources.delete(name);
    if (typeUrl === CLUSTER_TYPE_URL) this.#follow(resources, ENDPOINT_TYPE_URL);
    if (typeUrl === LISTENER_TYPE_URL) this.#follow(resources, ROUTE_TYPE_URL);
    const done = this.#options.onApplied?.(this);
    return done === undefined ? errors : done.then(() => errors);
  }

  onMissing(_typeUrl: string, names: readonly string[]): void {
    this.missing.push(...names);
  }

  /** Wants exactly the resources of `typeUrl` that are named like `parents`. */
  #follow(parents: ReadonlyMap<string, unknown>, typeUrl: string): void {
    const wanted = this.#wanted.get(typeUrl) ?? new Set<string>();
    this.#wanted.set(typeUrl, wanted);
    const gone = [...wanted].filter((name) => !parents.has(name));
    this.client.unsubscribe(typeUrl, gone);
    for (const name of gone) {
      wanted.delete(name);
      this.applied.get(typeUrl)?.delete(name);
    }
    this.client.subscribe(typeUrl, [...parents.keys()]);
    for (const name of parents.keys()) wanted.add(name);
  }

  readonly #wanted = new Map<string, Set<string>>();
}
