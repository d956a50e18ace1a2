/** Which part of a gateway takes a request from outside: by the port that it comes to and, with TLS, by the server name. */
import type { FilterChain } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { covers } from "../../resource/gateway-attachment.ts";
import type { Gateway } from "../../resource/kinds/gateway.ts";
import { compareHosts } from "../../translate/gateway/gateway-routes.ts";
import { badRequest } from "./explain-error.ts";
import type { Target } from "./explained-request.ts";

export interface GatewayChain {
  readonly listener: Listener;
  readonly chain: FilterChain;
}

export interface GatewayQuestion {
  readonly target: Target;
  /** Of the listener of the Gateway that is asked for; undefined: the URL tells. */
  readonly port: number | undefined;
}

interface Candidate extends GatewayChain {
  readonly port: number;
  readonly isTls: boolean;
}

/** `serves` says of which chains requests come. Throws when no listener takes such a request. */
export function gatewayChain(
  listeners: readonly Listener[],
  { target, port: asked }: GatewayQuestion,
  serves: (chain: FilterChain) => boolean,
): GatewayChain {
  const all = listeners.flatMap((listener) => candidatesOf(listener, serves));
  const isTls = target.scheme === "https";
  const port = asked ?? portOf(target, all, isTls);
  const atPort = all.filter((one) => one.port === port);
  if (atPort.length === 0) {
    const there = [...new Set(all.map((one) => `${one.port} (${one.isTls ? "https" : "http"})`))];
    const hint =
      there.length === 0 ? "it has no listener for HTTP yet" : `it has ${there.join(", ")}`;
    throw badRequest(`the gateway has no HTTP listener at port ${port}`, hint);
  }
  const fitting = atPort.filter((one) => one.isTls === isTls);
  if (fitting.length === 0) {
    const [speaks, not] = isTls ? ["http", "https"] : ["https", "http"];
    const message = `the listeners at port ${port} speak ${speaks}, not ${not}`;
    throw badRequest(message, `write the URL as ${speaks}://${target.host}:${port}${target.path}`);
  }
  const found = isTls ? byServerName(fitting, target.host) : fitting[0];
  if (found !== undefined) return found;
  const names = fitting.flatMap(({ chain }) => chain.filterChainMatch?.serverNames ?? []);
  throw badRequest(
    `no listener at port ${port} takes the server name ${target.host}: the TLS handshake is refused`,
    `they take ${names.join(", ")}`,
  );
}

/** The listener of the object whose routes a host gets; undefined where none is for it. */
export function gatewayListenerName(
  { spec }: Gateway,
  { listener, chain }: GatewayChain,
  host: string,
): string | undefined {
  if (chain.transportSocket !== undefined) return chain.name;
  const port = listenerPort(listener);
  return spec.listeners
    .filter((one) => one.port === port && one.protocol === "HTTP")
    .filter(({ hostname = "*" }) => covers(hostname, host))
    .toSorted((a, b) => compareHosts(a.hostname ?? "*", b.hostname ?? "*"))[0]?.name;
}

function candidatesOf(
  listener: Listener,
  serves: (chain: FilterChain) => boolean,
): readonly Candidate[] {
  const { filterChains, defaultFilterChain } = listener;
  const chains = defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains;
  const port = listenerPort(listener);
  return chains
    .filter(serves)
    .map((chain) => ({ listener, chain, port, isTls: chain.transportSocket !== undefined }));
}

/** That of the URL; else the scheme's, or the only one that speaks it: what is in front of a gateway may have the other. */
function portOf({ authority, port }: Target, all: readonly Candidate[], isTls: boolean): number {
  if (/:\d+$/.test(authority) || all.some((one) => one.port === port)) return port;
  const [only, ...others] = new Set(
    all.filter((one) => one.isTls === isTls).map((one) => one.port),
  );
  return only === undefined || others.length > 0 ? port : only;
}

/** As listeners choose (FilterChainMatch.server_names): the name itself, the longest wildcard, then who takes all. */
function byServerName(candidates: readonly Candidate[], host: string): Candidate | undefined {
  const named = candidates.flatMap((one) =>
    (one.chain.filterChainMatch?.serverNames ?? ["*"]).map((name) => ({ name, one })),
  );
  return named
    .filter(({ name }) => covers(name, host))
    .toSorted((a, b) => compareHosts(a.name, b.name))[0]?.one;
}

function listenerPort({ address }: Listener): number {
  const socket = address?.address.case === "socketAddress" ? address.address.value : undefined;
  return socket?.portSpecifier.case === "portValue" ? socket.portSpecifier.value : 0;
}
