/** Subsets of a cluster by labels: of the policy's message, and of the older field with the same shape. */
import type { FieldError } from "../../decision/field-error.ts";
import { subsetCriteria } from "../../decision/subset-criteria.ts";
import type { Subset } from "../../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import type { SubsetFallback, SubsetSelector, SubsetSettings } from "../load-balancer/subsets.ts";

/** What both messages have. Their enumerations have the same numbers. */
type SubsetFields = Pick<
  Subset,
  "defaultSubset" | "localityWeightAware" | "panicModeAny" | "listAsAny"
> & {
  readonly fallbackPolicy: number;
  readonly subsetSelectors: readonly SelectorFields[];
};

interface SelectorFields {
  readonly keys: readonly string[];
  readonly fallbackPolicy: number;
  readonly fallbackKeysSubset: readonly string[];
}

const FALLBACKS: readonly SubsetFallback[] = ["none", "any", "default"];
const SELECTOR_FALLBACKS = ["inherit", ...FALLBACKS, "names"] as const;

export function compileSubsets(
  fields: SubsetFields,
  path: string,
  errors: FieldError[],
): SubsetSettings {
  const { fallbackPolicy, defaultSubset, subsetSelectors } = fields;
  return {
    selectors: subsetSelectors.map((selector, index) =>
      compileSelector(selector, `${path}.subset_selectors[${index}]`, errors),
    ),
    fallback: FALLBACKS[fallbackPolicy] ?? "none",
    defaultSubset: defaultSubset === undefined ? undefined : subsetCriteria(defaultSubset),
    listAsAny: fields.listAsAny,
    panicModeAny: fields.panicModeAny,
    isLocalityWeightAware: fields.localityWeightAware,
  };
}

function compileSelector(
  { keys, fallbackPolicy, fallbackKeysSubset }: SelectorFields,
  path: string,
  errors: FieldError[],
): SubsetSelector {
  const names = [...new Set(keys)].sort();
  const fallbackNames = [...new Set(fallbackKeysSubset)].sort();
  const fallback = SELECTOR_FALLBACKS[fallbackPolicy] ?? "inherit";
  if (names.length === 0) errors.push({ path: `${path}.keys`, message: "a key is required" });
  if (fallback === "names") {
    const isSmaller =
      fallbackNames.length > 0 &&
      fallbackNames.length < names.length &&
      fallbackNames.every((name) => names.includes(name));
    if (!isSmaller) {
      const message = "KEYS_SUBSET needs some of the selector's keys, and not all of them";
      errors.push({ path: `${path}.fallback_keys_subset`, message });
    }
  }
  return { names, fallback, fallbackNames };
}
