/**
 * What a client wants of one resource type on one stream, by the wildcard rules of the xDS protocol
 * ("How the client specifies what resources to return"). The wildcard is a flag of its own: an
 * empty set of names never implies it.
 */
import { hasWildcard } from "./type-urls.ts";

const WILDCARD = "*";

export interface SubscriptionChange {
  /** Names that the client asks for now; in delta also those that it held already. */
  readonly added: readonly string[];
  /** Names that it held and gave up. */
  readonly removed: readonly string[];
  readonly wildcardStarted: boolean;
  readonly wildcardEnded: boolean;
}

export class Subscription {
  readonly #typeUrl: string;
  #names: Set<string> = new Set();
  #wildcard = false;
  #started = false;
  #everNamed = false;

  constructor(typeUrl: string) {
    this.#typeUrl = typeUrl;
  }

  get wildcard(): boolean {
    return this.#wildcard;
  }

  /** Names asked for explicitly. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  get isEmpty(): boolean {
    return !this.#wildcard && this.#names.size === 0;
  }

  covers(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /** State of the world: a request lists everything that the client wants. */
  replace(names: readonly string[]): SubscriptionChange {
    this.#everNamed ||= names.length > 0;
    // The legacy wildcard: no names, and never any before on this stream. Afterwards it means nothing.
    const wildcard = hasWildcard(this.#typeUrl) && (names.includes(WILDCARD) || !this.#everNamed);
    const next = new Set(names.filter((name) => name !== WILDCARD));
    const added = [...next].filter((name) => !this.#names.has(name));
    const removed = [...this.#names].filter((name) => !next.has(name));
    this.#names = next;
    this.#started = true;
    return { added, removed, ...this.#setWildcard(wildcard) };
  }

  /** Delta: a request lists what changes. A name in both lists ends up subscribed. */
  update(subscribe: readonly string[], unsubscribe: readonly string[]): SubscriptionChange {
    let wildcard = this.#wildcard;
    // The legacy wildcard of delta: nothing subscribed in the very first request of the type.
    if (!this.#started && subscribe.length === 0) wildcard = true;
    this.#started = true;
    const removed: string[] = [];
    for (const name of unsubscribe) {
      if (name === WILDCARD) wildcard = false;
      else if (this.#names.delete(name)) removed.push(name);
    }
    const added = new Set<string>();
    for (const name of subscribe) {
      if (name === WILDCARD) wildcard = true;
      else added.add(name);
    }
    for (const name of added) this.#names.add(name);
    return {
      added: [...added],
      removed: removed.filter((name) => !added.has(name)),
      ...this.#setWildcard(wildcard && hasWildcard(this.#typeUrl)),
    };
  }

  #setWildcard(wildcard: boolean): {
    readonly wildcardStarted: boolean;
    readonly wildcardEnded: boolean;
  } {
    const before = this.#wildcard;
    this.#wildcard = wildcard;
    return { wildcardStarted: wildcard && !before, wildcardEnded: before && !wildcard };
  }
}
