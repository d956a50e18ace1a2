/**
 * Keeps the encoded configuration of the mesh: what all proxies share is translated once per push, each
 * proxy's own part when it may have changed. Maps of which nothing changed stay the same objects, so the
 * ADS server sends nothing for them.
 */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "../core/logger.ts";
import { faultEndMs } from "../resource/kinds/fault-policy.ts";
import { formatKey } from "../resource/object.ts";
import type { AddressedInstance, MeshSnapshot, ProxyScope } from "../translate/mesh-snapshot.ts";
import type { Finding, ScopedTranslation, SharedTranslation } from "../translate/translation.ts";
import type { ProxySnapshot, ResourceMap } from "../xds/snapshot.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../xds/type-urls.ts";
import { encodeResources, type Overlay, overlay } from "./encoded-resources.ts";
import { type TranslationFault, translateIsolated } from "./fault-isolation.ts";

/** What was found when the part of one proxy could not be translated: the others of the same push begin with it. */
interface ScopedIsolation {
  readonly of: MeshSnapshot;
  readonly usable: MeshSnapshot;
  readonly faults: readonly TranslationFault[];
}

/** The two halves of translation, passed in. Both are pure. */
export interface Translate {
  readonly shared: (snapshot: MeshSnapshot) => SharedTranslation;
  readonly scoped: (snapshot: MeshSnapshot, scope: ProxyScope) => ScopedTranslation;
}

export interface TranslationReport {
  readonly findings: readonly Finding[];
  readonly faults: readonly TranslationFault[];
}

interface SharedState {
  readonly snapshot: MeshSnapshot;
  readonly clusters: ResourceMap;
  readonly endpoints: ResourceMap;
  readonly secrets: ResourceMap;
  readonly routes: ResourceMap;
  /** By the callers' zone. */
  readonly zoneEndpoints: ReadonlyMap<string, Overlay>;
  /** By namespace. */
  readonly consumerRoutes: ReadonlyMap<string, Overlay>;
}

interface ScopedState {
  readonly scope: ProxyScope;
  readonly snapshot: MeshSnapshot;
  /** What of `snapshot` could be translated for it: the last good of the next translation. */
  readonly usable: MeshSnapshot;
  readonly faults: readonly TranslationFault[];
  readonly listeners: ResourceMap;
  /** The clusters of the app beside the proxy, laid over those that all have. */
  readonly clusters: Overlay;
  /** The routes that hold for it alone, laid over those of its namespace. */
  readonly routes: Overlay;
  readonly findings: readonly Finding[];
}

export class SnapshotTranslator {
  readonly #translate: Translate;
  readonly #log: Logger;
  #shared: SharedState | undefined;
  #report: TranslationReport = { findings: [], faults: [] };
  #isolation: ScopedIsolation | undefined;
  /** By proxy key. */
  readonly #scoped = new Map<string, ScopedState>();

  constructor(options: { readonly translate: Translate; readonly log: Logger }) {
    this.#translate = options.translate;
    this.#log = options.log;
  }

  /** Translates what all proxies share. Faulty objects are left out or kept as they were. */
  update(snapshot: MeshSnapshot): TranslationReport {
    const result = translateIsolated(snapshot, this.#shared?.snapshot, (candidate) => {
      const translation = this.#translate.shared(candidate);
      return { translation, state: this.#encode(candidate, translation) };
    });
    this.#shared = result.value.state;
    this.#report = { findings: result.value.translation.findings, faults: result.faults };
    for (const fault of result.faults) {
      this.#log.error("an object cannot be translated", { ...fault });
    }
    return this.#report;
  }

  /** What one proxy ought to have at `revision`; undefined before the first `update`. */
  forProxy(key: string, scope: ProxyScope, revision: number): ProxySnapshot | undefined {
    const shared = this.#shared;
    if (shared === undefined) return undefined;
    const { listeners, clusters, routes } = this.#scopedFor(key, scope, shared);
    const endpoints = shared.zoneEndpoints.get(scope.zone)?.merged ?? shared.endpoints;
    return {
      revision,
      resources: new Map([
        [CLUSTER_TYPE_URL, clusters.merged],
        [ENDPOINT_TYPE_URL, endpoints],
        [SECRET_TYPE_URL, shared.secrets],
        [LISTENER_TYPE_URL, listeners],
        [ROUTE_TYPE_URL, routes.merged],
      ]),
    };
  }

  /** A proxy is gone: its listeners are forgotten. */
  forget(key: string): void {
    this.#scoped.delete(key);
  }

  /** All findings of the last update and of the proxies' own parts, each once. */
  report(): TranslationReport {
    const byText = new Map<string, Finding>();
    const scoped = [...this.#scoped.values()].flatMap((state) => state.findings);
    for (const finding of [...this.#report.findings, ...scoped]) {
      byText.set(JSON.stringify(finding), finding);
    }
    return { findings: [...byText.values()], faults: this.faults };
  }

  /** Those of the last update, and of the proxies' own parts where these have some: each object once. */
  get faults(): readonly TranslationFault[] {
    const scoped = [...this.#scoped.values()].flatMap((state) => state.faults);
    if (scoped.length === 0) return this.#report.faults;
    const all = [...scoped, ...this.#report.faults];
    return [...new Map(all.map((fault) => [formatKey(fault.object), fault])).values()];
  }

  #scopedFor(key: string, scope: ProxyScope, shared: SharedState): ScopedState {
    const { snapshot } = shared;
    const known = this.#scoped.get(key);
    const isCurrent =
      known !== undefined &&
      known.scope === scope &&
      isSameForScoped(known.snapshot, snapshot) &&
      // Routes of its own look at instances too: whether these have sidecars.
      (known.routes.over.size === 0 || known.snapshot === snapshot);
    const own = isCurrent ? known : this.#translateScoped(key, scope, shared);
    const clusters = overlay(shared.clusters, own.clusters.over, own.clusters);
    const routes = overlay(routesOf(shared, scope), own.routes.over, own.routes);
    const isSame = clusters === own.clusters && routes === own.routes;
    const state = isSame ? own : { ...own, clusters, routes };
    this.#scoped.set(key, state);
    return state;
  }

  #translateScoped(key: string, scope: ProxyScope, shared: SharedState): ScopedState {
    const { snapshot } = shared;
    const known = this.#scoped.get(key);
    try {
      const isolated = this.#isolated(snapshot, scope, known?.usable);
      const { value: translation, usable, faults } = isolated;
      const over = encodeResources(translation.clusters, known?.clusters.over);
      return {
        scope,
        snapshot,
        usable,
        faults,
        listeners: encodeResources(translation.listeners, known?.listeners),
        clusters: overlay(shared.clusters, over, known?.clusters),
        routes: overlay(
          routesOf(shared, scope),
          encodeResources(translation.routes, known?.routes.over),
          known?.routes,
        ),
        findings: translation.findings,
      };
    } catch (error) {
      // A defect of ours, and no object is to blame: the proxy keeps what it has and all else goes on.
      this.#log.error("the listeners of a proxy cannot be translated", { proxy: key, error });
      const clusters = known?.clusters ?? overlay(shared.clusters, new Map(), undefined);
      const listeners: ResourceMap = known?.listeners ?? new Map();
      const routes = known?.routes ?? overlay(routesOf(shared, scope), new Map(), undefined);
      const usable = known?.usable ?? snapshot;
      return { scope, snapshot, usable, listeners, clusters, routes, faults: [], findings: [] };
    }
  }

  /** What one proxy is to have. Objects that cannot be translated are left out or kept as they were, for later ones too. */
  #isolated(snapshot: MeshSnapshot, scope: ProxyScope, lastGood: MeshSnapshot | undefined) {
    const before = this.#isolation;
    const found = before?.of === snapshot ? before : undefined;
    const result = translateIsolated(
      found?.usable ?? snapshot,
      lastGood ?? before?.usable,
      (candidate) => this.#translate.scoped(candidate, scope),
    );
    const { value, snapshot: usable } = result;
    const faults = [...(found?.faults ?? []), ...result.faults];
    if (result.faults.length > 0) {
      this.#isolation = { of: snapshot, usable, faults };
      for (const fault of result.faults) {
        this.#log.error("an object cannot be translated", { ...fault, proxy: scope.nodeId });
      }
    }
    return { value, usable, faults };
  }

  #encode(snapshot: MeshSnapshot, translation: SharedTranslation): SharedState {
    const before = this.#shared;
    const routes = encodeResources(translation.routes, before?.routes);
    const consumerRoutes = new Map<string, Overlay>();
    for (const [namespace, resources] of translation.consumerRoutes) {
      const known = before?.consumerRoutes.get(namespace);
      consumerRoutes.set(
        namespace,
        overlay(routes, encodeResources(resources, known?.over), known),
      );
    }
    const endpoints = encodeResources(translation.endpoints, before?.endpoints);
    const zoneEndpoints = new Map<string, Overlay>();
    for (const [zone, resources] of translation.zoneEndpoints) {
      const known = before?.zoneEndpoints.get(zone);
      const over = encodeResources(resources, known?.over);
      zoneEndpoints.set(zone, overlay(endpoints, over, known));
    }
    return {
      snapshot,
      clusters: encodeResources(translation.clusters, before?.clusters),
      endpoints,
      zoneEndpoints,
      secrets: encodeResources(translation.secrets, before?.secrets),
      routes,
      consumerRoutes,
    };
  }
}

function routesOf(shared: SharedState, { namespace }: ProxyScope): ResourceMap {
  return shared.consumerRoutes.get(namespace)?.merged ?? shared.routes;
}

/**
 * Whether nothing is different but instances that come and go: a proxy's own part is made of Services, routes
 * and policies. Objects of the store are never changed in place, so their identity tells.
 */
function isSameForScoped(a: MeshSnapshot, b: MeshSnapshot): boolean {
  return (
    a.meshConfig === b.meshConfig &&
    a.trustDomain === b.trustDomain &&
    isSameList(a.grpcRoutes, b.grpcRoutes) &&
    isSameList(a.httpRoutes, b.httpRoutes) &&
    isSameList(a.tcpRoutes, b.tcpRoutes) &&
    isSameList(a.tlsRoutes, b.tlsRoutes) &&
    isSameList(a.rateLimitPolicies, b.rateLimitPolicies) &&
    isSameList(a.routeFilters, b.routeFilters) &&
    isSameList(a.trafficPolicies, b.trafficPolicies) &&
    isSameList(a.cachePolicies, b.cachePolicies) &&
    isSameList(a.faultPolicies, b.faultPolicies) &&
    isSameList(a.gateways ?? [], b.gateways ?? []) &&
    isSameList(a.securityPolicies ?? [], b.securityPolicies ?? []) &&
    isSameList(a.peerAuthentications ?? [], b.peerAuthentications ?? []) &&
    isSameList(a.requestAuthentications ?? [], b.requestAuthentications ?? []) &&
    a.keySets === b.keySets &&
    isSameList(a.authorizationPolicies ?? [], b.authorizationPolicies ?? []) &&
    isSameList(a.telemetryPolicies ?? [], b.telemetryPolicies ?? []) &&
    endedFaults(a) === endedFaults(b) &&
    isSameAllocation(a.services, b.services) &&
    isSameAllocation(a.externalServices, b.externalServices)
  );
}

interface Allocated {
  readonly resource: unknown;
  readonly serviceIndex: number;
  /** Of a headless Service. */
  readonly instances?: readonly AddressedInstance[];
}

function isSameAllocation(a: readonly Allocated[], b: readonly Allocated[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index];
      return (
        one.resource === other?.resource &&
        one.serviceIndex === other?.serviceIndex &&
        isDeepStrictEqual(one.instances, other?.instances)
      );
    })
  );
}

/** How many of its FaultPolicies have no effect any more. */
function endedFaults({ asOfMs = 0, faultPolicies }: MeshSnapshot): number {
  return faultPolicies.filter((policy) => (faultEndMs(policy) ?? Infinity) <= asOfMs).length;
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
