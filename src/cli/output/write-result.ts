/** Writes what a command found in the format that `-o` asks for: the same data for people and programs. */
import { assertNever } from "../../core/assert.ts";
import type { CliContext } from "../context.ts";

export interface Result {
  /** The value that JSON and YAML show. Its shape is part of the command's contract. */
  readonly data: unknown;
  /** For people; `isWide` adds columns. */
  readonly table: (isWide: boolean) => string;
  /** One per line, for `-o name`. */
  readonly names?: readonly string[];
}

export async function writeResult(context: CliContext, result: Result): Promise<void> {
  const format = context.globals.output;
  switch (format) {
    case "table":
    case "wide":
      context.stdout.write(result.table(format === "wide"));
      return;
    case "json":
      context.stdout.write(`${JSON.stringify(result.data, null, 2)}\n`);
      return;
    case "yaml": {
      // Loaded only here: most commands never need it.
      const { stringify } = await import("yaml");
      context.stdout.write(stringify(result.data, { aliasDuplicateObjects: false, lineWidth: 0 }));
      return;
    }
    case "name":
      for (const name of result.names ?? []) context.stdout.write(`${name}\n`);
      return;
    default:
      assertNever(format, "output format");
  }
}
