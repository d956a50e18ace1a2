/** The same balancing configuration in our sidecar and in a real Envoy, before the same upstreams. */
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { address, bootstrapOf, type ClusterSpec } from "./proxy-bootstrap.ts";
import { ProxyProcess } from "./proxy-process.ts";
import { RawUpstream, type UpstreamRequest } from "./raw-upstream.ts";
import { type Answer, get, startStaticEnvoy } from "./static-envoy.ts";

export interface PairSpec {
  readonly clusters: readonly ClusterSpec[];
  readonly routes: readonly JsonObject[];
  /** Whole Cluster messages beside them. */
  readonly moreClusters?: readonly JsonObject[];
  /** More fields of the HttpConnectionManager. */
  readonly manager?: JsonObject;
  /** Of the listener: a DownstreamTlsContext. */
  readonly tls?: JsonObject;
  /** More fields of the bootstrap file, `node` for one. */
  readonly more?: JsonObject;
}

export interface EndpointFields {
  readonly weight?: number;
  readonly health?: string;
  readonly hostname?: string;
  readonly labels?: JsonObject;
}

/** An entry of `lb_endpoints` on loopback. */
export function endpoint(port: number, fields: EndpointFields = {}): JsonObject {
  const { weight = 1, health = "HEALTHY", hostname = "", labels } = fields;
  const metadata =
    labels === undefined ? {} : { metadata: { filter_metadata: { "envoy.lb": labels } } };
  return {
    endpoint: { address: address(port), hostname },
    load_balancing_weight: weight,
    health_status: health,
    ...metadata,
  };
}

/** One of two proxies that must do the same. */
export interface BalancingProxy {
  readonly port: number;
}

export interface BalancingPair {
  readonly ours: BalancingProxy;
  readonly envoy: BalancingProxy;
}

/** Upstreams that answer with their own port, unless a test takes their requests itself. */
export async function portServers(
  context: TestContext,
  count: number,
  onRequest?: (request: UpstreamRequest, port: number) => void,
): Promise<readonly RawUpstream[]> {
  const answer = onRequest ?? ((request, port) => request.reply(String(port)));
  return Promise.all(
    Array.from({ length: count }, async () => {
      const server: RawUpstream = await RawUpstream.start(context, {
        onRequest: (request) => answer(request, server.port),
      });
      return server;
    }),
  );
}

export function ourBootstrap(spec: PairSpec): JsonObject {
  const { clusters, routes, moreClusters = [], manager = {}, tls, more = {} } = spec;
  const listener = { routes, manager, ...(tls === undefined ? {} : { tls }) };
  const bootstrap = bootstrapOf([listener], clusters, more);
  const resources = bootstrap["static_resources"] as JsonObject;
  const all = [...(resources["clusters"] as JsonObject[]), ...moreClusters];
  return { ...bootstrap, static_resources: { ...resources, clusters: all } };
}

/** Both end with the test. */
export async function startPair(
  context: TestContext,
  binary: string,
  spec: PairSpec,
): Promise<BalancingPair> {
  const ours = await ProxyProcess.start(context, ourBootstrap(spec));
  const resources = ourBootstrap(spec)["static_resources"] as JsonObject;
  const envoy = await startStaticEnvoy(binary, resources);
  context.after(() => envoy.stop());
  return { ours: { port: ours.port("main") }, envoy: { port: envoy.portOf("main") } };
}

export async function ask(
  proxy: BalancingProxy,
  path: string,
  headers: Readonly<Record<string, string | string[]>> = {},
): Promise<Answer> {
  return get(proxy.port, path, { headers });
}
