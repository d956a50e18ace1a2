/**
 * Node's own "spec" report, with two things added: before its summary what was skipped, and why, for a
 * suite that skips itself must be seen without reading a thousand lines; and the outcome, in a file for `test.ts`.
 */
import { spec, type TestEvent } from "node:test/reporters";
import { OUTCOME_VARIABLE, writeOutcome } from "./test-outcome.ts";

/** The lines of diagnostics that are the summary, which belongs to no file. */
const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo) (\d+)$/;

// biome-ignore lint/style/noDefaultExport: `--test-reporter` takes the default export.
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const skipped: string[] = [];
  const failedFiles = new Set<string>();
  const counts: Record<string, number> = {};
  const format = new spec();
  for await (const event of source) {
    if (event.type === "test:pass" && event.data.skip !== undefined) {
      const reason = event.data.skip === true ? "no reason given" : event.data.skip;
      skipped.push(`  ${event.data.name}: ${reason}\n`);
    }
    if (event.type === "test:fail" && event.data.file !== undefined)
      failedFiles.add(event.data.file);
    const count = event.type === "test:diagnostic" ? COUNT.exec(event.data.message) : null;
    if (count !== null) {
      if (count[1] === "tests" && skipped.length > 0) yield `\nSkipped:\n${skipped.join("")}\n`;
      counts[count[1] as string] = Number(count[2]);
    }
    format.write(event);
    for (let text = format.read(); text !== null; text = format.read()) yield String(text);
  }
  format.end();
  for await (const text of format) yield String(text);
  const path = process.env[OUTCOME_VARIABLE];
  if (path !== undefined) writeOutcome(path, { failedFiles: [...failedFiles], counts });
}
