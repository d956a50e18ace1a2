/**
 * The endpoints of a group that this proxy uses, where its cluster asks for a part of them. Brought up to date with the
 * endpoints and their health, never per request.
 */
import {
  endpointsInUse,
  type SubsetView,
  type SubsetZones,
} from "../../decision/load-balancing/endpoint-subset.ts";
import type { Host } from "./host.ts";

export interface SubsettingOptions<T extends Host> {
  /** Members in each priority, from 1. */
  readonly size: number;
  /** The lowest comes first. Stays the same for as long as the endpoint lives. */
  readonly rankOf: (host: T) => number;
  /** Its first health check is under way, and nothing else speaks against it. */
  readonly isPending: (host: T) => boolean;
  /**
   * The health of priorities is that of all endpoints. False where only those in use are checked: what is known of the
   * others is nothing.
   */
  readonly countsAll: boolean;
}

export class Subsetting<T extends Host> {
  readonly #options: SubsettingOptions<T>;
  readonly #view: SubsetView<T>;
  /** The list of the last call, and the same by rank: most changes are of health. */
  #hosts: readonly T[] = [];
  #ranked: readonly T[] = [];

  constructor(options: SubsettingOptions<T>) {
    this.#options = options;
    this.#view = {
      stateOf: (host) =>
        host.health === "healthy" ? "serves" : options.isPending(host) ? "pending" : "out",
      priorityOf: ({ info }) => info.priority,
      zoneOf: ({ info }) => info.locality.key,
      zoneWeightOf: ({ info }) => info.locality.weight,
    };
  }

  get countsAll(): boolean {
    return this.#options.countsAll;
  }

  /** Those of `hosts` that are members, or would be if they were well, in the same order. */
  inUse(hosts: readonly T[], zones: SubsetZones): readonly T[] {
    const { size, rankOf } = this.#options;
    if (hosts !== this.#hosts) {
      this.#hosts = hosts;
      this.#ranked = hosts.toSorted((a, b) => rankOf(a) - rankOf(b));
    }
    const inUse = endpointsInUse(this.#ranked, { size, zones }, this.#view);
    return hosts.filter((host) => inUse.has(host));
  }
}
