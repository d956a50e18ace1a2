/** Shares of requests in Envoy's configuration, as numbers from 0 to 1. */
import type { RuntimeFractionalPercent } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  FractionalPercent_DenominatorType as Denominator,
  type FractionalPercent,
} from "../gen/envoy/type/v3/percent_pb.js";
import type { FieldError } from "./field-error.ts";

export function denominatorOf({ denominator }: FractionalPercent): number {
  switch (denominator) {
    case Denominator.TEN_THOUSAND:
      return 10_000;
    case Denominator.MILLION:
      return 1_000_000;
    default:
      return 100;
  }
}

export function fractionOf(percent: FractionalPercent): number {
  return Math.min(1, percent.numerator / denominatorOf(percent));
}

/** `whenAbsent` where nothing is said. */
export function compileFraction(
  fraction: RuntimeFractionalPercent | undefined,
  path: string,
  errors: FieldError[],
  whenAbsent: number,
): number {
  if (fraction === undefined) return whenAbsent;
  if (fraction.defaultValue !== undefined) return fractionOf(fraction.defaultValue);
  errors.push({ path: `${path}.default_value`, message: "is required" });
  return whenAbsent;
}
