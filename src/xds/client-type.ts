/**
 * One resource type in the ADS client: what the sidecar wants, what it has, and what the server does not
 * know yet. Outlives streams; what it has is the last known good.
 */
import type { ReceivedResource, ResourceError, ResourceUpdate } from "./resource-consumer.ts";

/** A response of either protocol, with the differences taken out. */
export interface NormalizedResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly ReceivedResource[];
  /** Names that the server says do not exist; in full-state responses what it leaves out is added. */
  readonly removed: readonly string[];
  /** What is wrong with the response itself. Resources named here are not in `resources`. */
  readonly errors: readonly ResourceError[];
}

export interface PreparedUpdate {
  readonly update: ResourceUpdate;
  /** Names asked for, never had, and absent. */
  readonly missing: readonly string[];
}

export class ClientType {
  readonly typeUrl: string;
  readonly names = new Set<string>();
  /** Name to version of what was applied. */
  readonly known = new Map<string, string>();
  /** Names (or `*`) without any news since they were subscribed. */
  readonly awaited = new Set<string>();
  wildcard = false;

  /** The rest belongs to the current stream. */
  isStarted = false;
  nonce = "";
  readonly newNames = new Set<string>();
  readonly goneNames = new Set<string>();
  isDirty = false;

  /** Version of the last response that was accepted whole. */
  version = "";

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  get isEmpty(): boolean {
    return !this.wildcard && this.names.size === 0;
  }

  covers(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** Returns the names that were not subscribed before. `*` is the wildcard. */
  subscribe(names: readonly string[]): readonly string[] {
    const fresh = names.filter((name) => (name === "*" ? !this.wildcard : !this.names.has(name)));
    for (const name of fresh) {
      if (name === "*") this.wildcard = true;
      else this.names.add(name);
      this.newNames.add(name);
      this.goneNames.delete(name);
      this.awaited.add(name);
    }
    if (fresh.length > 0) this.isDirty = true;
    return fresh;
  }

  /** What is no longer wanted is also forgotten: it is not kept up to date any more. */
  unsubscribe(names: readonly string[]): void {
    for (const name of names) {
      const had = name === "*" ? this.wildcard : this.names.delete(name);
      if (!had) continue;
      if (name === "*") this.wildcard = false;
      this.awaited.delete(name);
      this.newNames.delete(name);
      this.goneNames.add(name);
      this.isDirty = true;
    }
    for (const name of this.known.keys()) {
      if (!this.covers(name)) this.known.delete(name);
    }
  }

  /** A stream begins: everything has to be said again, nothing that was pending counts. */
  beginStream(): void {
    this.isStarted = false;
    this.nonce = "";
    this.newNames.clear();
    this.goneNames.clear();
    this.isDirty = !this.isEmpty;
  }

  /** Drops what nobody asked for and tells news from repetition. */
  prepare(response: NormalizedResponse): PreparedUpdate {
    const isFirstOfWildcard = this.awaited.delete("*");
    const changed = response.resources.filter(({ name }) => this.covers(name));
    for (const { name } of changed) this.awaited.delete(name);
    for (const { name } of response.errors) this.awaited.delete(name);
    const removed: string[] = [];
    const missing: string[] = [];
    for (const name of response.removed) {
      if (this.known.has(name)) removed.push(name);
      else if (this.names.has(name)) missing.push(name);
      this.awaited.delete(name);
    }
    // The first answer to a wildcard may hold nothing: that is all there is, and no reason to wait on.
    const isNothing = response.resources.length === 0 && response.errors.length === 0;
    if (isFirstOfWildcard && isNothing && this.known.size === 0) missing.push("*");
    return { update: { typeUrl: this.typeUrl, changed, removed }, missing };
  }

  /** Remembers what was applied: all of the update but the names with an error. */
  applied(update: ResourceUpdate, refused: ReadonlySet<string>): void {
    for (const { name, version } of update.changed) {
      if (!refused.has(name) && this.covers(name)) this.known.set(name, version);
    }
    for (const name of update.removed) {
      if (!refused.has(name)) this.known.delete(name);
    }
  }
}
