/**
 * The endpoints of a cluster as requests meet them: the one that a session is bound to, else one of the group or subset
 * that the request may go to, and another one where a try has failed.
 */
import type { Endpoint } from "./endpoint.ts";
import { addressText } from "./endpoint-address.ts";
import type { OverrideRule } from "./load-balancer/host.ts";
import { HostGroup, type HostGroupOptions } from "./load-balancer/host-group.ts";
import type { PriorityHealth } from "./load-balancer/priority-load.ts";
import { type SubsetSettings, Subsets } from "./load-balancer/subsets.ts";
import type { PickContext } from "./pick-context.ts";

/** What a cluster asks of whoever chooses among its endpoints. */
export interface ClusterHosts {
  /** Those that requests may go to. */
  readonly eligible: readonly Endpoint[];
  /** Those whose health matters, when that is a part that is known before requests come. Undefined: all of them. */
  readonly inUse: readonly Endpoint[] | undefined;
  /** The part of the endpoints that this proxy uses. Undefined: it uses all of them. */
  readonly members: readonly Endpoint[] | undefined;
  /** To be called when endpoints, their health or their weights have changed. */
  update(endpoints: readonly Endpoint[]): void;
  /** The endpoint for the next request, other than those that `context` avoids where there is a choice. */
  pick(context: PickContext | undefined): Endpoint | undefined;
}

export interface HostSetOptions {
  readonly group: HostGroupOptions<Endpoint>;
  readonly subsets: SubsetSettings | undefined;
  readonly override: OverrideRule;
}

/** Picks in search of an endpoint that has not failed, before the list is searched. */
const PICKS_MAX = 3;

export class HostSet implements ClusterHosts {
  readonly #options: HostSetOptions;
  readonly #whole: HostGroup<Endpoint>;
  readonly #subsets: Subsets<Endpoint> | undefined;
  readonly #isPart: boolean;
  #endpoints: readonly Endpoint[] = [];
  /** Made when a session asks for an endpoint by its address. */
  #byKey: Map<string, Endpoint> | undefined;
  /** Grows with each change. */
  version = 0;

  constructor(options: HostSetOptions) {
    const { group, subsets } = options;
    this.#options = options;
    this.#isPart = group.subsetting !== undefined;
    this.#whole = new HostGroup(group);
    if (subsets !== undefined) this.#subsets = new Subsets(subsets, group, this.#whole);
  }

  get eligible(): readonly Endpoint[] {
    return this.#whole.eligible;
  }

  get inUse(): readonly Endpoint[] | undefined {
    // By labels, requests decide which there are.
    return this.#isPart && this.#subsets === undefined ? this.#whole.inUse : undefined;
  }

  get members(): readonly Endpoint[] | undefined {
    if (!this.#isPart) return undefined;
    const groups = this.#groups();
    if (groups.length === 1) return groups[0]!.members;
    return [...new Set(groups.flatMap(({ members }) => members))];
  }

  /** By priority. */
  get healths(): readonly PriorityHealth[] {
    return this.#whole.healths;
  }

  update(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#byKey = undefined;
    this.version += 1;
    const before = this.#isPart ? this.#groups().flatMap(({ inUse }) => inUse) : [];
    this.#whole.update(endpoints);
    this.#subsets?.update(endpoints);
    if (before.length > 0) this.#leave(before);
  }

  /** Connections to endpoints that are not used any more end with what they carry. */
  #leave(before: readonly Endpoint[]): void {
    const now = new Set(this.#groups().flatMap(({ inUse }) => inUse));
    for (const endpoint of before) if (!now.has(endpoint)) endpoint.leaveConnections();
  }

  /** Those that requests go to: with labels, the whole serves when nothing else has been asked for. */
  #groups(): readonly HostGroup<Endpoint>[] {
    const groups = this.#subsets?.groups ?? [];
    return groups.length === 0 ? [this.#whole] : groups;
  }

  pick(context: PickContext | undefined): Endpoint | undefined {
    if (context === undefined) return this.#groupFor(undefined)?.pick();
    if (context.overrideHost !== "" && !context.isRetry) {
      const bound = this.bound(context);
      if (bound !== undefined || context.isOverrideStrict) return bound;
    }
    const group = this.#groupFor(context);
    if (group === undefined) return undefined;
    context.attempt = 0;
    const picked = group.pick(context);
    if (picked === undefined || !context.isAvoided(picked)) return picked;
    return pickOther(group, context, picked);
  }

  /** The endpoint that the session of a request is bound to, when it may still be used. */
  bound({ overrideHost }: PickContext): Endpoint | undefined {
    this.#byKey ??= new Map(
      this.#endpoints.map((endpoint) => [addressText(endpoint.info), endpoint]),
    );
    const endpoint = this.#byKey.get(overrideHost);
    if (endpoint === undefined) return undefined;
    const { override } = this.#options;
    const status = endpoint.info.isDraining ? "draining" : endpoint.health;
    return override[status] ? endpoint : undefined;
  }

  #groupFor(context: PickContext | undefined): HostGroup<Endpoint> | undefined {
    return this.#subsets === undefined ? this.#whole : this.#subsets.groupFor(context?.subset);
  }
}

function pickOther(group: HostGroup<Endpoint>, context: PickContext, avoided: Endpoint): Endpoint {
  const { eligible } = group;
  if (eligible.length < 2) return avoided;
  for (let attempt = 1; attempt <= PICKS_MAX; attempt++) {
    context.attempt = attempt;
    const other = group.pick(context);
    if (other !== undefined && !context.isAvoided(other)) return other;
  }
  const index = eligible.indexOf(avoided);
  for (let i = 1; i < eligible.length; i++) {
    const other = eligible[(index + i) % eligible.length]!;
    if (!context.isAvoided(other)) return other;
  }
  return avoided;
}
