/**
 * Endpoints by their labels: a route asks for some label values, and only endpoints that have them are chosen from. The
 * selectors say by which labels subsets exist; where one has no endpoint, a fallback says what else may serve.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { labelKey, type SubsetCriteria } from "../../decision/subset-criteria.ts";
import type { Host } from "./host.ts";
import { HostGroup, type HostGroupOptions } from "./host-group.ts";

export type SubsetFallback = "none" | "any" | "default";

export interface SubsetSelector {
  /** Ascending. */
  readonly names: readonly string[];
  /** "inherit": that of the cluster; "names": another look, by `fallbackNames` alone. */
  readonly fallback: SubsetFallback | "inherit" | "names";
  readonly fallbackNames: readonly string[];
}

export interface SubsetSettings {
  readonly selectors: readonly SubsetSelector[];
  readonly fallback: SubsetFallback;
  readonly defaultSubset: SubsetCriteria | undefined;
  /** An endpoint with a list of values is in the subset of each. */
  readonly listAsAny: boolean;
  /** Rather any endpoint than none. */
  readonly panicModeAny: boolean;
  /** Localities keep their weights inside of subsets. */
  readonly isLocalityWeightAware: boolean;
}

export class Subsets<T extends Host> {
  readonly #settings: SubsetSettings;
  readonly #options: HostGroupOptions<T>;
  readonly #whole: HostGroup<T>;
  #hosts: readonly T[] = [];
  /** Those that have been asked for and have endpoints. */
  readonly #groups = new Map<string, { group: HostGroup<T>; criteria: SubsetCriteria }>();
  /** What has been found by now, for the criteria of routes. */
  #found = new WeakMap<SubsetCriteria, { readonly group: HostGroup<T> | undefined }>();

  /** `whole`: all endpoints. */
  constructor(settings: SubsetSettings, options: HostGroupOptions<T>, whole: HostGroup<T>) {
    this.#settings = settings;
    this.#whole = whole;
    const isWeighted = options.locality.kind === "weighted" && !settings.isLocalityWeightAware;
    this.#options = {
      ...options,
      ...(isWeighted ? { locality: { kind: "none" as const } } : {}),
    };
  }

  update(hosts: readonly T[]): void {
    this.#hosts = hosts;
    this.#found = new WeakMap();
    for (const [key, { group, criteria }] of this.#groups) {
      const members = this.#membersOf(criteria);
      if (members.length === 0) this.#groups.delete(key);
      else group.update(members);
    }
  }

  /** Those that requests have asked for. */
  get groups(): readonly HostGroup<T>[] {
    return [...this.#groups.values()].map(({ group }) => group);
  }

  /** Whom a request with these criteria may go to. Undefined when nobody may serve it. */
  groupFor(criteria: SubsetCriteria | undefined): HostGroup<T> | undefined {
    if (criteria === undefined) return this.#fallBack(this.#settings.fallback);
    const known = this.#found.get(criteria);
    if (known !== undefined) return known.group;
    const group = this.#resolve(criteria);
    this.#found.set(criteria, { group });
    return group;
  }

  #resolve(criteria: SubsetCriteria): HostGroup<T> | undefined {
    let wanted = criteria;
    // Each selector is looked at once: fallbacks to fewer labels cannot go on for ever.
    for (const _ of this.#settings.selectors) {
      const selector = this.#selectorFor(wanted.names);
      if (selector === undefined) break;
      const group = this.#groupOf(wanted);
      if (group !== undefined) return group;
      switch (selector.fallback) {
        case "inherit":
          return this.#fallBack(this.#settings.fallback);
        case "names":
          wanted = restricted(wanted, selector.fallbackNames);
          break;
        default:
          return this.#fallBack(selector.fallback);
      }
    }
    return this.#fallBack(this.#settings.fallback);
  }

  #selectorFor(names: readonly string[]): SubsetSelector | undefined {
    return this.#settings.selectors.find((selector) => isSameList(selector.names, names));
  }

  #fallBack(fallback: SubsetFallback): HostGroup<T> | undefined {
    const { defaultSubset, panicModeAny } = this.#settings;
    if (fallback === "any") return this.#whole;
    // A default subset without labels is everything, as in Envoy.
    if (fallback === "default" && defaultSubset === undefined) return this.#whole;
    const group = fallback === "default" ? this.#groupOf(defaultSubset!) : undefined;
    return group ?? (panicModeAny ? this.#whole : undefined);
  }

  #groupOf(criteria: SubsetCriteria): HostGroup<T> | undefined {
    const key = JSON.stringify([criteria.names, criteria.values]);
    const known = this.#groups.get(key);
    if (known !== undefined) return known.group;
    const members = this.#membersOf(criteria);
    if (members.length === 0) return undefined;
    const group = new HostGroup<T>(this.#options);
    group.update(members);
    this.#groups.set(key, { group, criteria });
    return group;
  }

  #membersOf({ names, values }: SubsetCriteria): readonly T[] {
    const { listAsAny } = this.#settings;
    return this.#hosts.filter(({ info }) =>
      names.every((name, index) => hasLabel(info.labels, name, values[index]!, listAsAny)),
    );
  }
}

function hasLabel(
  labels: JsonObject | undefined,
  name: string,
  value: string,
  listAsAny: boolean,
): boolean {
  const own: JsonValue | undefined = labels?.[name];
  if (own === undefined) return false;
  if (listAsAny && Array.isArray(own)) return own.some((each) => labelKey(each) === value);
  return labelKey(own) === value;
}

function restricted({ names, values }: SubsetCriteria, kept: readonly string[]): SubsetCriteria {
  const indexes = names.flatMap((name, index) => (kept.includes(name) ? [index] : []));
  return {
    names: indexes.map((index) => names[index]!),
    values: indexes.map((index) => values[index]!),
  };
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}
