/** Writes deploy/grafana/boards from their definitions. A test fails when they differ. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { boardFiles } from "./boards/files.ts";

for (const [path, text] of boardFiles()) {
  writeFileSync(join(import.meta.dirname, "..", path), text);
}
