/**
 * Joins `dashboard/` to the few files that a browser loads: the shell, a file for each view that is loaded when it is
 * opened, one style sheet, workers and the typeface. Text is compressed here, once, as well as it can be. Which files
 * there are, and how each is served, is in `manifest.json`. `build-dashboard.ts FOLDER` writes them there.
 */
import { createHash } from "node:crypto";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { type BuildOptions, buildSync, type Metafile, type OutputFile } from "esbuild";
import type { DashboardFile } from "../src/control-plane/admin-api/dashboard-files.ts";

const ROOT = join(import.meta.dirname, "..");
const SOURCE = join(ROOT, "dashboard");
/** Tokens before what uses them; then parts, then views, which may say otherwise. */
const STYLE_ORDER = ["styles/*.css", "ui/*.css", "shell/*.css", "views/**/*.css"];
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
};
/** Compressed already. */
const OPAQUE: ReadonlySet<string> = new Set([".woff2"]);

const SHARED = {
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  target: ["chrome123", "firefox121", "safari17.5"],
  outdir: "/",
  loader: { ".woff2": "file", ".svg": "file" },
  assetNames: "assets/[name]-[hash]",
  legalComments: "none",
  logLevel: "warning",
} satisfies BuildOptions;

/** Writes everything into the folder, which is emptied before. Throws what esbuild found wrong. */
export function buildDashboard(folder: string): void {
  const program = buildSync({
    ...SHARED,
    entryPoints: [join(SOURCE, "main.tsx")],
    format: "esm",
    splitting: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    entryNames: "assets/[name]-[hash]",
    chunkNames: "assets/[name]-[hash]",
  });
  // Runs before the first paint, so it is a script of its own that nothing waits for.
  const early = buildSync({
    ...SHARED,
    entryPoints: [join(SOURCE, "early-theme.ts")],
    format: "iife",
    entryNames: "assets/[name]-[hash]",
  });
  // Started by name: `new Worker("/assets/topology-worker.js")`.
  const workers = buildSync({
    ...SHARED,
    entryPoints: globSync("**/*-worker.ts", { cwd: SOURCE }).map((path) => join(SOURCE, path)),
    format: "iife",
    entryNames: "assets/[name]",
  });
  const style = buildSync({
    ...SHARED,
    stdin: { contents: styleImports(), loader: "css", resolveDir: SOURCE, sourcefile: "style.css" },
    entryNames: "assets/style-[hash]",
  });
  const built = [program, early, workers, style];
  const files = new Map(
    built.flatMap(({ outputFiles }) => outputFiles.map((file) => [file.path, fileBytes(file)])),
  );
  const licences = licenceTexts(built.map(({ metafile }) => metafile));
  files.set("/assets/licences.txt", Buffer.from(licences));
  files.set("/index.html", Buffer.from(page([...files.keys()])));
  write(folder, files);
}

function fileBytes({ contents }: OutputFile): Buffer {
  return Buffer.from(contents);
}

function styleImports(): string {
  return STYLE_ORDER.flatMap((pattern) => globSync(pattern, { cwd: SOURCE }).sort())
    .map((path) => `@import "./${path}";`)
    .join("\n");
}

/** `index.html` with the names that the files have in this build. */
function page(paths: readonly string[]): string {
  const template = readFileSync(join(SOURCE, "index.html"), "utf8");
  return template.replaceAll(/\{\{(\S+?)\}\}/g, (_, wanted: string) => {
    const [name, extension] = [basename(wanted, extname(wanted)), extname(wanted)];
    const path = paths.find(
      (one) => basename(one).startsWith(`${name}-`) && extname(one) === extension,
    );
    if (path === undefined) throw new Error(`index.html names ${wanted}, which was not built`);
    return path;
  });
}

/** What the licences of the packages that were joined ask to be passed on. */
function licenceTexts(metafiles: readonly Metafile[]): string {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const names = inputs.flatMap((path) => {
    return /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [];
  });
  return [...new Set(names)]
    .sort()
    .map((name) => {
      const folder = join(ROOT, "node_modules", name);
      const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const [file] = globSync("LICEN[CS]E*", { cwd: folder });
      const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8");
      return `${name} ${version} (${license})\n\n${text.trim()}\n`;
    })
    .join("\n----\n\n");
}

function write(folder: string, files: ReadonlyMap<string, Buffer>): void {
  rmSync(folder, { recursive: true, force: true });
  const manifest: DashboardFile[] = [];
  for (const [path, bytes] of files) {
    const target = join(folder, path);
    const type = TYPES[extname(path)];
    if (type === undefined) throw new Error(`${path}: what is the type of ${extname(path)}?`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
    const isCompressed = !OPAQUE.has(extname(path));
    if (isCompressed) {
      writeFileSync(`${target}.gz`, gzipSync(bytes, { level: 9 }));
      const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
      writeFileSync(`${target}.br`, brotliCompressSync(bytes, { params }));
    }
    manifest.push({
      path,
      type,
      hash: createHash("sha256").update(bytes).digest("base64url").slice(0, 16),
      isCompressed,
      // esbuild's hashes are eight characters of base 32.
      isImmutable: /-[A-Z0-9]{8}\.\w+$/.test(path),
    });
  }
  // Last, and at once: who finds it finds everything.
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("usage: build-dashboard.ts FOLDER");
  buildDashboard(folder);
}
