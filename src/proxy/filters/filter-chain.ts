/** The filters of one listener, made from their compiled configuration. Those that stay the same keep their state. */
import { assertNever } from "../../core/assert.ts";
import type { FilterEntry } from "../config/http-filters.ts";
import { GrpcWebFilter } from "./grpc-web-filter.ts";
import type { HttpFilter } from "./http-filter.ts";

export interface ChainedFilter {
  /** Under which routes speak of it. */
  readonly name: string;
  readonly filter: HttpFilter;
  /** It acts only where a route has settings for it. */
  readonly isDisabled: boolean;
  readonly entry: FilterEntry;
}

export type FilterChain = readonly ChainedFilter[];

/** What filters are made with. */
export interface FilterServices {
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** `before` is the chain that this one replaces. */
export function createFilterChain(
  entries: readonly FilterEntry[],
  services: FilterServices,
  before: FilterChain,
): FilterChain {
  return entries.map((entry) => {
    const known = before.find(
      (other) => other.name === entry.name && other.entry.key === entry.key,
    );
    const filter = known?.filter ?? createFilter(entry, services);
    return { name: entry.name, filter, isDisabled: entry.isDisabled, entry };
  });
}

function createFilter({ rule }: FilterEntry, _services: FilterServices): HttpFilter {
  switch (rule.kind) {
    case "grpc-web":
      return new GrpcWebFilter();
    default:
      return assertNever(rule.kind, "kind of filter");
  }
}
