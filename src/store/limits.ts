/** Bounds of the store. */

/** One transaction is one event for watchers and one push to proxies; a folder of YAML fits. */
export const CHANGES_PER_TRANSACTION_MAX = 10_000;

/** Of an object as JSON, in bytes. etcd takes 1.5 MiB; the largest valid HTTPRoute has some 500 kB. */
export const OBJECT_BYTES_MAX = 1024 * 1024;

/** Events that the change log keeps. A watcher further behind must list again. */
export const LOG_EVENTS_DEFAULT = 10_000;

/** Every proxy, CLI and dashboard view takes one at most. */
export const WATCHES_MAX = 10_000;
