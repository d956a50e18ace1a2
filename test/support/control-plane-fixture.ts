/**
 * A control plane in this process, and stand-ins for sidecars made of the real parts: a join token over the unix
 * socket, an identity agent, an ADS client and a health client. Only the data plane is missing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client } from "@grpc/grpc-js";
import type { ControlPlaneFile, JoinTokenResponse } from "../../src/control-plane/api-types.ts";
import { ControlPlane } from "../../src/control-plane/control-plane.ts";
import type { TelemetryOptions } from "../../src/control-plane/telemetry/telemetry-options.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { ClusterSchema } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { type Node, NodeSchema } from "../../src/gen/envoy/config/core/v3/base_pb.js";
import { HealthStatus } from "../../src/gen/envoy/config/core/v3/health_check_pb.js";
import { ClusterLoadAssignmentSchema } from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { HttpConnectionManagerSchema } from "../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { CertificateClient } from "../../src/identity/certificate-client.ts";
import { ControlPlaneSource } from "../../src/identity/control-plane-source.ts";
import { createMeshChannelCredentials } from "../../src/identity/grpc-credentials.ts";
import { IdentityAgent } from "../../src/identity/identity-agent.ts";
import { requireSpiffeId } from "../../src/identity/spiffe-id.ts";
import { SocketTokenSource } from "../../src/identity/token-source.ts";
import { AdsClient } from "../../src/xds/ads-client.ts";
import { XDS_CHANNEL_OPTIONS } from "../../src/xds/channel-options.ts";
import type { Health } from "../../src/xds/endpoint-health.ts";
import { HdsClient } from "../../src/xds/hds-client.ts";
import type { ReceivedResource, ResourceUpdate } from "../../src/xds/resource-consumer.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../src/xds/type-urls.ts";

export const TRUST_DOMAIN = "tulle.local";
const CONTROL_PLANE_ID = `spiffe://${TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`;

/** A folder of the test's own, removed by `remove`. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "tulle-cp-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

const ANY_PORT = { host: "127.0.0.1", port: 0, isFallbackAllowed: false } as const;

export async function startControlPlane(
  stateDirectory: string,
  options: {
    readonly trustDomain?: string;
    readonly passphrase?: string;
    readonly telemetry?: TelemetryOptions;
  } = {},
): Promise<ControlPlane> {
  const controlPlane = new ControlPlane({
    mesh: "test",
    stateDirectory,
    adminAddress: ANY_PORT,
    xdsAddress: ANY_PORT,
    trustDomain: options.trustDomain,
    caPassphrase: options.passphrase,
    telemetry: options.telemetry,
    version: "0.0.0-test",
    clock: systemClock,
    prng: new SeededPrng(1),
    log: silentLogger,
  });
  await controlPlane.start();
  return controlPlane;
}

export interface ApiAnswer<T> {
  readonly status: number;
  readonly body: T;
}

/** One call of the admin API, by default on the unix socket. */
export function callApi<T>(
  file: Pick<ControlPlaneFile, "adminSocket" | "adminUrl">,
  method: "GET" | "POST" | "DELETE",
  path: string,
  options: {
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
    readonly transport?: "unix" | "tcp";
  } = {},
): Promise<ApiAnswer<T>> {
  const url = new URL(file.adminUrl);
  const target =
    options.transport === "tcp"
      ? { host: url.hostname, port: url.port }
      : { socketPath: file.adminSocket };
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", ...options.headers };
    const call = httpRequest({ ...target, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        const isJson = response.headers["content-type"]?.includes("json") === true;
        const body = (isJson ? JSON.parse(text) : text) as T;
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    call.on("error", reject);
    call.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}

export interface SidecarOptions {
  readonly file: ControlPlaneFile;
  readonly id: string;
  readonly service: string;
  readonly version?: string;
  /** The number of its loopback block; different for each. */
  readonly block: number;
  /** What its node metadata says beyond or against the truth. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Whom the certificate names. Default: the service. */
  readonly serviceAccount?: string;
}

export const APP_PORT = 8080;
export const INBOUND_PORT = 15_006;

/** A sidecar without a data plane. */
export class StandInSidecar {
  readonly address: string;
  readonly node: Node;
  readonly agent: IdentityAgent;
  readonly ads: AdsClient;
  readonly hds: HdsClient;
  /** By type URL, then name. */
  readonly resources = new Map<string, Map<string, Uint8Array>>();
  /** Called after each update that was taken over. */
  onUpdate: () => void = () => undefined;
  /** Why to refuse all resources of a type, by type URL. */
  readonly refusals = new Map<string, string>();
  readonly #waiters = new Set<() => void>();

  constructor(options: SidecarOptions) {
    const { file, service, serviceAccount = service } = options;
    const block = `127.${options.block >> 2}.${(options.block & 3) * 64}`;
    this.address = `${block}.1`;
    this.node = create(NodeSchema, {
      id: options.id,
      cluster: service,
      userAgentName: "tulle",
      userAgentVersionType: { case: "userAgentVersion", value: "0.0.0-test" },
      metadata: {
        NAMESPACE: "default",
        SERVICE_ACCOUNT: serviceAccount,
        SERVICE: service,
        LABELS: { app: service, version: options.version ?? "v1" },
        ADDRESS: this.address,
        PORTS: [{ name: "http", port: APP_PORT, inbound_port: INBOUND_PORT, protocol: "http" }],
        LOOPBACK_BLOCK: `${block}.0/18`,
        ROLE: "sidecar",
        ...options.metadata,
      } as never,
    });
    const prng = new SeededPrng(options.block);
    const shared = { clock: systemClock, prng, log: silentLogger } as const;
    this.agent = new IdentityAgent({
      spiffeId: requireSpiffeId(`spiffe://${TRUST_DOMAIN}/ns/default/sa/${serviceAccount}`),
      source: new ControlPlaneSource({
        trustDomain: TRUST_DOMAIN,
        client: new CertificateClient({
          address: file.xdsAddress,
          serverSpiffeId: CONTROL_PLANE_ID,
          clock: systemClock,
        }),
        tokenSource: new SocketTokenSource({
          socketPath: file.adminSocket,
          namespace: "default",
          serviceAccount,
        }),
        clock: systemClock,
      }),
      clock: systemClock,
      prng,
      logger: silentLogger,
    });
    const createClient = (): Client =>
      new Client(
        file.xdsAddress,
        createMeshChannelCredentials({
          getIdentity: () => this.agent.channelIdentity,
          expectedServerIds: [CONTROL_PLANE_ID],
          clock: systemClock,
        }),
        XDS_CHANNEL_OPTIONS,
      );
    this.ads = new AdsClient({
      ...shared,
      createClient,
      node: this.node,
      protocol: "delta",
      consumer: {
        onUpdate: (update) => this.#take(update),
        onMissing: () => undefined,
      },
    });
    this.hds = new HdsClient({ ...shared, createClient, node: this.node });
  }

  /** Joins, connects, and reports its app's health. */
  async start(health: Health = "healthy"): Promise<void> {
    await this.agent.start();
    await this.agent.whenReady();
    this.ads.subscribe(CLUSTER_TYPE_URL, "*");
    this.ads.subscribe(LISTENER_TYPE_URL, "*");
    this.ads.subscribe(SECRET_TYPE_URL, ["ROOTCA"]);
    this.ads.start();
    this.hds.start();
    this.report(health);
  }

  report(health: Health): void {
    this.hds.report([{ address: this.address, port: APP_PORT, health }]);
  }

  async stop(): Promise<void> {
    this.hds.stop();
    this.ads.stop();
    await this.agent.stop();
  }

  /** Resolves when `condition` holds; looked at after each update. Bounded by the test's own timeout. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  names(typeUrl: string): readonly string[] {
    return [...(this.resources.get(typeUrl)?.keys() ?? [])].sort();
  }

  /** `address:port` of the endpoints of a service's port 80 that may get requests. */
  endpoints(service: string): readonly string[] {
    const name = `outbound|80||${service}.default.svc.${TRUST_DOMAIN}`;
    const bytes = this.resources.get(ENDPOINT_TYPE_URL)?.get(name);
    if (bytes === undefined) return [];
    return fromBinary(ClusterLoadAssignmentSchema, bytes)
      .endpoints.flatMap(({ lbEndpoints }) => lbEndpoints)
      .filter(({ healthStatus }) => healthStatus === HealthStatus.HEALTHY)
      .flatMap(({ hostIdentifier }) => {
        if (hostIdentifier.case !== "endpoint") return [];
        const address = hostIdentifier.value.address?.address;
        if (address?.case !== "socketAddress") return [];
        return [`${address.value.address}:${address.value.portSpecifier.value}`];
      })
      .sort();
  }

  #take({ typeUrl, changed, removed }: ResourceUpdate) {
    const known = this.resources.get(typeUrl) ?? new Map<string, Uint8Array>();
    this.resources.set(typeUrl, known);
    const refusal = this.refusals.get(typeUrl);
    if (refusal !== undefined && changed.length > 0) {
      return changed.map(({ name }) => ({ name, message: refusal }));
    }
    for (const resource of changed) {
      known.set(resource.name, resource.bytes.slice());
      this.#follow(typeUrl, resource);
    }
    for (const name of removed) known.delete(name);
    this.onUpdate();
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
    return [];
  }

  /** Asks for what the resource refers to. */
  #follow(typeUrl: string, { bytes }: ReceivedResource): void {
    if (typeUrl === CLUSTER_TYPE_URL) {
      const name = fromBinary(ClusterSchema, bytes).edsClusterConfig?.serviceName;
      if (name !== undefined) this.ads.subscribe(ENDPOINT_TYPE_URL, [name]);
    }
    if (typeUrl !== LISTENER_TYPE_URL) return;
    for (const { filters } of fromBinary(ListenerSchema, bytes).filterChains) {
      for (const { configType } of filters) {
        if (configType.case !== "typedConfig") continue;
        const manager = anyUnpack(configType.value, HttpConnectionManagerSchema);
        const routes = manager?.routeSpecifier;
        if (routes?.case !== "rds") continue;
        this.ads.subscribe(ROUTE_TYPE_URL, [routes.value.routeConfigName]);
      }
    }
  }
}

export async function joinToken(
  file: ControlPlaneFile,
  serviceAccount: string,
): Promise<JoinTokenResponse> {
  const { body } = await callApi<JoinTokenResponse>(file, "POST", "/api/v1/join-tokens", {
    body: { serviceAccount },
  });
  return body;
}

/** A Service `name` on port 80 that leads to the app's port. */
export function serviceYaml(name: string): string {
  return `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports: [{name: http, port: 80, targetPort: ${APP_PORT}}]
---
`;
}
