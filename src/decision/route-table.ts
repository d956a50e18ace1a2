/**
 * A RouteConfiguration compiled for matching: virtual hosts by domain, then routes in order. Pure:
 * the proxy, `explain`, tests and plans ask the same code.
 */

import type { VirtualHost as VirtualHostMessage } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteConfiguration } from "../gen/envoy/config/route/v3/route_pb.js";
import type { FieldError } from "./field-error.ts";
import { compileRouteFilterRules, type RouteFilterRules } from "./filters/filter-rule.ts";
import {
  compileMutations,
  type HeaderMutations,
  type MessageMutations,
} from "./header-mutation.ts";
import type { RequestView } from "./request-view.ts";
import { compileRoute, type Route } from "./route.ts";

export interface VirtualHost extends MessageMutations {
  readonly name: string;
  readonly routes: readonly Route[];
}

export interface RouteMatchResult {
  readonly table: RouteTable;
  readonly virtualHost: VirtualHost;
  readonly route: Route;
}

/** Wildcard domains whose text besides the `*` has the same length: one look-up finds the right one. */
interface WildcardDomains {
  readonly length: number;
  readonly byAffix: Map<string, VirtualHost>;
}

export class RouteTable {
  readonly name: string;
  readonly requestMutations: HeaderMutations;
  readonly responseMutations: HeaderMutations;
  readonly virtualHosts: readonly VirtualHost[];
  readonly #exact = new Map<string, VirtualHost>();
  /** `*.example.com`, longest first. */
  readonly #suffixes: WildcardDomains[] = [];
  /** `example.*`, longest first. */
  readonly #prefixes: WildcardDomains[] = [];
  readonly #any: VirtualHost | undefined;
  readonly #ignoresPort: boolean;
  readonly #hasOnlyAny: boolean;
  /** The results of each route, made once so that matching allocates nothing. */
  readonly #results = new Map<Route, RouteMatchResult>();

  /** Collects what is wrong in `errors`; the table must not be used when it collected any. */
  constructor(config: RouteConfiguration, errors: FieldError[]) {
    this.name = config.name;
    this.#ignoresPort = config.ignorePortInHostMatching;
    const { requestMutations, responseMutations } = compileMutations(config, "", errors);
    this.requestMutations = requestMutations;
    this.responseMutations = responseMutations;
    if (config.validateClusters === true) {
      const message =
        "clusters are not checked here; a missing one is answered with cluster_not_found_response_code";
      errors.push({ path: "validate_clusters", message });
    }
    const filterRules = compileRouteFilterRules(config.typedPerFilterConfig, undefined, "", errors);
    let any: VirtualHost | undefined;
    const seen = new Set<string>();
    this.virtualHosts = config.virtualHosts.map((message, index) => {
      const path = `virtual_hosts[${index}]`;
      const virtualHost = compileVirtualHost(message, filterRules, path, errors);
      for (const route of virtualHost.routes)
        this.#results.set(route, { table: this, virtualHost, route });
      if (message.domains.length === 0)
        errors.push({ path: `${path}.domains`, message: "at least one domain is required" });
      for (const [at, raw] of message.domains.entries()) {
        const domain = raw.toLowerCase();
        if (seen.has(domain)) {
          errors.push({ path: `${path}.domains[${at}]`, message: `${raw} stands in two places` });
        }
        seen.add(domain);
        if (domain === "*") any = virtualHost;
        else this.#addDomain(domain, virtualHost);
      }
      return virtualHost;
    });
    this.#any = any;
    this.#suffixes.sort((a, b) => b.length - a.length);
    this.#prefixes.sort((a, b) => b.length - a.length);
    this.#hasOnlyAny = any !== undefined && seen.size === 1;
  }

  #addDomain(domain: string, virtualHost: VirtualHost): void {
    if (domain.startsWith("*")) addWildcard(this.#suffixes, domain.slice(1), virtualHost);
    else if (domain.endsWith("*")) addWildcard(this.#prefixes, domain.slice(0, -1), virtualHost);
    else this.#exact.set(domain, virtualHost);
  }

  /** The first route that matches, or undefined. */
  match(request: RequestView): RouteMatchResult | undefined {
    const virtualHost = this.#hasOnlyAny ? this.#any : this.virtualHostFor(request.authority);
    if (virtualHost === undefined) return undefined;
    const routes = virtualHost.routes;
    const isConnect = request.method === "CONNECT";
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i]!;
      if (route.isForConnect !== isConnect) continue;
      if (!route.path.isAny && !route.path.matches(request.path)) continue;
      if (route.tests.length === 0 || passesAll(route, request)) return this.#results.get(route);
    }
    return undefined;
  }

  /** Envoy's order: exact, longest suffix wildcard, longest prefix wildcard, `*`. */
  virtualHostFor(authority: string): VirtualHost | undefined {
    const lower = authority.toLowerCase();
    const host = this.#ignoresPort ? lower.slice(0, portStart(lower)) : lower;
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    // A wildcard stands for at least one character.
    for (const { length, byAffix } of this.#suffixes) {
      if (length >= host.length) continue;
      const found = byAffix.get(host.slice(host.length - length));
      if (found !== undefined) return found;
    }
    for (const { length, byAffix } of this.#prefixes) {
      if (length >= host.length) continue;
      const found = byAffix.get(host.slice(0, length));
      if (found !== undefined) return found;
    }
    return this.#any;
  }
}

function addWildcard(domains: WildcardDomains[], affix: string, virtualHost: VirtualHost): void {
  let sameLength = domains.find(({ length }) => length === affix.length);
  if (sameLength === undefined) {
    sameLength = { length: affix.length, byAffix: new Map() };
    domains.push(sameLength);
  }
  sameLength.byAffix.set(affix, virtualHost);
}

/** Offset of the colon before the port, or the length when there is no port. */
function portStart(authority: string): number {
  const colon = authority.lastIndexOf(":");
  // A colon that is followed by a bracket belongs to an IPv6 address.
  return colon < 0 || authority.endsWith("]") ? authority.length : colon;
}

function passesAll(route: Route, request: RequestView): boolean {
  const tests = route.tests;
  for (let i = 0; i < tests.length; i++) {
    if (!tests[i]!(request)) return false;
  }
  return true;
}

function compileVirtualHost(
  message: VirtualHostMessage,
  outer: RouteFilterRules,
  path: string,
  errors: FieldError[],
): VirtualHost {
  const filterRules = compileRouteFilterRules(message.typedPerFilterConfig, outer, path, errors);
  if (message.name === "") errors.push({ path: `${path}.name`, message: "a name is required" });
  return {
    name: message.name,
    routes: message.routes.map((route, index) =>
      compileRoute(route, filterRules, `${path}.routes[${index}]`, errors),
    ),
    ...compileMutations(message, path, errors),
  };
}
