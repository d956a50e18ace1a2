/** Which listener of a proxy takes a request, and which routes it follows. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type FieldError, fieldErrorText } from "../../decision/field-error.ts";
import { RouteTable } from "../../decision/route-table.ts";
import type { FilterChain } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "../../gen/envoy/config/route/v3/route_pb.js";
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { badRequest, notFound } from "./explain-error.ts";
import type { Target } from "./explained-request.ts";
import { gatewayChain } from "./gateway-chain.ts";
import { isNameOf, shortName } from "./mesh-host.ts";
import type { ProxyConfiguration } from "./proxy-configuration.ts";

export interface HttpListener {
  readonly listener: Listener;
  /** The part of it that has the manager. */
  readonly chain: FilterChain;
  readonly manager: HttpConnectionManager;
  /** Inline, or by name. */
  readonly routesName: string;
}

export interface RoutedListener extends HttpListener {
  readonly routes: RouteConfiguration;
  readonly table: RouteTable;
}

export interface ListenerQuestion {
  readonly target: Target;
  /** For names of Services that have no namespace. */
  readonly namespace: string;
  /** The name of the listener, when it is given. */
  readonly listener: string | undefined;
  /** The request comes to a gateway: by its port, or that of the listener which is asked for. */
  readonly gateway?: { readonly port: number | undefined };
}

/** The HTTP listeners of one proxy. What was read and compiled for one question is there for the next. */
export class HttpListeners {
  readonly #configuration: ProxyConfiguration;
  readonly #routed = new Map<HttpListener, RoutedListener | undefined>();
  #all: readonly HttpListener[] | undefined;

  constructor(configuration: ProxyConfiguration) {
    this.#configuration = configuration;
  }

  /**
   * By the name that is given, by the Service that the host of the URL names, by the listener's address, or by the
   * host that a virtual host takes, in this order. Throws when there is none, or more than one.
   */
  find(question: ListenerQuestion): RoutedListener {
    if (question.gateway !== undefined) return this.#ofGateway(question, question.gateway.port);
    this.#all ??= httpListeners(this.#configuration.listeners());
    const all = this.#all;
    if (question.listener !== undefined) {
      const named = all.find(({ listener }) => listener.name === question.listener);
      if (named !== undefined) return this.#withRoutes(named);
      const names = all.map(({ listener }) => listener.name);
      const message = `the proxy has no HTTP listener ${JSON.stringify(question.listener)}`;
      throw notFound(message, question.listener, names);
    }
    const byAddress = all.find(({ listener }) => isAt(listener, question.target));
    const found = byService(this.#configuration, all, question) ?? byAddress;
    return found === undefined ? this.#byHost(all, question) : this.#withRoutes(found);
  }

  #ofGateway({ target }: ListenerQuestion, port: number | undefined): RoutedListener {
    const listeners = this.#configuration.listeners();
    const serves = (chain: FilterChain): boolean => managerOf(chain) !== undefined;
    const { listener, chain } = gatewayChain(listeners, { target, port }, serves);
    const [found] = httpListener(listener, [chain]);
    if (found !== undefined) return this.#withRoutes(found);
    throw badRequest(`the listener ${listener.name} takes no requests`);
  }

  /** For other control planes, whose listeners are not named after Services. */
  #byHost(all: readonly HttpListener[], { target, namespace }: ListenerQuestion): RoutedListener {
    const taking = all
      .filter(({ routesName }) => !isOfMesh(routesName))
      .flatMap((found) => {
        const routed = this.#routesOf(found);
        const isTaken = routed?.table.virtualHostFor(target.authority) !== undefined;
        return routed !== undefined && isTaken ? [routed] : [];
      });
    const [first, ...others] = taking;
    if (first !== undefined && others.length === 0) return first;
    if (first !== undefined) {
      const names = taking.map(({ listener }) => listener.name).join(", ");
      const message = `several listeners take requests for ${target.authority}`;
      throw badRequest(message, `say which with --listener: ${names}`);
    }
    const ports = namedPorts(this.#configuration);
    const hosts = [...new Set(ports.map(({ host }) => shortName(host, namespace)))];
    throw notFound(`the proxy routes nothing to ${target.authority}`, target.host, hosts);
  }

  #withRoutes(found: HttpListener): RoutedListener {
    const routed = this.#routesOf(found);
    if (routed !== undefined) return routed;
    throw badRequest(
      `the listener ${found.listener.name} follows the routes ${found.routesName}, which the proxy does not have`,
      "it answers every request with 404 until they come",
    );
  }

  /** Undefined when the proxy does not have them. */
  #routesOf(found: HttpListener): RoutedListener | undefined {
    if (this.#routed.has(found)) return this.#routed.get(found);
    const { routeSpecifier } = found.manager;
    const routes =
      routeSpecifier.case === "routeConfig"
        ? routeSpecifier.value
        : this.#configuration.route(found.routesName);
    const routed = routes === undefined ? undefined : compiled(found, routes);
    this.#routed.set(found, routed);
    return routed;
  }
}

/** The name of the HTTP listener at an address. */
export function listenerAt(
  configuration: ProxyConfiguration,
  at: Pick<Target, "host" | "port">,
): string | undefined {
  const all = httpListeners(configuration.listeners());
  return all.find(({ listener }) => isAt(listener, at))?.listener.name;
}

function httpListeners(listeners: readonly Listener[]): readonly HttpListener[] {
  return listeners.flatMap((listener) => {
    const { filterChains, defaultFilterChain } = listener;
    return httpListener(
      listener,
      defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains,
    );
  });
}

/** By the first of these chains that takes requests; empty where none does. */
function httpListener(listener: Listener, chains: readonly FilterChain[]): readonly HttpListener[] {
  for (const chain of chains) {
    const manager = managerOf(chain);
    if (manager === undefined) continue;
    const { case: kind, value } = manager.routeSpecifier;
    const name = kind === "routeConfig" ? value.name : kind === "rds" ? value.routeConfigName : "";
    return [{ listener, chain, manager, routesName: name }];
  }
  return [];
}

function managerOf(chain: FilterChain): HttpConnectionManager | undefined {
  for (const { configType } of chain.filters) {
    const { value } = configType;
    const isConfig = configType.case === "typedConfig" && value !== undefined;
    const manager = isConfig ? anyUnpack(configType.value, HttpConnectionManagerSchema) : undefined;
    if (manager !== undefined) return manager;
  }
  return undefined;
}

/** The port of a Service as translation names it: `outbound|80||catalog.default.svc.tulle.local`. */
interface NamedPort {
  readonly name: string;
  readonly port: number;
  readonly host: string;
}

function namedPorts(configuration: ProxyConfiguration): readonly NamedPort[] {
  return configuration.routeNames().flatMap((name) => {
    const [direction, port, subset, host] = name.split("|");
    if (direction !== "outbound" || subset !== "" || host === undefined) return [];
    return [{ name, port: Number(port), host }];
  });
}

/** Undefined when the host is none of a Service's. */
function byService(
  configuration: ProxyConfiguration,
  all: readonly HttpListener[],
  { target, namespace }: ListenerQuestion,
): HttpListener | undefined {
  const ports = namedPorts(configuration);
  const ofService = ports.filter(({ host }) => isNameOf(target.host, host, namespace));
  if (ofService.length === 0) return undefined;
  const wanted = ofService.find(({ port }) => port === target.port);
  if (wanted === undefined) {
    const message = `${target.host} has no HTTP port ${target.port}`;
    throw badRequest(message, `its ports are ${ofService.map(({ port }) => port).join(", ")}`);
  }
  const found = all.find(({ routesName }) => routesName === wanted.name);
  if (found !== undefined) return found;
  throw badRequest(`the proxy has routes for ${target.host}, but no listener that follows them`);
}

function isAt({ address }: Listener, target: Pick<Target, "host" | "port">): boolean {
  const socket = address?.address.case === "socketAddress" ? address.address.value : undefined;
  const port = socket?.portSpecifier.case === "portValue" ? socket.portSpecifier.value : undefined;
  return socket?.address === target.host && port === target.port;
}

/** Found by the Service's name, never by a virtual host, which takes every host. */
function isOfMesh(routesName: string): boolean {
  return routesName.startsWith("outbound|") || routesName.startsWith("inbound|");
}

function compiled(found: HttpListener, routes: RouteConfiguration): RoutedListener {
  const errors: FieldError[] = [];
  const table = new RouteTable(routes, errors);
  if (errors.length === 0) return { ...found, routes, table };
  throw badRequest(
    `the routes ${found.routesName} cannot be read as this release reads them: ${fieldErrorText(errors)}`,
  );
}
