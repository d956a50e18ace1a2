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
import { compileRoute, type ForwardAction, type Route } from "./route.ts";
import { RouteIndex } from "./route-index.ts";

export interface VirtualHost extends MessageMutations {
  readonly name: string;
  readonly routes: readonly Route[];
}

export interface RouteMatchResult {
  readonly table: RouteTable;
  readonly virtualHost: VirtualHost;
  readonly route: Route;
}

/** A virtual host with what finding its routes takes. */
interface SearchedHost {
  readonly virtualHost: VirtualHost;
  readonly index: RouteIndex;
  /** One for each route, made once so that matching allocates nothing. */
  readonly results: readonly RouteMatchResult[];
}

/** Wildcard domains whose text besides the `*` has the same length: one look-up finds the right one. */
interface WildcardDomains {
  readonly length: number;
  readonly byAffix: Map<string, SearchedHost>;
}

export class RouteTable {
  readonly name: string;
  readonly requestMutations: HeaderMutations;
  readonly responseMutations: HeaderMutations;
  readonly virtualHosts: readonly VirtualHost[];
  readonly #exact = new Map<string, SearchedHost>();
  /** `*.example.com`, longest first. */
  readonly #suffixes: WildcardDomains[] = [];
  /** `example.*`, longest first. */
  readonly #prefixes: WildcardDomains[] = [];
  readonly #any: SearchedHost | undefined;
  readonly #ignoresPort: boolean;
  readonly #hasOnlyAny: boolean;

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
    let any: SearchedHost | undefined;
    const seen = new Set<string>();
    this.virtualHosts = config.virtualHosts.map((message, index) => {
      const path = `virtual_hosts[${index}]`;
      const virtualHost = compileVirtualHost(message, filterRules, path, errors);
      const { routes } = virtualHost;
      const searched: SearchedHost = {
        virtualHost,
        index: new RouteIndex(routes, message.routes),
        results: routes.map((route) => ({ table: this, virtualHost, route })),
      };
      if (message.domains.length === 0)
        errors.push({ path: `${path}.domains`, message: "at least one domain is required" });
      for (const [at, raw] of message.domains.entries()) {
        const domain = raw.toLowerCase();
        if (seen.has(domain)) {
          errors.push({
            path: `${path}.domains[${at}]`,
            message: `${raw === "" ? '""' : raw} stands in two places`,
          });
        }
        seen.add(domain);
        if (domain === "*") any = searched;
        else this.#addDomain(domain, searched);
      }
      return virtualHost;
    });
    this.#any = any;
    this.#suffixes.sort((a, b) => b.length - a.length);
    this.#prefixes.sort((a, b) => b.length - a.length);
    this.#hasOnlyAny = any !== undefined && seen.size === 1;
  }

  #addDomain(domain: string, host: SearchedHost): void {
    if (domain.startsWith("*")) addWildcard(this.#suffixes, domain.slice(1), host);
    else if (domain.endsWith("*")) addWildcard(this.#prefixes, domain.slice(0, -1), host);
    else this.#exact.set(domain, host);
  }

  /** The first route that matches, or undefined. */
  match(request: RequestView): RouteMatchResult | undefined {
    const host = this.#hasOnlyAny ? this.#any : this.#hostFor(request.authority);
    if (host === undefined) return undefined;
    const place = host.index.find(request);
    return place < 0 ? undefined : host.results[place];
  }

  /** Envoy's order: exact, longest suffix wildcard, longest prefix wildcard, `*`. */
  virtualHostFor(authority: string): VirtualHost | undefined {
    return this.#hostFor(authority)?.virtualHost;
  }

  #hostFor(authority: string): SearchedHost | undefined {
    if (!this.#ignoresPort) {
      const asWritten = this.#exact.get(authority);
      if (asWritten !== undefined) return asWritten;
    }
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

function addWildcard(domains: WildcardDomains[], affix: string, host: SearchedHost): void {
  let sameLength = domains.find(({ length }) => length === affix.length);
  if (sameLength === undefined) {
    sameLength = { length: affix.length, byAffix: new Map() };
    domains.push(sameLength);
  }
  sameLength.byAffix.set(affix, host);
}

/** Offset of the colon before the port, or the length when there is no port. */
function portStart(authority: string): number {
  const colon = authority.lastIndexOf(":");
  // A colon that is followed by a bracket belongs to an IPv6 address.
  return colon < 0 || authority.endsWith("]") ? authority.length : colon;
}

function compileVirtualHost(
  message: VirtualHostMessage,
  outer: RouteFilterRules,
  path: string,
  errors: FieldError[],
): VirtualHost {
  const filterRules = compileRouteFilterRules(message.typedPerFilterConfig, outer, path, errors);
  const defaults = { ...message, path };
  const actions = new Map<string, ForwardAction>();
  if (message.name === "") errors.push({ path: `${path}.name`, message: "a name is required" });
  return {
    name: message.name,
    routes: message.routes.map((route, index) =>
      compileRoute(route, filterRules, `${path}.routes[${index}]`, errors, defaults, actions),
    ),
    ...compileMutations(message, path, errors),
  };
}
