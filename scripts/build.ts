/**
 * Compiles `src/` to `dist/` for the package: Node does not strip types under `node_modules`. Tests
 * stay out; generated code is JavaScript already and is copied. The sidecar becomes one file: loading
 * its 400 modules one by one costs it 10 MB, and one runs beside every service. The dashboard comes beside it.
 */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { billOfMaterials } from "./bill-of-materials.ts";
import { buildDashboard } from "./build-dashboard.ts";

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
  bundleSidecar();
  buildDashboard(join(OUTPUT, "dashboard"));
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  writeFileSync(join(OUTPUT, "sbom.cdx.json"), JSON.stringify(billOfMaterials(lock.packages)));
}
process.exitCode = result.status ?? 1;

function bundleSidecar(): void {
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: ["src/bin/sidecar.ts"],
    outfile: join(OUTPUT, "bin", "sidecar.js"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    // Names stay, so that a stack trace or a CPU profile of a user says something. The text itself stays in
    // memory: without white space it is 0.7 MB less.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 200,
    // Loaded only for a bootstrap file in YAML.
    external: ["yaml"],
    // grpc-js is CommonJS and asks for Node's modules by `require`.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}
