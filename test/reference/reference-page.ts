/** Pages of `docs/reference` that are written from the code: read, compared, and written anew when asked. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "..", "..", "docs", "reference");

/** Fails when the page in the repository is not this one; with UPDATE_GOLDEN=1 makes it so. */
export function checkPage(name: string, page: string): void {
  const path = join(FOLDER, name);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, page);
  const message = `docs/reference/${name} is out of date: run the test with UPDATE_GOLDEN=1`;
  assert.equal(readFileSync(path, "utf8"), page, message);
}

/** A Markdown table. Bars within cells are escaped. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

export function code(text: string): string {
  return `\`${text}\``;
}
