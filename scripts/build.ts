/**
 * Compiles `src/` to `dist/` for the package: Node does not strip types under `node_modules`. Tests
 * stay out; generated code is JavaScript already and is copied.
 */
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const OUTPUT = join(ROOT, "dist");

rmSync(OUTPUT, { recursive: true, force: true });
const compiler = join(ROOT, "node_modules", ".bin", "tsc");
const result = spawnSync(compiler, ["-p", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
if (result.error) throw result.error;
if (result.status === 0) {
  cpSync(join(ROOT, "src", "gen"), join(OUTPUT, "gen"), {
    recursive: true,
    filter: (path) => !path.endsWith(".d.ts") && !path.endsWith(".stamp"),
  });
}
process.exitCode = result.status ?? 1;
