/**
 * A worker: a data plane that does what its coordinator says. It has no link to the control plane and
 * no admin port of its own.
 */
import { fromBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../core/clock.ts";
import { MeshError, messageOf } from "../../core/errors.ts";
import { SESSION_REFRESH_MS_MAX, WORKER_ANSWER_MS_MAX } from "../../core/limits.ts";
import type { Logger, LogThreshold } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { BootstrapSchema } from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { snapshotOf } from "../../telemetry/metric-snapshot.ts";
import type { ResourceError, ResourceUpdate } from "../../xds/resource-consumer.ts";
import { NOTHING_DYNAMIC, statusOf } from "../admin/proxy-status.ts";
import { invalid } from "../bootstrap.ts";
import { channelCluster } from "../config/dynamic-config.ts";
import { nodeLabels } from "../config/metadata-labels.ts";
import { compileConnectionsMax } from "../config/overload-config.ts";
import { connectionsMaxOf } from "../connection-limit.ts";
import { DataPlane } from "../data-plane.ts";
import { DynamicResources, type PreparedResources } from "../dynamic-resources.ts";
import { InheritedSockets } from "../handover/inherited-sockets.ts";
import type { HandoverMessage, SocketDescription } from "../handover/messages.ts";
import { IdleTrim } from "../idle-trim.ts";
import { registerClusterMetrics } from "../link-metrics.ts";
import { localClusterOf } from "../local-cluster.ts";
import type { SharedRefreshes } from "../oidc/shared-refreshes.ts";
import { openFilesMax } from "../open-files.ts";
import { metricsResource, wantsExponential } from "../otlp-metrics/metrics-resource.ts";
import { followedSecretNames, ownPrincipal, ownSecretNames, useIdentity } from "../own-identity.ts";
import { registerProcessMetrics } from "../process-metrics.ts";
import { applyStaticSecrets, compileStaticResources } from "../static-resources.ts";
import type { CoordinatorCalls, StartInput, WantedNames, WorkerCalls } from "./calls.ts";
import { Channel, type ChannelEnd, type Handlers } from "./channel.ts";
import { NameSubscriptions } from "./name-subscriptions.ts";

export interface WorkerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly threshold: LogThreshold;
  readonly prng: Prng;
  readonly end: ChannelEnd;
}

interface Running {
  readonly proxy: DataPlane;
  readonly dynamic: DynamicResources | undefined;
  readonly idleTrim: IdleTrim;
}

export class Worker {
  readonly #deps: WorkerDeps;
  readonly #channel: Channel<WorkerCalls, CoordinatorCalls>;
  readonly #registry = new MetricRegistry();
  readonly #subscriptions = new NameSubscriptions();
  readonly #inherited = new InheritedSockets();
  #running: Running | undefined;
  #prepared: PreparedResources | undefined;

  /** Answers calls from now on. */
  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#channel = new Channel(deps.end, deps.clock, this.#handlers());
    deps.end.onMessage((message, handle) => {
      const { kind, socket } = message as { kind?: unknown; socket?: SocketDescription };
      if (kind !== "socket" || socket === undefined || !isObject(handle)) return;
      this.#inherited.add(socket, handle);
    });
  }

  #handlers(): Handlers<WorkerCalls> {
    return {
      start: (input) => this.#start(input),
      prepare: (update) => this.#prepare(update),
      commit: (refused) => this.#commit(new Set(refused)),
      missing: ({ typeUrl, names }) => void this.#dynamic().onMissing(typeUrl, names),
      identity: (update) => void useIdentity(update, this.#proxy().secrets),
      logLevel: (level) => {
        this.#deps.threshold.level = level;
        return undefined;
      },
      metrics: () => snapshotOf(this.#registry.families()),
      status: () => statusOf(this.#proxy(), this.#running?.dynamic ?? NOTHING_DYNAMIC),
      announceDrain: (direction) => void this.#proxy().announceDrain(direction),
      drain: async ({ direction, graceMs }) => {
        await this.#proxy().drain(direction, graceMs);
        return undefined;
      },
      sockets: () => {
        for (const { handle, ...socket } of this.#proxy().sockets) {
          const message: HandoverMessage = { kind: "socket", socket };
          this.#deps.end.send(message, handle);
        }
        return undefined;
      },
      replace: async (graceMs) => {
        await this.#proxy().replace(graceMs);
        return undefined;
      },
      stop: async () => {
        this.#running?.idleTrim.stop();
        await this.#running?.proxy.stop();
        return undefined;
      },
    };
  }

  async #start(input: StartInput): Promise<{ readonly wanted: WantedNames }> {
    const { clock, log, prng, threshold } = this.#deps;
    threshold.level = input.logLevel;
    const bootstrap = fromBinary(BootstrapSchema, input.bootstrap);
    const errors: FieldError[] = [];
    const channel = channelCluster(bootstrap, errors);
    const principal = ownPrincipal(bootstrap.node, channel, input.trustDomain);
    if (wantsExponential(bootstrap.node)) this.#registry.useExponential();
    registerProcessMetrics(this.#registry, input.version, clock, false);
    const connectionsMax = compileConnectionsMax(bootstrap, errors);
    const proxy = new DataPlane({
      clock,
      log,
      prng,
      registry: this.#registry,
      workload: nodeLabels(bootstrap.node?.metadata, principal),
      local: localClusterOf(bootstrap),
      ...{ resource: metricsResource(bootstrap.node), version: input.version },
      connectionsMax: connectionsMaxOf(connectionsMax, openFilesMax(), input.place),
      workers: input.place.count,
      inherited: this.#inherited,
      sharedAddresses: {
        reserve: (listener, host, port) =>
          this.#channel.call("reserve", { listener, host, port }, WORKER_ANSWER_MS_MAX),
        adopt: async (listener, host, port, boundPort) => {
          const adopted = { listener, host, port, boundPort };
          await this.#channel.call("adopt", adopted, WORKER_ANSWER_MS_MAX);
        },
        release: (listener, host, port) => this.#tell("release", { listener, host, port }),
      },
      sharedRefreshes: this.#sharedRefreshes(),
    });
    registerClusterMetrics(this.#registry, proxy);
    const resources = compileStaticResources(
      bootstrap,
      (name) => name === channel?.name,
      errors,
      () => clock.nowMs(),
    );
    applyStaticSecrets(bootstrap, proxy.secrets, errors);
    if (errors.length > 0) throw invalid(input.bootstrapFile, errors);
    const dynamic =
      channel &&
      new DynamicResources({
        proxy,
        log,
        clock,
        prng,
        ownSecrets: ownSecretNames(channel),
        followedSecrets: followedSecretNames(channel),
        onReady: () => this.#tell("ready", undefined),
      });
    this.#running = { proxy, dynamic, idleTrim: new IdleTrim(clock, proxy) };
    this.#running.idleTrim.start();
    for (const cluster of resources.clusters) proxy.setCluster(cluster);
    if (input.identity !== undefined) useIdentity(input.identity, proxy.secrets);
    if (dynamic !== undefined) await this.#catchUp(dynamic, input);
    // Last: whoever connects is served with all that is known.
    for (const listener of resources.listeners) await proxy.setListener(listener);
    this.#inherited.closeRest();
    for (const direction of input.drains) {
      proxy.announceDrain(direction);
      await proxy.drain(direction, 0);
    }
    return { wanted: this.#subscriptions.wanted() };
  }

  #sharedRefreshes(): SharedRefreshes {
    return {
      claim: (key, onClaim) => {
        this.#channel
          .call("claimRefresh", key, SESSION_REFRESH_MS_MAX)
          .then(onClaim, () => onClaim({ kind: "yours" }));
      },
      end: (end) => this.#tell("endRefresh", end),
    };
  }

  async #catchUp(dynamic: DynamicResources, { updates, missing }: StartInput): Promise<void> {
    dynamic.begin(this.#subscriptions);
    for (const update of updates) {
      const prepared = dynamic.prepare(update);
      dynamic.commit(prepared);
      // It was good once: a file that it names may have gone.
      for (const { name, message } of prepared.errors) {
        this.#deps.log.error("cannot take configuration that is in force", { name, message });
      }
    }
    for (const { typeUrl, names } of missing) dynamic.onMissing(typeUrl, names);
    await whenBound(dynamic);
  }

  #prepare(update: ResourceUpdate): readonly ResourceError[] {
    try {
      this.#prepared = this.#dynamic().prepare(update);
      return this.#prepared.errors;
    } catch (error) {
      // A fault of ours: nothing was changed, and the control plane has to hear of it.
      const message = `internal error: ${messageOf(error)}`;
      this.#deps.log.error("compiling configuration failed", { reason: message });
      const names = [...update.changed.map(({ name }) => name), ...update.removed];
      return names.map((name) => ({ name, message }));
    }
  }

  async #commit(refused: ReadonlySet<string>): Promise<WantedNames> {
    const dynamic = this.#dynamic();
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared === undefined) throw outOfOrder("nothing was prepared");
    try {
      dynamic.commit(prepared, refused);
    } catch (error) {
      // Half an update is in force here. Another process can take it whole.
      this.#deps.log.error("applying configuration failed; this worker starts anew", {
        stack: error instanceof Error ? error.stack : messageOf(error),
      });
      throw error;
    }
    await whenBound(dynamic);
    return this.#subscriptions.wanted();
  }

  #proxy(): DataPlane {
    if (this.#running === undefined) throw outOfOrder("not started");
    return this.#running.proxy;
  }

  #dynamic(): DynamicResources {
    if (this.#running?.dynamic === undefined) throw outOfOrder("no dynamic resources");
    return this.#running.dynamic;
  }

  /** A coordinator that does not answer is gone, and this process with it. */
  #tell<K extends keyof CoordinatorCalls & string>(
    name: K,
    input: CoordinatorCalls[K]["input"],
  ): void {
    this.#channel.call(name, input, WORKER_ANSWER_MS_MAX).catch(() => {});
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function whenBound(dynamic: DynamicResources): Promise<void> {
  return new Promise((resolve) => dynamic.whenBound(resolve));
}

function outOfOrder(message: string): MeshError {
  return new MeshError({ code: "worker-call-failed" }, message);
}
