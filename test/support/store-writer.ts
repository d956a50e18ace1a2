/**
 * Writes to an SQLite store until it is killed: `node store-writer.ts FILE`. What the store has
 * acknowledged is printed, one JSON line each, before anything else is written.
 */
import { writeSync } from "node:fs";
import { systemClock } from "../../src/core/clock.ts";
import { registry } from "../../src/resource/registry.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import type { Change } from "../../src/store/store.ts";
import { sampleService } from "./store-samples.ts";

/** What is known to be durable after the line was printed. */
export interface Acknowledgement {
  readonly revision: number;
  /** Ports of Services by name; null for one that was deleted. */
  readonly ports: Readonly<Record<string, number | null>>;
}

/** Everything that a run acknowledges stays in the log, so that the parent can look for gaps. */
export const LOG_EVENTS_MAX = 1_000_000;
/** Services that are written again and again. Others are written once, and some of them deleted. */
const HOT_SERVICES = 7;

if (import.meta.main) await write(process.argv[2] ?? "");

async function write(file: string): Promise<never> {
  const clock = systemClock;
  const store = openSqliteStore({ file, clock, registry, logEventsMax: LOG_EVENTS_MAX });
  const run = store.revision();
  for (let round = 0; ; round++) {
    const writers = [0, 1, 2].map(async (writer) => {
      const name = `once-${run}-${round}-${writer}`;
      const hot = `hot-${(round * 3 + writer) % HOT_SERVICES}`;
      const port = 1 + ((run + round) % 65_535);
      const changes: Change[] = [
        { type: "create", object: sampleService(name, { port }) },
        { type: "put", object: sampleService(hot, { port }) },
      ];
      const { revision } = await store.apply(changes);
      acknowledge({ revision, ports: { [name]: port, [hot]: port } });
      if (round % 3 !== 0) return;
      await store.delete({ kind: "Service", namespace: "default", name });
      acknowledge({ revision: store.revision(), ports: { [name]: null } });
    });
    await Promise.all(writers);
  }
}

function acknowledge(line: Acknowledgement): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
