/** Routes that divide requests between backends: what each backend ought to get, and what it gets. Pure. */
import type { RouteTraffic, TrafficFigures } from "../../../src/control-plane/telemetry-types.ts";

export interface SplitShare {
  /** `default/catalog-v2`. */
  readonly backend: string;
  /** The Service that was called. */
  readonly service: string;
  /** `default/catalog-split`. */
  readonly route: string;
  readonly match: string;
  /** 0 to 1. */
  readonly configured: number;
  /** Null without a request. */
  readonly observed: number | null;
  /** Of the whole route. */
  readonly requests: number;
  readonly traffic: TrafficFigures;
  /** The Service itself gets none: all of it goes on to others. */
  readonly isApart: boolean;
}

/** By backend. Where several routes divide, the one with the most requests speaks. */
export function splitsOf(routes: readonly RouteTraffic[]): ReadonlyMap<string, SplitShare> {
  const shares = new Map<string, SplitShare>();
  for (const share of allShares(routes)) {
    const known = shares.get(share.backend);
    if (known === undefined || known.requests < share.requests) shares.set(share.backend, share);
  }
  return shares;
}

/** Of every route that divides, in the order in which they are tried. */
export function allShares(routes: readonly RouteTraffic[]): readonly SplitShare[] {
  return routes.flatMap(({ service, route, matches, backends, traffic: whole }) => {
    if (backends.length < 2) return [];
    const called = `${service.namespace}/${service.name}`;
    const isApart = backends.every(({ backend }) => backend !== called);
    return backends.map(
      ({ backend, configuredShare, observedShare, traffic }): SplitShare => ({
        ...{ backend, service: called, route, match: matches.join(" or "), traffic, isApart },
        configured: configuredShare,
        observed: observedShare,
        requests: whole.requests,
      }),
    );
  });
}
