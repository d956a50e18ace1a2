/** The endpoints of a cluster as requests meet them: who is eligible, and who gets the next request. */
import type { Endpoint } from "./endpoint.ts";
import type { LoadBalancer } from "./load-balancer/load-balancer.ts";
import type { PickContext } from "./pick-context.ts";

export interface HostSetOptions {
  readonly loadBalancer: LoadBalancer<Endpoint>;
  /** Share of healthy endpoints, 0 to 1, below which health is ignored (Envoy's panic threshold). */
  readonly panicThreshold: number;
}

export class HostSet {
  readonly #options: HostSetOptions;
  #eligible: readonly Endpoint[] = [];

  constructor(options: HostSetOptions) {
    this.#options = options;
  }

  /** Those that requests may go to. */
  get eligible(): readonly Endpoint[] {
    return this.#eligible;
  }

  /** To be called when endpoints, their health or their weights have changed. */
  update(endpoints: readonly Endpoint[]): void {
    this.#eligible = eligibleOf(endpoints, this.#options.panicThreshold);
    this.#options.loadBalancer.setEndpoints(this.#eligible);
  }

  /** The endpoint for the next request, other than those that `context` avoids where there is a choice. */
  pick(context: PickContext | undefined): Endpoint | undefined {
    const picked = this.#options.loadBalancer.pick(context);
    if (picked === undefined || !context?.isAvoided(picked)) return picked;
    const eligible = this.#eligible;
    const index = eligible.indexOf(picked);
    for (let i = 1; i < eligible.length; i++) {
      const other = eligible[(index + i) % eligible.length]!;
      if (!context.isAvoided(other)) return other;
    }
    return picked;
  }
}

/**
 * The best priority with enough healthy endpoints; in panic, all of the first priority. A threshold of
 * zero means no panic: then a cluster without a healthy endpoint has none at all (Envoy's reading too).
 */
function eligibleOf(endpoints: readonly Endpoint[], panicThreshold: number): readonly Endpoint[] {
  const priorities = [...new Set(endpoints.map((endpoint) => endpoint.info.priority))].sort(
    (a, b) => a - b,
  );
  for (const priority of priorities) {
    const all = endpoints.filter((endpoint) => endpoint.info.priority === priority);
    const healthy = all.filter((endpoint) => endpoint.health === "healthy");
    if (healthy.length > 0 && healthy.length / all.length >= panicThreshold) return healthy;
  }
  if (panicThreshold === 0) return [];
  return endpoints.filter((endpoint) => endpoint.info.priority === priorities[0]);
}
