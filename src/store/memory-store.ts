/** The store for tests and for meshes that need not outlive their process. */
import { LOG_EVENTS_DEFAULT } from "./limits.ts";
import { LocalStore, type StoreDependencies } from "./local-store.ts";
import { MemoryEngine } from "./memory-engine.ts";
import type { Store } from "./store.ts";

export interface MemoryStoreOptions extends StoreDependencies {
  /** Events that the change log keeps. Default 10,000. */
  readonly logEventsMax?: number;
}

export function createMemoryStore(options: MemoryStoreOptions): Store {
  const { logEventsMax = LOG_EVENTS_DEFAULT, ...dependencies } = options;
  return new LocalStore(new MemoryEngine({ logEventsMax }), dependencies);
}
