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
  #endpoints: readonly Endpoint[] = [];
  /** Made when a session asks for an endpoint by its address. */
  #byKey: Map<string, Endpoint> | undefined;
  /** Grows with each change. */
  version = 0;

  constructor(options: HostSetOptions) {
    const { group, subsets } = options;
    this.#options = options;
    this.#whole = new HostGroup(group);
    if (subsets !== undefined) this.#subsets = new Subsets(subsets, group, this.#whole);
  }

  get eligible(): readonly Endpoint[] {
    return this.#whole.eligible;
  }

  /** By priority. */
  get healths(): readonly PriorityHealth[] {
    return this.#whole.healths;
  }

  update(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#byKey = undefined;
    this.version += 1;
    this.#whole.update(endpoints);
    this.#subsets?.update(endpoints);
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
