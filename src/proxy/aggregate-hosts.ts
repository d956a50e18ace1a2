/**
 * Clusters behind each other, as one (Envoy's aggregate cluster): the first serves while enough of it is healthy, and
 * what it loses spills over to the next, as between the priorities of one cluster. Endpoints stay their own clusters',
 * with their connections and limits.
 */
import type { Prng } from "../core/prng.ts";
import { hashModulo } from "../core/xxhash64.ts";
import type { Endpoint } from "./endpoint.ts";
import { type ClusterHosts, HostSet } from "./host-set.ts";
import { divideLoad } from "./load-balancer/priority-load.ts";
import type { PickContext } from "./pick-context.ts";

/** A cluster that stands behind another one. */
export interface AggregateMember {
  readonly hosts: ClusterHosts;
  /** As for requests of its own, trials of endpoints that were taken out included. */
  pick(context: PickContext | undefined): Endpoint | undefined;
}

export interface AggregateOptions {
  /** Each member, as it is now, in order. */
  readonly members: readonly (() => AggregateMember | undefined)[];
  readonly panicThreshold: number;
  readonly prng: Prng;
}

export class AggregateHosts implements ClusterHosts {
  readonly #options: AggregateOptions;
  readonly #members: (HostSet | undefined)[];
  readonly #versions: number[];
  /** Percent of the requests that go to each member or one before it. */
  readonly #ends: number[];
  #eligible: readonly Endpoint[] = [];
  /** Its members' endpoints are theirs. */
  readonly inUse = undefined;
  readonly members = undefined;

  constructor(options: AggregateOptions) {
    const count = options.members.length;
    this.#options = options;
    this.#members = Array.from({ length: count }, () => undefined);
    this.#versions = Array.from({ length: count }, () => -1);
    this.#ends = Array.from({ length: count }, () => 0);
  }

  get eligible(): readonly Endpoint[] {
    this.#refresh();
    return this.#eligible;
  }

  /** It has no endpoints of its own. */
  update(): void {}

  pick(context: PickContext | undefined): Endpoint | undefined {
    this.#refresh();
    const members = this.#members;
    if (context !== undefined && context.overrideHost !== "" && !context.isRetry) {
      for (let i = 0; i < members.length; i++) {
        const bound = members[i]?.bound(context);
        if (bound !== undefined) return bound;
      }
      if (context.isOverrideStrict) return undefined;
    }
    const at = this.#percentOf(context);
    for (let i = 0; i < members.length; i++) {
      if (at < this.#ends[i]!) return this.#options.members[i]!()?.pick(context);
    }
    return undefined;
  }

  #percentOf(context: PickContext | undefined): number {
    if (context?.hasHash) return hashModulo(context.hashHigh, context.hashLow, 100);
    return Math.floor(this.#options.prng.next() * 100);
  }

  /** Looks whether a member has changed since the last request. */
  #refresh(): void {
    const { members } = this.#options;
    let hasChanged = false;
    for (let i = 0; i < members.length; i++) {
      const hosts = members[i]!()?.hosts;
      // A member that is an aggregate itself has no endpoints of its own, and gets nothing.
      const member = hosts instanceof HostSet ? hosts : undefined;
      const version = member?.version ?? 0;
      if (member === this.#members[i] && version === this.#versions[i]) continue;
      this.#members[i] = member;
      this.#versions[i] = version;
      hasChanged = true;
    }
    if (hasChanged) this.#divide();
  }

  #divide(): void {
    const healths = this.#members.map((member) => member?.healths ?? []);
    const loads = divideLoad(healths.flat(), this.#options.panicThreshold);
    let at = 0;
    let end = 0;
    for (const [index, { length }] of healths.entries()) {
      end += sumOf(loads.slice(at, at + length));
      at += length;
      this.#ends[index] = end;
    }
    const shareOf = (index: number): number => this.#ends[index]! - (this.#ends[index - 1] ?? 0);
    this.#eligible = this.#members.flatMap((member, index) =>
      shareOf(index) === 0 ? [] : (member?.eligible ?? []),
    );
  }
}

function sumOf(loads: readonly { readonly healthy: number; readonly degraded: number }[]): number {
  return loads.reduce((sum, { healthy, degraded }) => sum + healthy + degraded, 0);
}
