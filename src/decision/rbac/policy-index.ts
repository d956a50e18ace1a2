/**
 * Policies by what they ask of method and path: of a thousand, a request is held against the few that it may match.
 * Made for policies whose principals are settled as far as the peer's identity tells, and allocates nothing when asked.
 */

import { HASH_START, hashWith, PrefixTable } from "../prefix-table.ts";
import type { RequestView } from "../request-view.ts";
import type { ConditionTest } from "./condition.ts";
import type { PolicyKeys } from "./policy-keys.ts";
import type { RbacConnection } from "./rbac-connection.ts";

export interface IndexedPolicy {
  /** Its place among all policies. Of several that match, the first is the one. */
  readonly place: number;
  readonly keys: PolicyKeys;
  readonly test: ConditionTest;
}

/** No policy matches. */
export const NO_MATCH = -1;

const NOWHERE = Number.POSITIVE_INFINITY;

export class PolicyIndex {
  readonly #byMethod: ReadonlyMap<string, PathIndex>;
  readonly #anyMethod: PathIndex;

  constructor(policies: readonly IndexedPolicy[]) {
    const byMethod = new Map<string, IndexedPolicy[]>();
    const anyMethod: IndexedPolicy[] = [];
    for (const policy of policies) {
      const { methods } = policy.keys;
      if (methods === undefined) anyMethod.push(policy);
      else for (const method of new Set(methods)) listAt(byMethod, method).push(policy);
    }
    this.#byMethod = new Map([...byMethod].map(([method, list]) => [method, new PathIndex(list)]));
    this.#anyMethod = new PathIndex(anyMethod);
  }

  /** The place of the first policy that matches, or NO_MATCH. */
  match(request: RequestView, connection: RbacConnection): number {
    let best = NOWHERE;
    const ofMethod = this.#byMethod.get(request.method);
    if (ofMethod !== undefined) best = ofMethod.match(request, connection, best);
    best = this.#anyMethod.match(request, connection, best);
    return best === NOWHERE ? NO_MATCH : best;
  }
}

/** Lists of policies are ascending in their places. */
class PathIndex {
  readonly #exact: ReadonlyMap<string, readonly IndexedPolicy[]>;
  readonly #prefixes: PrefixTable | undefined;
  /** What the prefixes lead to. */
  readonly #prefixed: readonly IndexedPolicy[];
  readonly #others: readonly IndexedPolicy[];

  constructor(policies: readonly IndexedPolicy[]) {
    const exact = new Map<string, IndexedPolicy[]>();
    const prefixes: [string, number][] = [];
    const others: IndexedPolicy[] = [];
    for (const [index, policy] of policies.entries()) {
      const { paths } = policy.keys;
      if (paths === undefined) others.push(policy);
      for (const { kind, text } of paths ?? []) {
        if (kind === "prefix") prefixes.push([text, index]);
        else listAt(exact, text).push(policy);
      }
    }
    this.#exact = exact;
    this.#prefixes = prefixes.length === 0 ? undefined : new PrefixTable(prefixes);
    this.#prefixed = policies;
    this.#others = others;
  }

  /** The smaller of `best` and the place of the first policy that matches. */
  match(request: RequestView, connection: RbacConnection, best: number): number {
    let found = firstIn(this.#others, request, connection, best);
    const { path } = request;
    const exact = this.#exact.size === 0 ? undefined : this.#exact.get(path);
    if (exact !== undefined) found = firstIn(exact, request, connection, found);
    const prefixes = this.#prefixes;
    if (prefixes === undefined) return found;
    const { lengths } = prefixes;
    let hash = HASH_START;
    let at = 0;
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      if (length > path.length) break;
      for (; at < length; at++) hash = hashWith(hash, path.charCodeAt(at));
      const list = prefixes.listAt(hash);
      if (list !== undefined) found = this.#firstAt(list, request, connection, found);
    }
    return found;
  }

  #firstAt(
    list: readonly number[],
    request: RequestView,
    connection: RbacConnection,
    best: number,
  ): number {
    for (let i = 0; i < list.length; i++) {
      const { place, test } = this.#prefixed[list[i]!]!;
      if (place >= best) return best;
      if (test(request, connection)) return place;
    }
    return best;
  }
}

function firstIn(
  list: readonly IndexedPolicy[],
  request: RequestView,
  connection: RbacConnection,
  best: number,
): number {
  for (let i = 0; i < list.length; i++) {
    const { place, test } = list[i]!;
    if (place >= best) return best;
    if (test(request, connection)) return place;
  }
  return best;
}

function listAt<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const made: V[] = [];
  lists.set(key, made);
  return made;
}
