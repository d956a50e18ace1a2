/** The journals that the app of the acceptance tests writes: which requests reached it, and when. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** One line. */
export interface JournalEntry {
  readonly instance: string;
  readonly pid: number;
  /** Milliseconds of `Date.now`. */
  readonly atMs: number;
  /** `GET`, `POST`, `FAIL` for one that was answered 503, or `LISTEN` when the app began to accept connections. */
  readonly method: string;
  readonly id: string;
}

/** Every line of every process. */
export async function readJournals(folder: string): Promise<readonly JournalEntry[]> {
  const files = await readdir(folder);
  const entries = await Promise.all(
    files.map(async (file) => {
      const [instance = "", pid] = file.split(".");
      const lines = (await readFile(join(folder, file), "utf8")).split("\n").slice(0, -1);
      return lines.map((line) => {
        const [atMs, method = "", id = ""] = line.split(" ");
        return { instance, pid: Number(pid), atMs: Number(atMs), method, id };
      });
    }),
  );
  return entries.flat();
}

/** Ids of requests that reached apps more than once. */
export function repeatedIds(entries: readonly JournalEntry[], method: string): readonly string[] {
  const seen = new Set<string>();
  return entries.flatMap((entry) => {
    if (entry.method !== method) return [];
    if (seen.has(entry.id)) return [entry.id];
    seen.add(entry.id);
    return [];
  });
}
