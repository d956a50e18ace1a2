/** Keeps what did not change: figures come anew every few seconds, and most of them are what they were. */

/**
 * `next`, in which every part that equals the same part of `previous` is that very object. A component that compares by
 * identity then has nothing to do.
 */
export function share<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next)) return next;
  if (typeof previous !== "object" || typeof next !== "object") return next;
  if (previous === null || next === null) return next;
  if (Array.isArray(previous) !== Array.isArray(next)) return next;
  const old = previous as Readonly<Record<string, unknown>>;
  const result = (Array.isArray(next) ? [] : {}) as Record<string, unknown>;
  const keys = Object.keys(next);
  let isSame = keys.length === Object.keys(old).length;
  for (const key of keys) {
    const part = share(old[key], (next as Readonly<Record<string, unknown>>)[key]);
    result[key] = part;
    isSame &&= Object.is(part, old[key]) && key in old;
  }
  return (isSame ? previous : result) as T;
}
