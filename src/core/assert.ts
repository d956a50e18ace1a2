/** Assertions that stay on in production, outside per-byte loops: a broken invariant must not serve traffic. */

/** Throws when `condition` is false. `message` says which invariant was broken. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}

/** Marks a `switch` branch that the types say cannot be reached. */
export function assertNever(value: never, what: string): never {
  throw new Error(`unexpected ${what}: ${JSON.stringify(value)}`);
}
