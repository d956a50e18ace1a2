/** Writes `docs/reference/cli.md` from the command definitions. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { explain } from "../src/bin/explain.ts";
import { commandTable } from "../src/cli/command-table.ts";
import { referencePage } from "../src/cli/reference-page.ts";

const PAGE = join(import.meta.dirname, "..", "docs", "reference", "cli.md");

const table = commandTable({ controlPlane: async () => 0, sidecar: async () => 0, explain });
mkdirSync(dirname(PAGE), { recursive: true });
writeFileSync(PAGE, await referencePage(table));
