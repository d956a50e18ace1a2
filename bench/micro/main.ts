/**
 * `npm run bench:micro -- WORD…`: every `*.bench.ts` beside this file whose name contains one of the
 * words, or all. A file only registers with mitata's `bench` and `group`; the run is started here.
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import { run } from "mitata";

const words = process.argv.slice(2);
const files = globSync("*.bench.ts", { cwd: import.meta.dirname })
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`no benchmark here is named like ${words.join(", ")}`);
  process.exit(2);
}
for (const file of files) await import(join(import.meta.dirname, file));
await run({ colors: process.stdout.isTTY });
