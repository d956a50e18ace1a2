/**
 * The routes of one virtual host, by path: the first that matches is found without trying those before it whose path
 * cannot match. The order is Envoy's: what `find` gives is what trying each in turn would give.
 */
import type { Route as RouteMessage } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { pathKeyOf } from "./path-key.ts";
import { HASH_START, hashWith, PrefixTable } from "./prefix-table.ts";
import type { RequestView } from "./request-view.ts";
import type { Route } from "./route.ts";
import { takes, takesAtPath } from "./route-match.ts";

/** So few are tried faster than they are looked up. */
const SCANNED_ROUTES_MAX = 4;

export class RouteIndex {
  readonly #routes: readonly Route[];
  /** Undefined where there are few: most virtual hosts of a mesh have one route, and there are thousands. */
  readonly #byPath: RoutesByPath | undefined;

  /** `messages` are what `routes` were compiled from, one for one. */
  constructor(routes: readonly Route[], messages: readonly RouteMessage[]) {
    this.#routes = routes;
    this.#byPath = routes.length <= SCANNED_ROUTES_MAX ? undefined : byPath(messages);
  }

  /** The place of the first route that takes the request, or -1. */
  find(request: RequestView): number {
    const routes = this.#routes;
    const lists = this.#byPath;
    if (lists === undefined) {
      const isConnect = request.method === "CONNECT";
      for (let place = 0; place < routes.length; place++) {
        if (takes(routes[place]!, request, isConnect)) return place;
      }
      return -1;
    }
    const path = request.path;
    const exact = lists.exact.get(path);
    const first = exact === undefined ? routes.length : this.#firstAtPath(exact, request);
    const second = this.#firstByPrefix(lists.prefixes, path, request, first);
    const found = this.#firstOf(lists.others, request, second);
    return found === routes.length ? -1 : found;
  }

  /** The first of these places, whose path is the request's, that takes it, else the number of all routes. */
  #firstAtPath(places: readonly number[], request: RequestView): number {
    const isConnect = request.method === "CONNECT";
    for (let i = 0; i < places.length; i++) {
      if (takesAtPath(this.#routes[places[i]!]!, request, isConnect)) return places[i]!;
    }
    return this.#routes.length;
  }

  #firstByPrefix(
    prefixes: PrefixTable,
    path: string,
    request: RequestView,
    before: number,
  ): number {
    const { lengths } = prefixes;
    let best = before;
    let hash = HASH_START;
    let at = 0;
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      if (length > path.length) break;
      for (; at < length; at++) hash = hashWith(hash, path.charCodeAt(at));
      const places = prefixes.listAt(hash);
      if (places !== undefined) best = this.#firstOf(places, request, best);
    }
    return best;
  }

  /** The first of these places that stands before `before` and takes the request, else `before`. */
  #firstOf(places: readonly number[], request: RequestView, before: number): number {
    const isConnect = request.method === "CONNECT";
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      if (place >= before) break;
      if (takes(this.#routes[place]!, request, isConnect)) return place;
    }
    return before;
  }
}

/** Places of routes in their order, in every list. */
interface RoutesByPath {
  readonly exact: ReadonlyMap<string, readonly number[]>;
  readonly prefixes: PrefixTable;
  /** Those that any path may match. */
  readonly others: readonly number[];
}

function byPath(messages: readonly RouteMessage[]): RoutesByPath {
  const exact = new Map<string, number[]>();
  const prefixes: [string, number][] = [];
  const others: number[] = [];
  for (const [place, { match }] of messages.entries()) {
    const { kind, text } = pathKeyOf(match);
    switch (kind) {
      case "exact": {
        const places = exact.get(text);
        if (places === undefined) exact.set(text, [place]);
        else places.push(place);
        break;
      }
      case "prefix":
        prefixes.push([text, place]);
        break;
      case "none":
        others.push(place);
        break;
    }
  }
  return { exact, prefixes: new PrefixTable(prefixes), others };
}
