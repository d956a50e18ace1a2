/**
 * Node's own "spec" report, with one thing added before its summary: what was skipped, and why.
 * A suite that skips itself must be seen without reading a thousand lines.
 */
import { spec, type TestEvent } from "node:test/reporters";

/** The summary begins with this line of diagnostics, which belongs to no file. */
const SUMMARY_START = /^tests \d+$/;

// biome-ignore lint/style/noDefaultExport: `--test-reporter` takes the default export.
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const skipped: string[] = [];
  const format = new spec();
  for await (const event of source) {
    if (event.type === "test:pass" && event.data.skip !== undefined) {
      const reason = event.data.skip === true ? "no reason given" : event.data.skip;
      skipped.push(`  ${event.data.name}: ${reason}\n`);
    }
    if (event.type === "test:diagnostic" && SUMMARY_START.test(event.data.message)) {
      if (skipped.length > 0) yield `\nSkipped:\n${skipped.join("")}\n`;
    }
    format.write(event);
    for (let text = format.read(); text !== null; text = format.read()) yield String(text);
  }
  format.end();
  for await (const text of format) yield String(text);
}
