/** A number that only grows. Handles are resolved when configuration changes; adding is one addition. */
export class Counter {
  value = 0;

  add(amount: number): void {
    this.value += amount;
  }
}

/** A number that goes up and down. */
export class Gauge {
  value = 0;

  set(value: number): void {
    this.value = value;
  }
}
