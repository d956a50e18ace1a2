/** A Listener message compiled: where it listens and what its connections go through. */
import { create, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import {
  AddressSchema,
  SocketAddress_Protocol as Protocol,
  type SocketAddress,
} from "../../gen/envoy/config/core/v3/address_pb.js";
import { TrafficDirection } from "../../gen/envoy/config/core/v3/base_pb.js";
import { type Listener, ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { FilterChainTable } from "../filter-chain-table.ts";
import { type ListenerMtls, listenerMtls } from "../mtls-mismatch.ts";
import { compileAddress, type IpAddress } from "./address.ts";
import { compileDnsFilter, type DnsConfig } from "./dns-filter-config.ts";
import { compileFilterChain, type FilterChainConfig } from "./filter-chain-config.ts";
import { compileInspection, type Inspection } from "./listener-filters.ts";
import { metricSettings } from "./metrics-metadata.ts";
import type { TlsSettings } from "./tls-settings.ts";

export interface ListenerConfig {
  readonly name: string;
  readonly address: IpAddress;
  readonly direction: "inbound" | "outbound";
  /** What callers are to come with, where its metadata tell. */
  readonly mtls?: ListenerMtls | undefined;
  readonly inspection: Inspection;
  /** Set for a UDP listener: it answers name queries and has no chains. */
  readonly dns?: DnsConfig;
  /** The default chain is the last one, when there is any. */
  readonly chains: readonly FilterChainConfig[];
  /** Finds the index of a connection's chain. */
  readonly table: FilterChainTable;
  /** The chain of connections for which the table has none, or -1: they are closed. */
  readonly defaultChain: number;
}

/** Undefined when `errors` says why. */
export function compileListener(
  listener: Listener,
  errors: FieldError[],
  wallMs: () => number,
): ListenerConfig | undefined {
  const socket = listener.address?.address;
  if (socket?.case === "socketAddress" && socket.value.protocol === Protocol.UDP) {
    return compileDnsListener(listener, socket.value, errors);
  }
  const errorsBefore = errors.length;
  const address = compileAddress(listener.address, "address", errors);
  if (listener.filterChains.length === 0 && listener.defaultFilterChain === undefined) {
    errors.push({ path: "filter_chains", message: "at least one filter chain is required" });
  }
  const chains: FilterChainConfig[] = [];
  const table = new FilterChainTable();
  for (const [index, chain] of listener.filterChains.entries()) {
    const path = `filter_chains[${index}]`;
    const config = compileFilterChain(chain, path, errors, wallMs, ownTracing(listener));
    if (config === undefined) continue;
    const other = table.add(config.match, index);
    if (other !== undefined) {
      const message = `matches the same connections as filter_chains[${other}]`;
      errors.push({ path: `${path}.filter_chain_match`, message });
    }
    chains.push(config);
  }
  const inspection = compileInspection(
    listener,
    chains.map(({ match }) => match),
    errors,
  );
  const last = compileDefaultChain(listener, errors, wallMs);
  if (errors.length > errorsBefore) return undefined;
  if (last !== undefined) chains.push(last);
  const metrics = metricSettings(listener.metadata);
  return {
    // Without a name the address is as good: no other listener can have it.
    name: listener.name || `${address.host}:${address.port}`,
    address,
    direction: listener.trafficDirection === TrafficDirection.INBOUND ? "inbound" : "outbound",
    mtls: listenerMtls(listener),
    inspection,
    chains: chains.map((chain) => ({ ...chain, metrics })),
    table,
    defaultChain: last === undefined ? -1 : chains.length - 1,
  };
}

/** Name queries come by TCP too where an answer is long, so the listener has both. */
function compileDnsListener(
  listener: Listener,
  socket: SocketAddress,
  errors: FieldError[],
): ListenerConfig | undefined {
  const tcp = create(AddressSchema, {
    address: { case: "socketAddress", value: { ...socket, protocol: Protocol.TCP } },
  });
  const address = compileAddress(tcp, "address", errors);
  const dns = compileDnsFilter(listener, socket, errors);
  if (dns === undefined) return undefined;
  const name = listener.name || `udp://${address.host}:${address.port}`;
  const inspection = compileInspection(create(ListenerSchema), [], errors);
  const table = new FilterChainTable();
  return {
    ...{ name, address, direction: "outbound", inspection, dns, chains: [], table },
    defaultChain: -1,
  };
}

function compileDefaultChain(
  listener: Listener,
  errors: FieldError[],
  wallMs: () => number,
): FilterChainConfig | undefined {
  const chain = listener.defaultFilterChain;
  if (chain === undefined) return undefined;
  if (chain.filterChainMatch !== undefined) {
    const message = "the default chain takes what no other matches: it has no match of its own";
    errors.push({ path: "default_filter_chain.filter_chain_match", message });
  }
  return compileFilterChain(chain, "default_filter_chain", errors, wallMs, ownTracing(listener));
}

/** What Envoy has no field for: `tulle.tracing` of the listener's metadata. */
function ownTracing({ metadata }: Listener): JsonObject | undefined {
  const tracing = metadata?.filterMetadata["tulle"]?.["tracing"];
  return typeof tracing === "object" && tracing !== null && !Array.isArray(tracing)
    ? tracing
    : undefined;
}

/** Route configurations that come by name. */
export function routeNamesOf({ chains }: ListenerConfig): readonly string[] {
  const names: string[] = [];
  for (const { service } of chains) {
    if (service.kind === "http" && service.http.routesName !== "") {
      names.push(service.http.routesName);
    }
  }
  return names;
}

/** The TLS settings of all chains that terminate it. */
export function tlsSettingsOf({ chains }: ListenerConfig): readonly TlsSettings[] {
  return chains.flatMap(({ tls }) => (tls === undefined ? [] : [tls]));
}

/** Whether an app's own side lets callers in without mutual TLS. */
export function takesPlainText({ mtls, chains }: ListenerConfig): boolean {
  return mtls !== undefined && chains.some(({ tls }) => tls === undefined);
}

/** Whether a listener may go from one to the other in place: only what its chains do with bytes differs. */
export function hasSameSocket(a: ListenerConfig, b: ListenerConfig): boolean {
  return JSON.stringify(acceptingPart(a)) === JSON.stringify(acceptingPart(b));
}

function acceptingPart({ address, direction, inspection, chains, defaultChain }: ListenerConfig) {
  const parts = chains.map(({ match, tls, service }) => [match, tls ?? null, service.kind]);
  return [address, direction, inspection, parts, defaultChain];
}
