/** The repository as the tidy checks see it: text files by path, with their imports read from the text. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** As written: `./x.ts`, `node:net`, `zod`. */
  readonly specifier: string;
  /** `type` vanishes when types are stripped, `dynamic` is loaded when the code asks for it. */
  readonly kind: "static" | "type" | "dynamic";
  /** What stands between `import` and `from`. */
  readonly clause: string;
}

const STATIC_IMPORT = /^(?:import|export)\s+(type\s)?(?:([^"';]*?)\sfrom\s+)?"([^"]+)"/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*"([^"]+)"\s*\)/g;
const STRING_OR_COMMENT =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** Every file that git tracks or would track. */
export function repositoryFiles(root: string, isWanted: (path: string) => boolean): SourceFile[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const listed = execFileSync("git", args, { cwd: root, encoding: "utf8" });
  const paths = [...new Set(listed.split("\0"))].filter((path) => path !== "" && isWanted(path));
  return paths.sort().flatMap((path) => {
    const text = readOrUndefined(join(root, path));
    return text === undefined ? [] : [{ path, text }];
  });
}

/** The imports of a file, in the order in which they stand. */
export function importsOf(file: SourceFile): Import[] {
  const code = withoutComments(file.text);
  const fixed = [...code.matchAll(STATIC_IMPORT)].map(
    ([, type, clause = "", specifier = ""]): Import => ({
      specifier,
      clause,
      kind: type ? "type" : "static",
    }),
  );
  const dynamic = [...code.matchAll(DYNAMIC_IMPORT)].map(
    ([, specifier = ""]): Import => ({ specifier, clause: "", kind: "dynamic" }),
  );
  return [...fixed, ...dynamic];
}

/** The path in the repository that a relative import names. */
export function resolveImport(from: string, specifier: string): string {
  return normalize(join(dirname(from), specifier));
}

/** The code with its line breaks: checks of identifiers must not see prose. */
export function withoutComments(text: string): string {
  return text.replace(STRING_OR_COMMENT, (all, string: string | undefined) =>
    string === undefined ? all.replace(/[^\n]/g, "") : string,
  );
}

/** The code without comments and with empty strings: what is left is what the compiler checks. */
export function withoutText(text: string): string {
  return text.replace(STRING_OR_COMMENT, (all) => all.replace(/[^\n]/g, ""));
}

/** The name of the package that an import names, or nothing when it is a file or a part of Node. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith(".") || specifier.startsWith("node:")) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** A file that is listed may have been deleted since. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
