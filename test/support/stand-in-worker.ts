/**
 * A worker process without a data plane, for tests of who asks what of workers: it answers every call,
 * and does what a resource of an update is named after. Started with its index as last argument.
 */
import { systemClock } from "../../src/core/clock.ts";
import type { CoordinatorCalls, WorkerCalls } from "../../src/proxy/workers/calls.ts";
import { Channel } from "../../src/proxy/workers/channel.ts";

const index = Number(process.argv.at(-1));
const applied: string[] = [];
let prepared: readonly string[] = [];

process.once("disconnect", () => process.exit(0));
new Channel<WorkerCalls, CoordinatorCalls>(
  {
    send: (message) => void process.send?.(message),
    onMessage: (listener) => process.on("message", listener),
  },
  systemClock,
  {
    start: ({ updates }) => {
      for (const { changed } of updates) applied.push(...changed.map(({ name }) => name));
      return { wanted: new Map([["applied", [...applied]]]) };
    },
    prepare: ({ changed }) => {
      prepared = changed.map(({ name }) => name);
      if (prepared.includes("poison")) process.exit(7);
      if (prepared.includes("poison-for-0") && index === 0) process.exit(8);
      if (prepared.includes("hang-in-0") && index === 0) return new Promise(() => {});
      if (prepared.includes("wrong-for-1") && index === 1) {
        return [{ name: "wrong-for-1", message: "is wrong" }];
      }
      return prepared.includes("wrong") ? [{ name: "wrong", message: "is wrong" }] : [];
    },
    commit: (refused) => {
      if (prepared.includes("poison-later-for-0") && index === 0) process.exit(9);
      applied.push(...prepared.filter((name) => !refused.includes(name)));
      return new Map([["applied", [...applied]]]);
    },
    // Tests read what each has applied.
    status: () => ({
      clusters: [],
      listeners: [],
      secretNames: applied,
      warmingListeners: [],
      bindErrors: new Map(),
    }),
    missing: () => undefined,
    identity: () => undefined,
    logLevel: () => undefined,
    metrics: () => [],
    announceDrain: () => undefined,
    drain: () => undefined,
    sockets: () => undefined,
    replace: () => undefined,
    stop: () => undefined,
  },
);
