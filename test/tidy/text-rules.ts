/** What may not stand in a file: leftovers, hidden clocks, hidden input and output, too many lines. */
import {
  type Import,
  importsOf,
  type SourceFile,
  withoutComments,
  withoutText,
} from "./source-file.ts";

/** Bytes or values in, bytes or values out: time and chance are passed in. */
const SANS_IO = [
  ...["src/http/", "src/http1/", "src/http2/", "src/decision/", "src/translate/"],
  ...["src/resource/", "src/importers/", "src/proxy/load-balancer/"],
];
/** Parts of Node that do neither input nor output and read no clock. */
const PURE_MODULES = ["node:assert", "node:buffer", "node:util"];
/** Functions of other modules that are as pure. */
const PURE_NAMES: Readonly<Record<string, readonly string[]>> = {
  "node:crypto": ["createHash", "createPublicKey", "verify", "constants"],
  "node:net": ["isIP", "isIPv4", "isIPv6"],
};

interface Ban {
  readonly pattern: RegExp;
  readonly message: string;
  isExempt?(path: string): boolean;
}

const SANS_IO_BANS: readonly Ban[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)/, message: "reads the clock; take a Clock" },
  { pattern: /\bperformance\.now\b/, message: "reads the clock; take a Clock" },
  { pattern: /\bMath\.random\b/, message: "draws by chance; take a Prng" },
  { pattern: /\bset(?:Timeout|Interval|Immediate)\(/, message: "sets a timer; take a Clock" },
  { pattern: /(?<![.\w])process\./, message: "reads the process; take what it needs" },
];

const PRODUCT_BANS: readonly Ban[] = [
  {
    pattern: /\bMath\.random\b/,
    message: "use core/prng.ts, so that a seed repeats it",
    isExempt: (path) => path === "src/core/prng.ts",
  },
  {
    pattern: /\bDate\.now\b/,
    message: "use a Clock of core/clock.ts, so that tests decide the time",
    isExempt: (path) => path === "src/core/clock.ts",
  },
  {
    pattern: /\bconsole\.\w/,
    message: "use the logger, or the output of the command line",
    isExempt: (path) => path.startsWith("src/cli/"),
  },
];

// The brackets keep the patterns from finding themselves.
const LEFTOVER_COMMENTS: readonly Ban[] = [
  { pattern: /\bFIXM[E]\b|\bXX[X]\b/, message: "finish it or file an issue" },
  { pattern: /\bTOD[O]\b(?!\(#\d+\))/, message: "name the issue: TODO(#12)" },
  { pattern: /@ts-(?:ignore|nocheck)\b/, message: "fix the type" },
];
const LEFTOVER_CODE: readonly Ban[] = [
  { pattern: /\b(?:it|test|describe|suite)\.(?:only|skip|todo)\b/, message: "no test is left out" },
  { pattern: /:\s*an[y]\b(?![(.])|\bas an[y]\b|<an[y]>/, message: "use unknown and narrow it" },
];

/** Lines per file. When a file passes it, ask what second noun it holds. */
const LINES_MAX = 450;
/** Files above the cap, with the reason. */
const LONG_FILES: Readonly<Record<string, string>> = {};

export function sansIoProblems(files: readonly SourceFile[]): string[] {
  const pure = files.filter(
    (f) => SANS_IO.some((prefix) => f.path.startsWith(prefix)) && !isTest(f),
  );
  return pure.flatMap((file) => [
    ...importsOf(file)
      .filter((found) => found.specifier.startsWith("node:") && !isPure(found))
      .map(
        ({ specifier }) => `${file.path} imports ${specifier}: its folder does no input or output`,
      ),
    ...bannedIn(file, withoutComments(file.text), SANS_IO_BANS),
  ]);
}

function isPure({ specifier, clause, kind }: Import): boolean {
  if (kind === "type") return true;
  const names = clause.replace(/[{}\s]/g, "").split(",");
  const pure = PURE_NAMES[specifier] ?? [];
  return PURE_MODULES.includes(specifier) || names.every((name) => pure.includes(name));
}

export function productProblems(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => file.path.startsWith("src/") && !isTest(file))
    .flatMap((file) => bannedIn(file, withoutComments(file.text), PRODUCT_BANS));
}

export function leftoverProblems(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [
    ...bannedIn(file, file.text, LEFTOVER_COMMENTS),
    ...bannedIn(file, withoutText(file.text), LEFTOVER_CODE),
  ]);
}

/** A file opens with a comment that says what it holds. A test's name says what it tests. */
export function headerProblems(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => !isTest(file))
    .filter(({ text }) => !/^(?:#!.*\n)?(?:\/\*\*|\/\/|"""|# )/.test(text))
    .map(({ path }) => `${path} does not open with a comment that says what it holds`);
}

export function lengthProblems(
  files: readonly SourceFile[],
  allowed: Readonly<Record<string, string>> = LONG_FILES,
): string[] {
  const tooLong = files.filter(({ text }) => text.split("\n").length - 1 > LINES_MAX);
  const unexplained = tooLong.filter(({ path }) => allowed[path] === undefined);
  const stale = Object.keys(allowed).filter((path) => !tooLong.some((file) => file.path === path));
  return [
    ...unexplained.map(({ path }) => `${path} has over ${LINES_MAX} lines`),
    ...stale.map((path) => `${path} is allowed to be long but is not`),
  ];
}

function bannedIn(file: SourceFile, text: string, bans: readonly Ban[]): string[] {
  const active = bans.filter((ban) => !ban.isExempt?.(file.path));
  return text
    .split("\n")
    .flatMap((line, index) =>
      active
        .filter(({ pattern }) => pattern.test(line))
        .map(
          ({ message }) => `${file.path}:${index + 1}: ${line.trim().slice(0, 80)} (${message})`,
        ),
    );
}

function isTest({ path }: SourceFile): boolean {
  return path.endsWith(".test.ts");
}
