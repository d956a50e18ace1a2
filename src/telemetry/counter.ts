/** A number that only grows. Handles are resolved when configuration changes; adding is one addition. */
export class Counter {
  value = 0;
  /** Its family has given it up: whoever holds it asks for a new one. Only of families that expire. */
  isExpired = false;
  /** Connections that count in it for as long as they are open: it is not given up meanwhile. */
  holderCount = 0;

  add(amount: number): void {
    this.value += amount;
  }
}

/** A number that goes up and down. */
export class Gauge {
  value = 0;
  isExpired = false;

  set(value: number): void {
    this.value = value;
  }
}
