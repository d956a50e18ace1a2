/**
 * Joins the sidecar to one file: loading its 400 modules one by one costs it 10 MB and 0.3 s of CPU, and one runs beside
 * every service. As a program it does that for a clone: `bundle-sidecar.ts FILE` also writes what the file was made
 * of, as `ensureSidecar` of `install.cjs` compares it, into `FILE.inputs.json`.
 */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";

const ROOT = join(import.meta.dirname, "..");

/** Returns the paths of all that it read, from the clone's folder. Throws what esbuild found wrong. */
export function bundleSidecar(outfile: string, isForUsers: boolean): readonly string[] {
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: ["src/bin/sidecar.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    // Names stay, so that a stack trace or a CPU profile of a user says something. The text itself stays in
    // memory: without white space it is 0.7 MB less.
    minifySyntax: isForUsers,
    minifyWhitespace: isForUsers,
    lineLimit: isForUsers ? 200 : 0,
    // For whoever develops it, with NODE_OPTIONS=--enable-source-maps.
    sourcemap: isForUsers ? false : "linked",
    // Loaded only for a bootstrap file in YAML.
    external: ["yaml"],
    // grpc-js is CommonJS and asks for Node's modules by `require`.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    metafile: true,
    logLevel: "warning",
  });
  return Object.keys(metafile.inputs);
}

if (import.meta.main) {
  const [outfile = ""] = process.argv.slice(2);
  const startMs = Date.now();
  const read = bundleSidecar(outfile, false);
  // One stamp tells of all generated code.
  const sources = read.filter((file) => !file.startsWith("src/gen/"));
  const inputs = [...sources, "src/gen/.stamp", "scripts/bundle-sidecar.ts"];
  // What changes meanwhile may not be in it: such a mark is never found again.
  const mark = (file: string): string => {
    const { size, mtimeMs } = statSync(join(ROOT, file));
    return mtimeMs < startMs ? `${size} ${mtimeMs}` : "";
  };
  const marks = Object.fromEntries(inputs.map((file) => [file, mark(file)]));
  writeFileSync(`${outfile}.inputs.json`, JSON.stringify(marks));
}
