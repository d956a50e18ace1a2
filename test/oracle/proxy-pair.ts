/** Envoy and our sidecar, started from the same file or fed by the same ADS server. */
import assert from "node:assert/strict";
import { AdsServerFixture } from "../support/ads-server-fixture.ts";
import { EnvoyProcess, eventually } from "../support/envoy-process.ts";
import type { MeshConfig } from "./mesh-config.ts";
import { SidecarProcess } from "./sidecar-process.ts";

export const PROXIES = ["envoy", "tulle"] as const;
export type ProxyName = (typeof PROXIES)[number];
export type ForBoth<T> = Readonly<Record<ProxyName, T>>;

/** Asks both at once. */
export async function forBoth<T>(act: (name: ProxyName) => Promise<T>): Promise<ForBoth<T>> {
  const [envoy, tulle] = await Promise.all([act("envoy"), act("tulle")]);
  return { envoy, tulle };
}

export interface ProxyProcess {
  admin(path: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startPair(
  envoyBinary: string,
  bootstrap: object,
): Promise<ForBoth<ProxyProcess>> {
  const [envoy, tulle] = await Promise.allSettled([
    EnvoyProcess.start({ binary: envoyBinary, bootstrap }),
    SidecarProcess.start(bootstrap),
  ]);
  if (envoy.status === "fulfilled" && tulle.status === "fulfilled") {
    return { envoy: envoy.value, tulle: tulle.value };
  }
  for (const result of [envoy, tulle]) {
    if (result.status === "fulfilled") await result.value.stop();
  }
  throw new Error([envoy, tulle].map((r) => ("reason" in r ? String(r.reason) : "")).join("\n"));
}

/** The port of each listener by name, once there are as many as expected. */
export async function listenerPorts(
  proxy: ProxyProcess,
  count: number,
): Promise<ReadonlyMap<string, number>> {
  return await eventually(
    `${count} listeners are bound`,
    async () => {
      const text = await proxy.admin("/listeners?format=json");
      const { listener_statuses: statuses = [] } = JSON.parse(text) as ListenerStatuses;
      return new Map(
        statuses.map(({ name, local_address: { socket_address: address } }) => [
          name,
          address.port_value,
        ]),
      );
    },
    (ports) => ports.size === count && [...ports.values()].every((port) => port > 0),
  );
}

interface ListenerStatuses {
  readonly listener_statuses?: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

/** Both proxies on one ADS server, which gives both the same bytes. */
export class MeshPair {
  readonly #ads: AdsServerFixture;
  readonly proxies: ForBoth<ProxyProcess>;

  static async start(envoyBinary: string): Promise<MeshPair> {
    const ads = await new AdsServerFixture().listen();
    ads.set();
    try {
      return new MeshPair(ads, await startPair(envoyBinary, adsBootstrap(ads.port)));
    } catch (error) {
      ads.stop();
      throw error;
    }
  }

  private constructor(ads: AdsServerFixture, proxies: ForBoth<ProxyProcess>) {
    this.#ads = ads;
    this.proxies = proxies;
  }

  /**
   * Serves a configuration and waits until all of it is in force. The one before is taken away first, so that
   * what is found afterwards is surely the new one.
   */
  async apply(config: MeshConfig): Promise<ForBoth<ReadonlyMap<string, number>>> {
    this.#ads.set();
    await forBoth((name) => inForce(this.proxies[name], { listeners: 0, endpoints: [] }));
    this.#ads.set(...config.resources);
    const wanted = { listeners: config.listeners.size, endpoints: config.endpoints };
    return await forBoth((name) => inForce(this.proxies[name], wanted));
  }

  /** What either proxy refused so far, in words. */
  async refusals(): Promise<readonly string[]> {
    const ours = this.#ads.refused.map(({ names, message }) => `${names.join(", ")}: ${message}`);
    const stats = (await this.proxies.envoy.admin("/stats?filter=update_rejected")).split("\n");
    return [...ours, ...stats.filter((line) => /: [1-9]/.test(line))];
  }

  async stop(): Promise<void> {
    await forBoth((name) => this.proxies[name].stop());
    this.#ads.stop();
  }
}

interface Wanted {
  readonly listeners: number;
  readonly endpoints: readonly string[];
}

/** Waits until exactly this is in force, with nothing warming and nothing in error. Resolves with the listeners. */
async function inForce(proxy: ProxyProcess, wanted: Wanted): Promise<ReadonlyMap<string, number>> {
  const expected = [...wanted.endpoints].sort();
  await eventually(
    "the endpoints are in force",
    async () => (await endpointsOf(proxy)).sort(),
    (found) => found.length === expected.length && found.every((name, i) => name === expected[i]),
  );
  const ports = await listenerPorts(proxy, wanted.listeners);
  await eventually(
    "nothing is warming",
    async () => unsettled(await proxy.admin("/config_dump")),
    (found) => found.length === 0,
  );
  return ports;
}

/** Ours listens before an endpoint's first health check has ended, and takes it for unhealthy until then: it is not in force. */
async function endpointsOf(proxy: ProxyProcess): Promise<string[]> {
  const { cluster_statuses: statuses = [] } = JSON.parse(
    await proxy.admin("/clusters?format=json"),
  ) as ClusterStatuses;
  return statuses
    .filter(({ name }) => name !== ADS_CLUSTER)
    .flatMap(({ name, host_statuses: hosts = [] }) =>
      hosts
        .filter(({ health_status: health }) => health?.pending_active_hc !== true)
        .map(({ address: { socket_address: at } }) => `${name} ${at.address}:${at.port_value}`),
    );
}

interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name: string;
    readonly host_statuses?: readonly {
      readonly address: { readonly socket_address: { address: string; port_value: number } };
      readonly health_status?: { readonly pending_active_hc?: boolean };
    }[];
  }[];
}

/** Parts of a configuration dump that tell of something unfinished or refused. */
function unsettled(dump: string): readonly string[] {
  assert.ok(dump.startsWith("{"), dump);
  const keys = /"(warming_state|draining_state|error_state|dynamic_warming_\w+)":/g;
  return [...dump.matchAll(keys)]
    .map(([, key = ""]) => key)
    .filter((key) => key !== "draining_state");
}

const ADS_CLUSTER = "xds-grpc";

/** The bootstrap of a sidecar whose control plane speaks plain text. */
function adsBootstrap(port: number): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  const source = { resource_api_version: "V3", ads: {} };
  return {
    node: { id: "oracle", cluster: "oracle" },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: ADS_CLUSTER } }],
      },
      cds_config: source,
      lds_config: source,
    },
    static_resources: {
      clusters: [
        {
          name: ADS_CLUSTER,
          type: "STATIC",
          connect_timeout: "1s",
          load_assignment: {
            cluster_name: ADS_CLUSTER,
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}
