/**
 * Compiles `src/` to `dist/` for the package: Node does not strip types under `node_modules`. Tests
 * stay out; generated code is JavaScript already and is copied. The sidecar becomes one file. The dashboard comes beside it.
 */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { billOfMaterials } from "./bill-of-materials.ts";
import { buildDashboard } from "./build-dashboard.ts";
import { bundleSidecar } from "./bundle-sidecar.ts";

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
if (result.status === 0) {
  bundleSidecar(join(OUTPUT, "bin", "sidecar.js"), true);
  buildDashboard(join(OUTPUT, "dashboard"));
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  writeFileSync(join(OUTPUT, "sbom.cdx.json"), JSON.stringify(billOfMaterials(lock.packages)));
}
process.exitCode = result.status ?? 1;
