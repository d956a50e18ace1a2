/**
 * The walls between folders: who may import whom, what a binary may reach, and no cycles. Imports are
 * the architecture; what is written here is what ARCHITECTURE.md says.
 */
import { importsOf, packageOf, resolveImport, type SourceFile } from "./source-file.ts";

/** A folder of `src` imports only from folders before it in this list. */
export const LAYERS = [
  ...["core", "gen", "http", "http1", "http2", "net", "identity", "resource", "store", "telemetry"],
  ...["decision", "xds", "translate", "proxy", "control-plane", "kubernetes", "importers", "cli"],
  "bin",
] as const;

/** Walls inside the order above: the two planes know each other by xDS alone. */
const DENIED: Readonly<Record<string, readonly string[]>> = {
  http1: ["gen"],
  http2: ["gen", "http1"],
  proxy: ["resource", "store", "translate"],
  "control-plane": ["proxy"],
  importers: ["proxy", "control-plane", "kubernetes", "store"],
};

/** The command line speaks to the control plane by its API: of these it may name types only. */
const CLI_TYPES_ONLY = ["control-plane", "store", "translate", "proxy", "xds"];

export interface BinaryRule {
  readonly entry: string;
  readonly folders: readonly string[];
  /** Packages that the binary must not load at its start. */
  readonly packages: readonly string[];
  /** File that alone may import the package. */
  readonly packageOnlyIn: Readonly<Record<string, string>>;
}

/** What the long-lived processes must never reach. A sidecar's memory is paid once per workload. */
export const BINARY_RULES: readonly BinaryRule[] = [
  {
    entry: "src/bin/sidecar.ts",
    folders: ["resource", "store", "translate", "control-plane", "kubernetes", "importers", "cli"],
    packages: ["zod", "hono", "@hono/node-server"],
    packageOnlyIn: { yaml: "src/proxy/bootstrap" },
  },
  {
    entry: "src/bin/control-plane.ts",
    folders: ["proxy", "importers"],
    packages: [],
    packageOnlyIn: {},
  },
];

export function layerProblems(files: readonly SourceFile[]): string[] {
  return files.filter(isProduct).flatMap((file) =>
    importsOf(file).flatMap(({ specifier, kind }) => {
      if (!specifier.startsWith(".")) return [];
      const from = folderOf(file.path);
      const to = folderOf(resolveImport(file.path, specifier));
      if (to === undefined) return [`${file.path} imports ${specifier}, which is outside src`];
      if (from === undefined || from === to) return [];
      return wallBetween(from, to, kind === "type").map((why) => `${file.path}: ${why}`);
    }),
  );
}

function wallBetween(from: string, to: string, isType: boolean): string[] {
  const [fromLevel, toLevel] = [from, to].map((name) =>
    (LAYERS as readonly string[]).indexOf(name),
  );
  if (fromLevel === -1 || toLevel === -1) {
    return [`${fromLevel === -1 ? from : to} is no folder of the architecture`];
  }
  if ((toLevel ?? 0) > (fromLevel ?? 0))
    return [`${from} must not import ${to}, which is above it`];
  if (DENIED[from]?.includes(to)) return [`${from} must never import ${to}`];
  if (from === "cli" && CLI_TYPES_ONLY.includes(to) && !isType) {
    return [`cli may import types from ${to}, nothing else`];
  }
  return [];
}

/** Follows imports from the binary's entry; type imports load nothing and are left out. */
export function binaryProblems(files: readonly SourceFile[], rule: BinaryRule): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const problems: string[] = [];
  const seen = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const file = byPath.get(path);
    if (file === undefined || seen.has(path)) return;
    seen.add(path);
    const way = [...trail, path];
    if (rule.folders.includes(folderOf(path) ?? "")) {
      problems.push(`${rule.entry} reaches ${path}: ${way.join(" → ")}`);
      return;
    }
    for (const { specifier, kind } of importsOf(file)) {
      if (kind === "type") continue;
      if (specifier.startsWith(".")) visit(resolveImport(path, specifier), way);
      else if (kind === "static") problems.push(...packageProblems(rule, specifier, way));
    }
  };
  visit(rule.entry, []);
  if (!byPath.has(rule.entry)) problems.push(`${rule.entry} does not exist`);
  return problems;
}

function packageProblems(rule: BinaryRule, specifier: string, way: readonly string[]): string[] {
  const name = packageOf(specifier);
  if (name === undefined) return [];
  const home = rule.packageOnlyIn[name];
  const isAllowed = home === undefined || way.at(-1)?.startsWith(home);
  if (!rule.packages.includes(name) && isAllowed) return [];
  return [`${rule.entry} loads ${name}: ${way.join(" → ")}`];
}

/** Every circle of imports, type imports included, by its files. */
export function cycleProblems(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((file) => file.path));
  const edges = new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ specifier, kind }) => specifier.startsWith(".") && kind !== "dynamic")
        .map(({ specifier }) => resolveImport(file.path, specifier))
        .filter((path) => known.has(path)),
    ]),
  );
  const problems: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      problems.push(`cycle: ${[...trail.slice(start), path].join(" → ")}`);
      return;
    }
    if (finished.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return problems;
}

/** Tests may reach across walls: a contract is tested with what stands on it. */
function isProduct({ path }: SourceFile): boolean {
  return /^src\/.*\.ts$/.test(path) && !path.endsWith(".test.ts");
}

function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}
