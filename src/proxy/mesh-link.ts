/**
 * A sidecar's link to its control plane: identity, configuration over ADS, health reports over HDS.
 * Everything that the data plane needs of it is kept when the link is lost.
 */

import { resolve } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { MeshError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import { SPIFFE_BUNDLES_SECRET } from "../decision/spiffe/bundle-document.ts";
import type { Bootstrap } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Cluster } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import { ApiConfigSource_ApiType as ApiType } from "../gen/envoy/config/core/v3/config_source_pb.js";
import { CertificateClient } from "../identity/certificate-client.ts";
import { CertificateTokenSource } from "../identity/certificate-token-source.ts";
import { ControlPlaneSource } from "../identity/control-plane-source.ts";
import { createMeshChannelCredentials } from "../identity/grpc-credentials.ts";
import { IdentityAgent } from "../identity/identity-agent.ts";
import { workloadSpiffeId } from "../identity/spiffe-id.ts";
import { FileTokenSource, SocketTokenSource, type TokenSource } from "../identity/token-source.ts";
import { AdsClient } from "../xds/ads-client.ts";
import { type GrpcClientFactory, XDS_CHANNEL_OPTIONS } from "../xds/channel-options.ts";
import type { Health } from "../xds/endpoint-health.ts";
import { HdsClient } from "../xds/hds-client.ts";
import type { ResourceConsumer } from "../xds/resource-consumer.ts";
import { SECRET_TYPE_URL } from "../xds/type-urls.ts";
import { AppHealth } from "./app-health.ts";
import { compileAddress } from "./config/address.ts";
import { IdentityUpdates } from "./identity-updates.ts";
import { ownIdentity, ownSpiffeId, textOf } from "./own-identity.ts";
import type { SidecarOptions } from "./sidecar-options.ts";
import type { WorkloadApi, WorkloadApiStatus } from "./workload-api/workload-api.ts";

const CONTROL_PLANE_NAMESPACE = "tulle-system";
const CONTROL_PLANE_ACCOUNT = "control-plane";

export interface MeshLinkDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly prng: Prng;
}

interface AppPort {
  readonly inboundPort: number;
  readonly health: AppHealth;
}

export class MeshLink {
  readonly ads: AdsClient;
  readonly identity: IdentityAgent | undefined;
  /** Further connections to the control plane, as this identity. */
  readonly createClient: GrpcClientFactory;
  readonly #hds: HdsClient | undefined;
  readonly #address: string;
  readonly #appPorts: readonly AppPort[];
  readonly #updates: IdentityUpdates | undefined;
  readonly #createWorkloadApi: (() => Promise<WorkloadApi>) | undefined;
  #workloadApi: WorkloadApi | undefined;
  #isDraining = false;
  #isStopped = false;

  constructor(
    bootstrap: Bootstrap,
    channel: Cluster,
    options: SidecarOptions,
    consumer: ResourceConsumer,
    deps: MeshLinkDeps,
  ) {
    const node = nodeOf(bootstrap);
    const target = channelTarget(channel);
    this.identity = createIdentity(target, node, options, deps);
    const createClient = clientFactory(target, this.identity, options.trustDomain, deps.clock);
    this.createClient = createClient;
    const shared = { clock: deps.clock, prng: deps.prng, log: deps.log, createClient, node };
    const isSotw = bootstrap.dynamicResources?.adsConfig?.apiType === ApiType.GRPC;
    this.#updates =
      this.identity && new IdentityUpdates(consumer, this.identity, options.trustDomain);
    this.#createWorkloadApi = workloadApiFactory(
      ...([target, node, options, this.identity] as const),
      () => this.ads.state.connected,
      deps,
    );
    const told = this.#updates ?? consumer;
    this.ads = new AdsClient({ ...shared, consumer: told, protocol: isSotw ? "sotw" : "delta" });
    this.#address = textOf(node.metadata, "ADDRESS");
    this.#appPorts = appPorts(node.metadata).map(({ port, inboundPort }) => ({
      inboundPort,
      health: new AppHealth({ clock: deps.clock, port, onChange: () => this.#report() }),
    }));
    this.#hds = this.#appPorts.length === 0 ? undefined : new HdsClient(shared);
    // Streams that were refused, or refused the control plane, for a certificate need not wait any longer.
    this.identity?.onUpdate(() => {
      this.ads.hurry();
      this.#hds?.hurry();
    });
  }

  /**
   * Resolves when the identity is there and the streams have been asked to connect. `onConnecting` is called
   * right before that.
   */
  async start(onConnecting = (): void => {}): Promise<void> {
    await this.#startWorkloadApi();
    await this.identity?.start();
    await this.identity?.whenReady();
    if (this.#isStopped) return;
    onConnecting();
    this.ads.start();
    this.#hds?.start();
    for (const { health } of this.#appPorts) health.start();
  }

  /** Tells the control plane to send no more traffic here. */
  announceDrain(): void {
    this.#isDraining = true;
    this.#report();
  }

  /** Another process is about to speak for this proxy. */
  hold(): void {
    this.ads.hold();
  }

  /** There is none after all. */
  resume(): void {
    this.ads.resume();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { health } of this.#appPorts) health.stop();
    this.#hds?.stop();
    this.ads.stop();
    await this.#workloadApi?.stop();
    await this.identity?.stop();
  }

  /** Of the Workload API, where it is served. */
  get workloadApi(): WorkloadApiStatus | undefined {
    return this.#workloadApi?.status;
  }

  async #startWorkloadApi(): Promise<void> {
    const api = await this.#createWorkloadApi?.();
    if (api === undefined || this.#isStopped) return;
    this.#workloadApi = api;
    this.#updates?.follow(api);
    this.ads.subscribe(SECRET_TYPE_URL, [SPIFFE_BUNDLES_SECRET]);
    await api.start();
  }

  #report(): void {
    this.#hds?.report(
      this.#appPorts.map(({ inboundPort, health }) => ({
        address: this.#address,
        port: inboundPort,
        health: this.#healthOf(health),
      })),
    );
  }

  #healthOf(health: AppHealth): Health {
    if (this.#isDraining) return "draining";
    return health.isHealthy ? "healthy" : "unhealthy";
  }
}

function nodeOf(bootstrap: Bootstrap): Node {
  const { node } = bootstrap;
  if (node === undefined) throw unusable("node is required with dynamic_resources");
  return node;
}

interface ChannelTarget {
  readonly address: string;
  readonly isSecure: boolean;
}

function channelTarget(channel: Cluster): ChannelTarget {
  const endpoint = channel.loadAssignment?.endpoints[0]?.lbEndpoints[0]?.hostIdentifier;
  const errors: { path: string; message: string }[] = [];
  const address = compileAddress(
    endpoint?.case === "endpoint" ? endpoint.value.address : undefined,
    "load_assignment",
    errors,
  );
  if (errors[0] !== undefined) throw unusable(`cluster ${channel.name}: ${errors[0].message}`);
  return {
    address: `${address.host}:${address.port}`,
    isSecure: channel.transportSocket !== undefined,
  };
}

/** Undefined for a channel in plain text, as tests and a control plane of somebody else's may have. */
function createIdentity(
  target: ChannelTarget,
  node: Node,
  options: SidecarOptions,
  deps: MeshLinkDeps,
): IdentityAgent | undefined {
  if (!target.isSecure) return undefined;
  const { trustDomain } = options;
  const { namespace, serviceAccount } = ownIdentity(node, trustDomain);
  const client = new CertificateClient({
    address: target.address,
    serverSpiffeId: controlPlaneId(trustDomain),
    instance: node.id,
    clock: deps.clock,
  });
  return new IdentityAgent({
    spiffeId: ownSpiffeId(node, trustDomain),
    source: new ControlPlaneSource({
      trustDomain,
      client,
      tokenSource: tokenSource(options, namespace, serviceAccount, deps.clock),
      clock: deps.clock,
    }),
    clock: deps.clock,
    prng: deps.prng,
    logger: deps.log,
  });
}

/** Undefined where nobody asked for it. */
function workloadApiFactory(
  { address }: ChannelTarget,
  node: Node,
  { trustDomain, workloadApi: path }: SidecarOptions,
  identity: IdentityAgent | undefined,
  isConnected: () => boolean,
  deps: MeshLinkDeps,
): (() => Promise<WorkloadApi>) | undefined {
  if (path === undefined) return undefined;
  if (identity === undefined) {
    throw unusable(
      "--workload-api needs a control plane over TLS: without it there is no identity",
    );
  }
  const { clock } = deps;
  const server = { address, serverSpiffeId: controlPlaneId(trustDomain), instance: node.id, clock };
  return async () => {
    const { WorkloadApi: Api } = await import("./workload-api/workload-api.ts");
    const { JwtSvidClient } = await import("../identity/jwt-svid-client.ts");
    return new Api({
      path: resolve(path),
      spiffeId: ownSpiffeId(node, trustDomain),
      certificates: new CertificateClient({ ...server, use: "workload-api" }),
      tokens: new JwtSvidClient({ ...server, getIdentity: () => identity.channelIdentity }),
      sidecar: identity,
      isConnected,
      ...{ clock, prng: deps.prng, log: deps.log },
    });
  };
}

function tokenSource(
  options: SidecarOptions,
  namespace: string,
  serviceAccount: string,
  clock: Clock,
): TokenSource {
  const { joinSocket, joinTokenFile, joinBundleFile, joinCertificateFile, joinKeyFile } = options;
  if (
    joinCertificateFile !== undefined &&
    joinKeyFile !== undefined &&
    joinBundleFile !== undefined
  ) {
    return new CertificateTokenSource({
      ...{ certificatePath: joinCertificateFile, keyPath: joinKeyFile, clock },
      ...{ trustBundlePath: joinBundleFile, audience: controlPlaneId(options.trustDomain) },
    });
  }
  if (joinTokenFile !== undefined && joinBundleFile !== undefined) {
    return new FileTokenSource({ tokenPath: joinTokenFile, trustBundlePath: joinBundleFile });
  }
  if (joinSocket !== undefined) {
    return new SocketTokenSource({ socketPath: joinSocket, namespace, serviceAccount });
  }
  throw unusable(
    "this bootstrap connects to a control plane over TLS: give --join-socket, or --join-token-file with --join-bundle-file",
  );
}

function clientFactory(
  target: ChannelTarget,
  identity: IdentityAgent | undefined,
  trustDomain: string,
  clock: Clock,
): GrpcClientFactory {
  const channelCredentials =
    identity === undefined
      ? credentials.createInsecure()
      : createMeshChannelCredentials({
          getIdentity: () => identity.channelIdentity,
          expectedServerIds: [controlPlaneId(trustDomain)],
          clock,
        });
  return () => new Client(target.address, channelCredentials, XDS_CHANNEL_OPTIONS);
}

function controlPlaneId(trustDomain: string): string {
  return workloadSpiffeId({
    trustDomain,
    namespace: CONTROL_PLANE_NAMESPACE,
    serviceAccount: CONTROL_PLANE_ACCOUNT,
  });
}

function appPorts(metadata: JsonObject | undefined): { port: number; inboundPort: number }[] {
  const ports = metadata?.["PORTS"];
  if (!Array.isArray(ports)) return [];
  return ports.flatMap((entry) => {
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return [];
    const port = Number(entry["port"]);
    const inboundPort = Number(entry["inbound_port"]);
    return port > 0 && inboundPort > 0 ? [{ port, inboundPort }] : [];
  });
}

/** What the process was started with cannot work together. */
function unusable(message: string): MeshError {
  return new MeshError({ code: "bootstrap-invalid" }, message);
}
