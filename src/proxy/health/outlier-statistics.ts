/** Who answers worse than the others: the arithmetic of Envoy's success-rate ejection. Pure. */

export interface HostRate {
  /** Percent of the requests of an interval that succeeded. */
  readonly successRate: number;
  readonly volume: number;
}

/**
 * The success rate below which an endpoint is an outlier: `factor` standard deviations below the mean. For
 * 50, 100, 100, 100, 100 the mean is 90 and the deviation 20, with Envoy's factor of 1.9 everything below 52.
 */
export function successRateThreshold(rates: readonly HostRate[], factor: number): number {
  const mean = rates.reduce((sum, { successRate }) => sum + successRate, 0) / rates.length;
  const variance =
    rates.reduce((sum, { successRate }) => sum + (successRate - mean) ** 2, 0) / rates.length;
  return mean - factor * Math.sqrt(variance);
}
