/** Forgets what a policy says is to be forgotten, once each time that it says so. */
import type { CachePurge, CacheRule } from "../../decision/filters/cache-rule.ts";
import type { CacheStore } from "./cache-store.ts";

export class CachePurger {
  #rule: CacheRule | undefined;
  #done: ReadonlySet<string> = new Set();

  /** Returns how many responses went. */
  apply(rule: CacheRule, store: CacheStore): number {
    if (rule === this.#rule) return 0;
    let count = 0;
    for (const purge of rule.purges) if (!this.#done.has(purge.id)) count += purged(purge, store);
    this.#rule = rule;
    this.#done = new Set(rule.purges.map(({ id }) => id));
    return count;
  }
}

function purged({ path, tag }: CachePurge, store: CacheStore): number {
  const isPath = pathTest(path);
  if (tag === "") return store.removeWhere((uri) => isPath(pathOf(uri)));
  return store.removeTag(tag, (uri) => isPath(pathOf(uri)));
}

function pathTest(path: string): (text: string) => boolean {
  if (path === "") return () => true;
  if (!path.endsWith("*")) return (text) => text === path;
  const prefix = path.slice(0, -1);
  return (text) => text.startsWith(prefix);
}

/** Without the authority before it and the query behind it. */
function pathOf(uri: string): string {
  const start = uri.indexOf("/");
  const end = uri.indexOf("?");
  return uri.slice(Math.max(0, start), end < 0 ? undefined : end);
}
