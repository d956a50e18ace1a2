/** A UDP listener compiled: Envoy's DNS filter, the names that it knows and where it sends other queries. */
import { isIPv4, isIPv6 } from "node:net";
import { anyUnpack, type Duration } from "@bufbuild/protobuf/wkt";
import { DNS_PENDING_MAX, DNS_TIMEOUT_MS } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { SocketAddress } from "../../gen/envoy/config/core/v3/address_pb.js";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import type {
  DnsTable,
  DnsTable_DnsService,
  DnsTable_DnsVirtualDomain,
} from "../../gen/envoy/data/dns/v3/dns_table_pb.js";
import {
  type DnsFilterConfig,
  type DnsFilterConfig_ClientContextConfig,
  DnsFilterConfigSchema,
} from "../../gen/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.js";
import { CaresDnsResolverConfigSchema } from "../../gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js";
import { type NamedAddresses, type NamedService, NameTable } from "../dns/name-table.ts";
import type { IpAddress } from "./address.ts";

/** Where queries go that are about other names. */
export interface DnsForwarding {
  /** Empty: those of the system, as they are at the time. */
  readonly servers: readonly IpAddress[];
  /** Of one try, milliseconds. */
  readonly timeoutMs: number;
  /** Tries after the first one. */
  readonly retries: number;
  /** Queries that wait at a time. */
  readonly pendingMax: number;
}

export interface DnsConfig {
  readonly table: NameTable;
  /** Undefined: a name that is not in the table does not exist. */
  readonly forwarding: DnsForwarding | undefined;
}

/** Envoy's. */
const TTL_SECONDS_DEFAULT = 300;
/** What Envoy takes. */
const RETRIES_MAX = 3;
const DNS_PORT = 53;
const NAME = /^(\*\.)?[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*$/;

/** Undefined when `errors` says why. `address` is the listener's. */
export function compileDnsFilter(
  listener: Listener,
  address: SocketAddress,
  errors: FieldError[],
): DnsConfig | undefined {
  const before = errors.length;
  // Whoever may ask from elsewhere may ask in another's name, who then gets the answer.
  if (!isLoopback(address.address)) {
    const message = `"${address.address}" is not a loopback address: name queries are answered on this machine only`;
    errors.push({ path: "address.socket_address.address", message });
  }
  if (listener.filterChains.length > 0 || listener.defaultFilterChain !== undefined) {
    errors.push({ path: "filter_chains", message: "a UDP listener has none" });
  }
  const [filter, ...others] = listener.listenerFilters;
  const any = filter?.configType.case === "typedConfig" ? filter.configType.value : undefined;
  const config = any === undefined ? undefined : anyUnpack(any, DnsFilterConfigSchema);
  if (config === undefined || others.length > 0) {
    const message = "a UDP listener needs one filter, envoy.filters.udp.dns_filter";
    errors.push({ path: "listener_filters", message });
    return undefined;
  }
  const compiled = compileConfig(config, "listener_filters[0].typed_config", errors);
  return errors.length > before ? undefined : compiled;
}

function isLoopback(host: string): boolean {
  return host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function compileConfig(config: DnsFilterConfig, path: string, errors: FieldError[]): DnsConfig {
  const source = config.serverConfig?.configSource;
  const table = source?.case === "inlineDnsTable" ? source.value : undefined;
  if (table === undefined) {
    errors.push({ path: `${path}.server_config.inline_dns_table`, message: "is required" });
  }
  return {
    table: compileTable(table, `${path}.server_config.inline_dns_table`, errors),
    forwarding:
      config.clientConfig === undefined
        ? undefined
        : compileForwarding(config.clientConfig, table?.externalRetryCount ?? 0, {
            path: `${path}.client_config`,
            errors,
          }),
  };
}

function compileTable(table: DnsTable | undefined, path: string, errors: FieldError[]): NameTable {
  const domains = (table?.virtualDomains ?? []).flatMap((domain, index) =>
    compileDomain(domain, `${path}.virtual_domains[${index}]`, errors),
  );
  const retries = table?.externalRetryCount ?? 0;
  if (retries > RETRIES_MAX) {
    const message = `${retries} is more than ${RETRIES_MAX}`;
    errors.push({ path: `${path}.external_retry_count`, message });
  }
  const zones = (table?.knownSuffixes ?? []).flatMap(({ matchPattern }, index) => {
    const suffix = matchPattern.case === "suffix" ? matchPattern.value.replace(/^\./, "") : "";
    if (isName(suffix) && !suffix.startsWith("*")) return [suffix];
    const message = "only a suffix that is a DNS name in lower case is implemented";
    errors.push({ path: `${path}.known_suffixes[${index}]`, message });
    return [];
  });
  return new NameTable({ domains, zones });
}

function compileDomain(
  { name, endpoint, answerTtl }: DnsTable_DnsVirtualDomain,
  path: string,
  errors: FieldError[],
): readonly (NamedAddresses | NamedService)[] {
  if (!isName(name)) {
    const message = `"${name}" is not a DNS name in lower case, nor one behind "*."`;
    errors.push({ path: `${path}.name`, message });
  }
  const config = endpoint?.endpointConfig;
  if (config?.case === "addressList") {
    const ttlSeconds = seconds(answerTtl, 30, { path: `${path}.answer_ttl`, errors });
    const at = `${path}.endpoint.address_list.address`;
    const addresses = config.value.address.flatMap((text, index) => {
      const bytes = addressBytes(text);
      if (bytes !== undefined) return [bytes];
      errors.push({ path: `${at}[${index}]`, message: `"${text}" is not an IP address` });
      return [];
    });
    if (config.value.address.length === 0) errors.push({ path: at, message: "is required" });
    return [{ kind: "addresses", name, ttlSeconds, addresses }];
  }
  if (config?.case === "serviceList") {
    return config.value.services.map((service, index) =>
      compileService(name, service, {
        path: `${path}.endpoint.service_list.services[${index}]`,
        errors,
      }),
    );
  }
  const message = "one of address_list, service_list is required";
  errors.push({ path: `${path}.endpoint`, message });
  return [];
}

interface Place {
  readonly path: string;
  readonly errors: FieldError[];
}

function compileService(
  name: string,
  { serviceName, protocol, ttl, targets }: DnsTable_DnsService,
  { path, errors }: Place,
): NamedService {
  const known = protocol?.protocolConfig;
  if (known?.case !== "name" || !isName(known.value)) {
    const message = "a protocol by its name, as tcp, is required";
    errors.push({ path: `${path}.protocol`, message });
  }
  if (!isName(serviceName)) {
    errors.push({ path: `${path}.service_name`, message: `"${serviceName}" is not a DNS label` });
  }
  return {
    kind: "service",
    name,
    // Envoy takes it with its underscore or without.
    service: serviceName.replace(/^_/, ""),
    protocol: known?.case === "name" ? known.value.replace(/^_/, "") : "",
    ttlSeconds: seconds(ttl, 1, { path: `${path}.ttl`, errors }),
    targets: targets.map(({ endpointType, port, priority, weight }, index) => {
      const at = `${path}.targets[${index}]`;
      const host = endpointType.case === "hostName" ? endpointType.value : "";
      if (!isName(host))
        errors.push({ path: `${at}.host_name`, message: "a DNS name is required" });
      for (const [field, value] of Object.entries({ port, priority, weight })) {
        if (value <= 0xffff) continue;
        errors.push({ path: `${at}.${field}`, message: `${value} is more than 65535` });
      }
      return { host, port, priority, weight };
    }),
  };
}

function compileForwarding(
  config: DnsFilterConfig_ClientContextConfig,
  retries: number,
  { path, errors }: Place,
): DnsForwarding {
  const timeoutMs = compileDuration(config.resolverTimeout, `${path}.resolver_timeout`, errors);
  const pending = config.maxPendingLookups;
  if (pending > BigInt(DNS_PENDING_MAX)) {
    const message = `${pending} is more than ${DNS_PENDING_MAX}`;
    errors.push({ path: `${path}.max_pending_lookups`, message });
  }
  const at = `${path}.typed_dns_resolver_config.typed_config`;
  const typed = config.typedDnsResolverConfig?.typedConfig;
  const cares = typed === undefined ? undefined : anyUnpack(typed, CaresDnsResolverConfigSchema);
  const servers = (cares?.resolvers ?? []).flatMap(({ address }, index) => {
    const value = address.case === "socketAddress" ? address.value : undefined;
    const host = value?.address ?? "";
    const port = value?.portSpecifier.case === "portValue" ? value.portSpecifier.value : DNS_PORT;
    if (addressBytes(host) !== undefined && port > 0 && port <= 0xffff) return [{ host, port }];
    const message = "a socket_address with an IP address and a port is required";
    errors.push({ path: `${at}.resolvers[${index}]`, message });
    return [];
  });
  return {
    servers,
    timeoutMs: timeoutMs ?? DNS_TIMEOUT_MS,
    retries,
    pendingMax: pending === 0n ? DNS_PENDING_MAX : Number(pending),
  };
}

function seconds(duration: Duration | undefined, least: number, { path, errors }: Place): number {
  if (duration === undefined) return TTL_SECONDS_DEFAULT;
  const ms = compileDuration(duration, path, errors) ?? 0;
  if (ms < least * 1000) errors.push({ path, message: `must be ${least}s at least` });
  return Math.floor(ms / 1000);
}

function isName(text: string): boolean {
  return text.length <= 253 && NAME.test(text);
}

/** In network order; undefined when `text` is no address. */
function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split(".").map(Number));
  if (!isIPv6(text) || text.includes("%")) return undefined;
  // The URL parser writes every form of IPv6, dotted ends included, in groups of hexadecimal digits.
  const [head = "", tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const [front, back] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => "0");
  const all = tail === undefined ? front : [...front, ...zeros, ...back];
  return Uint8Array.from(
    all.flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}
