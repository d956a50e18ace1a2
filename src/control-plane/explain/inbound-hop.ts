/** What the sidecar of an instance does with a request that a caller's sidecar has sent there. */
import type { ObjectCache } from "../object-cache.ts";
import { Explainer } from "./explain-request.ts";
import type {
  ExplainedEndpoint,
  ExplainedInbound,
  ExplainRequest,
  ExplainResponse,
} from "./explain-types.ts";
import { listenerAt } from "./http-listener.ts";
import { mismatchNote, mtlsOf } from "./inbound-mtls.ts";
import type { ProxyConfiguration } from "./proxy-configuration.ts";

export interface InboundDeps {
  readonly objects: ObjectCache;
  /** The sidecar whose inbound listeners are at an IP address, and what it was sent. */
  readonly proxyAt: (address: string) => InboundProxy | undefined;
}

interface InboundProxy {
  /** `default/catalog-v1-x7k2p`. */
  readonly key: string;
  readonly configuration: ProxyConfiguration;
}

export function withInboundHop(
  response: ExplainResponse,
  asked: ExplainRequest,
  deps: InboundDeps,
): ExplainResponse {
  const cluster = response.clusters.find(
    ({ share, endpoints }) => share > 0 && endpoints.some(({ eligible }) => eligible),
  );
  const endpoint = cluster?.endpoints.find(({ eligible }) => eligible);
  const inbound = endpoint === undefined ? undefined : inboundHop(endpoint, asked, deps);
  if (cluster === undefined || inbound === undefined) return response;
  const note = mismatchNote(cluster, inbound.proxy, inbound.mtls);
  return {
    ...response,
    inbound,
    notes: [...response.notes, ...(note === undefined ? [] : [note])],
  };
}

function inboundHop(
  { address }: ExplainedEndpoint,
  asked: ExplainRequest,
  { objects, proxyAt }: InboundDeps,
): ExplainedInbound | undefined {
  const found = proxyAt(splitAddress(address).host);
  // An app without a sidecar has none; a listener that takes opaque bytes alone knows no requests.
  const listener = found && listenerAt(found.configuration, splitAddress(address));
  if (found === undefined || listener === undefined) return undefined;
  const { key: proxy, configuration } = found;
  const [namespace = ""] = proxy.split("/");
  const explainer = new Explainer({
    ...{ configuration, objects, revision: null, knowsEndpoints: true },
    from: { proxy, service: null, namespace, adminAddress: null },
  });
  const { from: _, gateway: __, ...request } = asked;
  const explained = explainer.explain({ ...request, listener });
  return {
    ...{ proxy, listener: explained.listener, route: explained.route?.name ?? null },
    ...{ outcome: explained.outcome, filters: explained.filters },
    mtls: mtlsOf(configuration, explained.listener.name),
  };
}

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(address.slice(colon + 1)) };
}
