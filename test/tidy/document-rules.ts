/** Documents against the repository: links, titles, commands, paths and the list of dependencies. */
import { dirname, join, normalize } from "node:path";
import type { SourceFile } from "./source-file.ts";

const FENCE = /^(```|~~~)[^\n]*\n[\s\S]*?^\1/gm;
const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
/** A path of this repository in backquotes. Placeholders in angle brackets or capitals are no paths. */
const QUOTED_PATH = /`((?:bench|bin|demo|docs|examples|proto|scripts|src|test)\/[\w./@-]*)`/g;

export interface Repository {
  /** Files and folders, relative to the root. */
  exists(path: string): boolean;
  readonly scripts: readonly string[];
  readonly commands: readonly string[];
}

export function titleProblems(documents: readonly SourceFile[]): string[] {
  return documents.flatMap(({ path, text }) => {
    const titles = text.replace(FENCE, "").match(/^# .+$/gm) ?? [];
    const isFirst = /^# .+/.test(text);
    return titles.length === 1 && isFirst
      ? []
      : [`${path} needs one line that begins with "# ", its first; it has ${titles.length}`];
  });
}

/** Relative links lead to a file, and their fragment to a heading in it. */
export function linkProblems(
  documents: readonly SourceFile[],
  repository: Pick<Repository, "exists">,
): string[] {
  const headings = new Map(documents.map(({ path, text }) => [path, anchorsOf(text)]));
  return documents.flatMap((document) =>
    linksOf(document).flatMap(({ target, resolved, fragment }) => {
      const { path } = document;
      if (!repository.exists(resolved)) return [`${path} links to ${target}, which does not exist`];
      const anchors = headings.get(resolved);
      const isDead = fragment !== undefined && anchors !== undefined && !anchors.has(fragment);
      return isDead ? [`${path} links to ${target}, but there is no such heading`] : [];
    }),
  );
}

/** Every page of guides and internals is one click away from the index of the documentation. */
export function indexProblems(documents: readonly SourceFile[]): string[] {
  const index = documents.find(({ path }) => path === "docs/README.md");
  const linked = new Set(index === undefined ? [] : linksOf(index).map(({ resolved }) => resolved));
  return documents
    .filter(({ path }) => /^docs\/(?:guides|internals)\//.test(path) && !linked.has(path))
    .map(({ path }) => `docs/README.md does not link to ${path}`);
}

interface Link {
  readonly target: string;
  /** From the root of the repository. */
  readonly resolved: string;
  readonly fragment: string | undefined;
}

/** Those that lead into the repository. */
function linksOf({ path, text }: SourceFile): Link[] {
  return [...text.replace(FENCE, "").matchAll(LINK)].flatMap(([, target = ""]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = "", fragment] = target.split("#");
    const resolved = file === "" ? path : normalize(join(dirname(path), file));
    return [{ target, resolved, fragment }];
  });
}

/** `npm run X` and `tulle X` in a document are commands that exist. */
export function commandProblems(
  documents: readonly SourceFile[],
  { scripts, commands }: Pick<Repository, "scripts" | "commands">,
): string[] {
  return documents.flatMap(({ path, text }) => {
    const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = ""]) => name);
    const run = codeOf(text).flatMap((code) => [
      ...code.matchAll(/(?:^|bin\/|\n)tulle ([a-z][\w-]*)/g),
    ]);
    const called = run.map(([, name = ""]) => name);
    return [
      ...named.filter((name) => !scripts.includes(name)).map((name) => `npm run ${name}`),
      ...called
        .filter((name) => !commands.some((command) => command.split(" ")[0] === name))
        .map((name) => `tulle ${name}`),
    ].map((command) => `${path} names the command ${command}, which does not exist`);
  });
}

/** Paths in backquotes exist. */
export function pathProblems(
  documents: readonly SourceFile[],
  repository: Pick<Repository, "exists">,
): string[] {
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(QUOTED_PATH)]
      .map(([, target = ""]) => target)
      .filter((target) => !repository.exists(normalize(target)))
      .map((target) => `${path} names ${target}, which does not exist`),
  );
}

/** Each dependency has a row with its reason, and each row is a dependency. */
export function dependencyProblems(
  manifest: Readonly<Record<string, unknown>>,
  document: SourceFile,
): string[] {
  const groups = ["dependencies", "devDependencies", "optionalDependencies"];
  const installed = groups.flatMap((group) => Object.keys((manifest[group] as object) ?? {}));
  const rows = [...document.text.matchAll(/^\| `([^`]+)` \| (.*?) \|$/gm)];
  const explained = rows
    .filter(([, , reason = ""]) => reason.trim() !== "")
    .map(([, name]) => name);
  return [
    ...installed
      .filter((name) => !explained.includes(name))
      .map((name) => `${name} has no reason in ${document.path}`),
    ...explained
      .filter((name) => name !== undefined && !installed.includes(name))
      .map((name) => `${document.path} explains ${name}, which is no dependency`),
  ];
}

/** Code in fences and in backquotes. */
function codeOf(text: string): string[] {
  const fenced = text.match(FENCE) ?? [];
  const quoted = [...text.replace(FENCE, "").matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  return [...fenced, ...quoted];
}

/** Headings as links name them: lower case, without punctuation, hyphens for spaces. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = text.replace(FENCE, "").match(/^#+ .+$/gm) ?? [];
  return new Set(
    headings.map((line) =>
      line
        .replace(/^#+ /, "")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s-]/gu, "")
        .replace(/\s/g, "-"),
    ),
  );
}
