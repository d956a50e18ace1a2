/** A value and who says it, as `describe` shows it. */
export interface Said<T> {
  readonly value: T;
  /** `TelemetryPolicy default/shop`, or what stands for nobody. */
  readonly origin: string;
}
