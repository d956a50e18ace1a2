/** Inputs kept in the repository, one file of JSON strings for each target, a character a byte. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "corpus");

/** Empty for a target without a file. */
export function storedInputs(name: string): readonly Buffer[] {
  const file = fileOf(name);
  if (!existsSync(file)) return [];
  const texts = JSON.parse(readFileSync(file, "utf8")) as readonly string[];
  return texts.map((text) => Buffer.from(text, "latin1"));
}

/** Replaces the file. Sorted, so that differences can be read. */
export function storeInputs(name: string, inputs: readonly Buffer[]): void {
  const lines = [...new Set(inputs.map((input) => quoted(input.toString("latin1"))))].sort();
  writeFileSync(fileOf(name), `[\n${lines.map((line) => `  ${line}`).join(",\n")}\n]\n`);
}

function fileOf(name: string): string {
  return join(FOLDER, `${name}.json`);
}

/** As JSON in ASCII. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\xff]/g,
    (byte) => `\\u00${byte.charCodeAt(0).toString(16)}`,
  );
}
