/** The listener that answers name queries of one sidecar's app: Envoy's DNS filter with the names of the mesh. */
import { create } from "@bufbuild/protobuf";
import { AddressSchema, SocketAddress_Protocol } from "../gen/envoy/config/core/v3/address_pb.js";
import { TrafficDirection } from "../gen/envoy/config/core/v3/base_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import {
  type DnsTable_DnsVirtualDomain,
  DnsTable_DnsVirtualDomainSchema,
} from "../gen/envoy/data/dns/v3/dns_table_pb.js";
import { DnsFilterConfigSchema } from "../gen/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.js";
import { CaresDnsResolverConfigSchema } from "../gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js";
import { durationMs } from "../resource/duration.ts";
import { parseNameServer } from "../resource/kinds/mesh-config.ts";
import { type DnsPlan, isDnsName, type PlannedName } from "./dns-names.ts";
import { parseLoopbackBlock, serviceAddress, sidecarAddress } from "./loopback-block.ts";
import type { ProxyScope } from "./mesh-snapshot.ts";
import { duration, pack, resourceOf, socketAddress } from "./message.ts";
import { compareText, dnsListenerName } from "./names.ts";
import type { XdsResource } from "./translation.ts";

/** Istio's. Not 53, which is a privilege to bind. */
export const DNS_PORT = 15_053;
/** The least that Envoy takes. Addresses of a Service hold for its life. */
const TTL_MS = 30_000;
/** Queries of one app that wait for other name servers. Envoy's and our sidecars' bound. */
const PENDING_MAX = 256n;
/** One more try where there is one name server; where there are several each is tried. */
const RETRIES = 1;

/** None when the mesh has none, or the sidecar no block that is usable, which others say. */
export function dnsListener(plan: DnsPlan, scope: ProxyScope): readonly XdsResource[] {
  const base = parseLoopbackBlock(scope.loopbackBlock);
  if (plan.settings === undefined || base === undefined) return [];
  const address = sidecarAddress(base);
  const name = dnsListenerName(address);
  const config = create(DnsFilterConfigSchema, {
    statPrefix: "dns",
    serverConfig: {
      configSource: {
        case: "inlineDnsTable",
        value: {
          externalRetryCount: RETRIES,
          virtualDomains: [...virtualDomains(plan, scope, base)],
          // Deprecated, and read past by Envoy: what is below is never asked of others.
          knownSuffixes: isDnsName(plan.zone)
            ? [{ matchPattern: { case: "suffix", value: `.${plan.zone}` } }]
            : [],
        },
      },
    },
    clientConfig: {
      resolverTimeout: duration(durationMs(plan.settings.timeout)),
      maxPendingLookups: PENDING_MAX,
      ...resolverOf(plan.settings.servers),
    },
  });
  const listener = create(ListenerSchema, {
    name,
    address: create(AddressSchema, {
      address: {
        case: "socketAddress",
        value: {
          protocol: SocketAddress_Protocol.UDP,
          address,
          portSpecifier: { case: "portValue", value: DNS_PORT },
        },
      },
    }),
    listenerFilters: [
      {
        name: "envoy.filters.udp.dns_filter",
        configType: { case: "typedConfig", value: pack(DnsFilterConfigSchema, config) },
      },
    ],
    trafficDirection: TrafficDirection.OUTBOUND,
  });
  return [resourceOf(ListenerSchema, name, listener)];
}

function resolverOf(servers: readonly string[]) {
  const resolvers = servers.flatMap((text) => {
    const server = parseNameServer(text);
    return server === undefined ? [] : [socketAddress(server.host, server.port)];
  });
  if (resolvers.length === 0) return {};
  const config = create(CaresDnsResolverConfigSchema, { resolvers });
  return {
    typedDnsResolverConfig: {
      name: "envoy.network.dns_resolver.cares",
      typedConfig: pack(CaresDnsResolverConfigSchema, config),
    },
  };
}

/** Ordered by name; of several that claim one the first planned holds, those of the caller's namespace before others. */
function virtualDomains(
  { planned }: DnsPlan,
  { namespace }: ProxyScope,
  base: number,
): readonly DnsTable_DnsVirtualDomain[] {
  const byName = new Map<string, PlannedName>();
  const claim = (name: string, one: PlannedName): void => {
    if (!byName.has(name) && isDnsName(name)) byName.set(name, one);
  };
  const near = planned.filter((one) => one.namespace === namespace);
  for (const one of near) if (one.nearName !== undefined) claim(one.nearName, one);
  // Names of the mesh are in front: no host outside it takes one of them.
  for (const one of planned)
    if (one.nearName !== undefined) for (const name of one.names) claim(name, one);
  for (const one of [...near, ...planned]) for (const name of one.names) claim(name, one);
  return [...byName.entries()]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([name, one]) => domainsOf(name, one, base));
}

function domainsOf(
  name: string,
  { names, serviceIndexes, services }: PlannedName,
  base: number,
): readonly DnsTable_DnsVirtualDomain[] {
  const address = serviceIndexes.flatMap((index) => serviceAddress(base, index) ?? []);
  if (address.length === 0) return [];
  const answerTtl = duration(TTL_MS);
  const addresses = create(DnsTable_DnsVirtualDomainSchema, {
    name,
    endpoint: { endpointConfig: { case: "addressList", value: { address } } },
    answerTtl,
  });
  // Ports are asked for by the whole name.
  const listed =
    name === names.at(-1) ? services.filter(({ portName }) => isDnsName(portName)) : [];
  if (listed.length === 0) return [addresses];
  const service = create(DnsTable_DnsVirtualDomainSchema, {
    name,
    endpoint: {
      endpointConfig: {
        case: "serviceList",
        value: {
          services: listed.map(({ portName, targets }) => ({
            serviceName: portName,
            protocol: { protocolConfig: { case: "name" as const, value: "tcp" } },
            ttl: duration(TTL_MS),
            targets: targets.map(({ host, port }) => ({
              endpointType: { case: "hostName" as const, value: host },
              port,
              priority: 0,
              weight: 1,
            })),
          })),
        },
      },
    },
  });
  return [addresses, service];
}
