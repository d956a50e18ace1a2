/**
 * Which versions of which resources a client refused on this stream. A refused version is sent once
 * more after a pause and then held back until its content changes: a bad resource must not turn into
 * an endless exchange of pushes and NACKs.
 */
import { REFUSAL_RETRY_MS, REFUSED_SENDS_MAX } from "./limits.ts";

interface RefusedVersion {
  readonly version: string;
  readonly count: number;
  readonly retryAtMs: number;
}

export class Refusals {
  readonly #byName = new Map<string, RefusedVersion>();

  /** `nowMs` is monotonic time, here and below. */
  add(name: string, version: string, nowMs: number): void {
    const before = this.#byName.get(name);
    const count = before?.version === version ? before.count + 1 : 1;
    this.#byName.set(name, { version, count, retryAtMs: nowMs + REFUSAL_RETRY_MS });
  }

  /** Whether this version must not be sent now. */
  holds(name: string, version: string, nowMs: number): boolean {
    const refused = this.#byName.get(name);
    if (refused?.version !== version) return false;
    return refused.count >= REFUSED_SENDS_MAX || nowMs < refused.retryAtMs;
  }

  /** A version was accepted after all. A refusal of another version stands. */
  accepted(name: string, version: string): void {
    if (this.#byName.get(name)?.version === version) this.#byName.delete(name);
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }

  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  /** Names whose refused version is the one that `currentVersion` returns. */
  current(currentVersion: (name: string) => string | undefined): string[] {
    const names: string[] = [];
    for (const [name, { version }] of this.#byName) {
      if (currentVersion(name) === version) names.push(name);
    }
    return names;
  }

  /** When the next retry after `nowMs` is due; undefined when none is. */
  nextRetryMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const { count, retryAtMs } of this.#byName.values()) {
      if (count >= REFUSED_SENDS_MAX || retryAtMs <= nowMs) continue;
      next = Math.min(next ?? retryAtMs, retryAtMs);
    }
    return next;
  }
}

/**
 * The names that a refusal's message speaks of, out of those that were sent; all of them when it
 * speaks of none, because a NACK does not say which part was bad (gRFC A46).
 */
export function suspects(message: string, sent: readonly string[]): string[] {
  const named = sent.filter((name) => mentions(message, name));
  return named.length === 0 ? [...sent] : named;
}

/** Whether `name` stands in the text by itself, not as a part of a longer name. */
function mentions(text: string, name: string): boolean {
  if (name === "") return false;
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const before = text.slice(Math.max(0, at - 1), at);
    const after = text.slice(at + name.length, at + name.length + 2);
    if (!/[\w|.:/-]/.test(before) && !/^(?:[\w|/-]|[.:][\w|/-])/.test(after)) return true;
  }
  return false;
}
