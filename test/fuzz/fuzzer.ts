/** Puts a target before Jazzer: one file that it can instrument, seeds as files, and its command line. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { FuzzTarget } from "./fuzz-target.ts";
import { type AddonSetup, prepareAddon } from "./native-addon.ts";
import { storedInputs } from "./stored-corpus.ts";

const CACHE = join(import.meta.dirname, "..", "..", ".cache", "fuzz");
/** An input that takes longer hangs: a thousand times the usual. */
const INPUT_TIMEOUT_MS = 5_000;
/** Unbounded growth ends the run. The process itself takes a third of this. */
const RESIDENT_MB_MAX = 600;
/** Of the harness, whose branches are nothing to explore. */
const PLAIN_FILES = ["digest", "splits"];

export type FuzzLimits =
  | { readonly seconds: number; readonly runs?: undefined }
  | { readonly runs: number; readonly seconds?: undefined };

export interface FuzzPlan {
  readonly name: string;
  readonly seedCount: number;
  /** For Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What libFuzzer says. */
  readonly log: string;
  /** Where libFuzzer puts an input that broke a promise. */
  readonly findings: string;
  /** So many inputs of those that reached something new, evenly over their lengths. */
  readonly learntInputs: (count: number) => readonly Buffer[];
}

/** Throws when Jazzer does not run here, with the reason. */
export async function prepare(target: FuzzTarget, limits: FuzzLimits): Promise<FuzzPlan> {
  const folder = join(CACHE, target.name);
  const learnt = join(folder, "learnt");
  const seeds = join(folder, "seeds");
  const findings = join(folder, "findings");
  for (const path of [learnt, seeds, findings]) mkdirSync(path, { recursive: true });
  const inputs = [...storedInputs(target.name), ...target.seeds()];
  for (const input of inputs) {
    if (input.length <= target.inputBytesMax) writeFileSync(join(seeds, sha1(input)), input);
  }
  const bundle = await bundled(target.name, folder);
  const addon: AddonSetup = prepareAddon(join(CACHE, "addon"));
  const limit =
    limits.runs === undefined ? `-max_total_time=${limits.seconds}` : `-runs=${limits.runs}`;
  const args = [
    // Jazzer registers a loader for modules that we do not have, in a way that Node warns of.
    "--disable-warning=DEP0205",
    ...addon.nodeArgs,
    join(
      dirname(createRequire(import.meta.url).resolve("@jazzer.js/core/package.json")),
      "dist/cli.js",
    ),
    bundle,
    ...[learnt, seeds],
    "--sync",
    ...["--disableBugDetectors", ".*"],
    ...["--includes", basename(bundle)],
    ...["--timeout", String(INPUT_TIMEOUT_MS)],
    "--",
    limit,
    `-max_len=${target.inputBytesMax}`,
    `-rss_limit_mb=${RESIDENT_MB_MAX}`,
    `-artifact_prefix=${findings}/`,
    "-print_final_stats=1",
  ];
  return {
    name: target.name,
    seedCount: inputs.length,
    args,
    env: addon.env,
    log: join(folder, "log"),
    findings,
    learntInputs: (count) => spread(learnt, count),
  };
}

/** What to do about a finding. */
export function describe(plan: FuzzPlan): string {
  const found = readdirSync(plan.findings);
  return [
    `${plan.name}: a promise was broken; the input is below ${plan.findings}:`,
    ...found.map((file) => `  ${file}`),
    `It belongs into test/fuzz/corpus/${plan.name}.json once the codec is right.`,
  ].join("\n");
}

/** The target with all of its code as one CommonJS file, the only kind that Jazzer instruments at speed. */
async function bundled(name: string, folder: string): Promise<string> {
  const outfile = join(folder, "target.cjs");
  const options = {
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "esnext",
    // Where corpora lie, which the bundle does not read.
    define: { "import.meta.dirname": '""' },
    logLevel: "warning",
  } as const;
  const plain = PLAIN_FILES.map((file) => ({
    from: join(import.meta.dirname, `${file}.ts`),
    to: join(folder, `${file}.cjs`),
  }));
  for (const { from, to } of plain) {
    await build({ ...options, entryPoints: [from], outfile: to });
  }
  const keepApart: Plugin = {
    name: "keep-apart",
    setup: ({ onResolve }) => {
      onResolve({ filter: /(?:digest|splits)\.ts$/ }, ({ path }) => ({
        path: `./${path.replace(/^.*\//, "").replace(/\.ts$/, ".cjs")}`,
        external: true,
      }));
    },
  };
  await build({
    ...options,
    outfile,
    plugins: [keepApart],
    stdin: {
      contents: `import { targetOf } from "./targets/all.ts";
export const fuzz = targetOf(${JSON.stringify(name)}).fuzz;`,
      resolveDir: import.meta.dirname,
      loader: "ts",
    },
  });
  return outfile;
}

function spread(folder: string, count: number): readonly Buffer[] {
  const inputs = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file)))
    .sort((a, b) => a.length - b.length || a.compare(b));
  const step = Math.max(1, inputs.length / count);
  return Array.from(
    { length: Math.min(count, inputs.length) },
    (_, i) => inputs[Math.floor(i * step)]!,
  );
}

function sha1(bytes: Buffer): string {
  return createHash("sha1").update(bytes).digest("hex");
}
