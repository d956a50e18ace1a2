/**
 * From words to a checked {@link CommandInput}: every unknown flag, missing value and surplus argument is a
 * usage error that names the word and the fix. Splitting words into options follows POSIX and GNU
 * (`-n x`, `-nx`, `--name=x`, `--`) and is done by node:util.
 */
import { parseArgs } from "node:util";
import type { ArgumentSpec, Command, CommandInput, OptionSpec } from "./command.ts";
import { usageError } from "./errors.ts";
import { globalOptionsOf } from "./global-options.ts";
import { suggestion } from "./nearest.ts";

/** The parsed words of one command: `options` by long name. */
interface ParsedWords {
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  readonly passthrough: readonly string[];
}

type Token = NonNullable<ReturnType<typeof tokensOf>>[number];

/** Checks `words` (without the command's name) against the command. Defaults are filled in. */
export function parseInput(command: Command, words: readonly string[]): CommandInput {
  const specs = [...(command.options ?? []), ...globalOptionsOf(command)];
  const parsed = collect(command, specs, words);
  const wantsHelp = parsed.options.has("help");
  const argumentsByName = wantsHelp
    ? new Map<string, readonly string[]>()
    : bindArguments(command, parsed.positionals);
  return createInput(command, specs, parsed, argumentsByName);
}

/** Whether this word takes the next one as its value, for a caller that only skips over options. */
export function takesNextWord(specs: readonly OptionSpec[], word: string): boolean {
  if (word.includes("=")) return false;
  const spec = word.startsWith("--")
    ? specs.find((option) => option.name === word.slice(2))
    : specs.find((option) => option.short === word.slice(1, 2));
  return spec?.value !== undefined && (word.startsWith("--") || word.length === 2);
}

function tokensOf(specs: readonly OptionSpec[], words: readonly string[]) {
  const options = Object.fromEntries(
    specs.map((spec) => [
      spec.name,
      {
        type: spec.value === undefined ? ("boolean" as const) : ("string" as const),
        multiple: true,
        ...(spec.short === undefined ? {} : { short: spec.short }),
      },
    ]),
  );
  return parseArgs({
    args: [...words],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function collect(
  command: Command,
  specs: readonly OptionSpec[],
  words: readonly string[],
): ParsedWords {
  const options = new Map<string, string[]>();
  const positionals: string[] = [];
  const separator = words.indexOf("--");
  const tokens = tokensOf(specs, separator < 0 ? words : words.slice(0, separator));
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const spec = specs.find((candidate) => candidate.name === token.name);
    if (spec === undefined) throw unknownOption(command, specs, token);
    const values = options.get(spec.name) ?? [];
    values.push(checkValue(spec, token));
    options.set(spec.name, values);
  }
  const passthrough = separator < 0 ? [] : words.slice(separator + 1);
  if (separator >= 0 && command.passthrough === undefined) {
    return { options, positionals: [...positionals, ...passthrough], passthrough: [] };
  }
  return { options, positionals, passthrough };
}

function unknownOption(command: Command, specs: readonly OptionSpec[], token: Token): Error {
  const rawName = token.kind === "option" ? token.rawName : "";
  const names = specs.flatMap((spec) => [
    `--${spec.name}`,
    ...(spec.short === undefined ? [] : [`-${spec.short}`]),
  ]);
  if (rawName === "-o" || rawName === "--output") {
    return usageError(`\`tulle ${command.name}\` has no --output`, "leave out -o");
  }
  const close = rawName.startsWith("--") ? suggestion(rawName, names) : "";
  return usageError(
    `unknown flag ${rawName}${close}`,
    `see \`tulle ${command.name} --help\` for its flags`,
  );
}

function checkValue(spec: OptionSpec, token: Token): string {
  const value = token.kind === "option" ? token.value : undefined;
  const isInline = token.kind === "option" && token.inlineValue === true;
  if (spec.value === undefined) {
    if (value === undefined) return "true";
    throw usageError(`--${spec.name} takes no value`, `write just --${spec.name}`);
  }
  const looksLikeFlag = !isInline && value !== undefined && /^-[a-zA-Z-]/.test(value);
  if (value === undefined || value === "" || looksLikeFlag) {
    throw usageError(
      `--${spec.name} needs a value`,
      `write --${spec.name} ${spec.value}${choicesText(spec)}`,
    );
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw usageError(
      `--${spec.name}: "${value}" is not allowed${suggestion(value, spec.choices)}`,
      `use one of ${spec.choices.join(", ")}`,
    );
  }
  return value;
}

function choicesText(spec: OptionSpec): string {
  return spec.choices === undefined ? "" : `, one of ${spec.choices.join(", ")}`;
}

function bindArguments(
  command: Command,
  positionals: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const bound = new Map<string, readonly string[]>();
  const specs = command.arguments ?? [];
  let used = 0;
  for (const spec of specs) {
    const values =
      spec.isVariadic === true ? positionals.slice(used) : positionals.slice(used, used + 1);
    used += values.length;
    if (values.length > 0) bound.set(spec.name, values);
    else if (spec.isRequired === true) throw missingArgument(command, spec);
  }
  const surplus = positionals[used];
  if (surplus !== undefined) {
    throw usageError(`unexpected argument "${surplus}"`, `usage: tulle ${usageLine(command)}`);
  }
  return bound;
}

function missingArgument(command: Command, spec: ArgumentSpec): Error {
  return usageError(`missing ${spec.name}: ${spec.summary}`, `usage: tulle ${usageLine(command)}`);
}

/** `get KIND [NAME...] [flags]`, as help and errors show it. */
export function usageLine(command: Command): string {
  const words = (command.arguments ?? []).map((spec) => {
    const name = spec.isVariadic === true ? `${spec.name}...` : spec.name;
    return spec.isRequired === true ? name : `[${name}]`;
  });
  const passthrough = command.passthrough === undefined ? [] : ["--", command.passthrough.name];
  return [command.name, ...words, "[flags]", ...passthrough].join(" ");
}

function createInput(
  command: Command,
  specs: readonly OptionSpec[],
  parsed: ParsedWords,
  argumentsByName: ReadonlyMap<string, readonly string[]>,
): CommandInput {
  /** Repeated single options: the last one counts, as in GNU tools. */
  const optionalString = (name: string): string | undefined =>
    parsed.options.get(name)?.at(-1) ?? specs.find((spec) => spec.name === name)?.default;
  const string = (name: string): string => {
    const value = optionalString(name);
    if (value !== undefined) return value;
    throw usageError(`--${name} is required`, `see \`tulle ${command.name} --help\``);
  };
  const optionalArgument = (name: string) => argumentsByName.get(name)?.[0];
  return {
    argument: (name) => {
      const value = optionalArgument(name);
      if (value === undefined) throw usageError(`missing ${name}`);
      return value;
    },
    optionalArgument,
    variadic: (name) => argumentsByName.get(name) ?? [],
    isSet: (name) => parsed.options.has(name),
    optionalString,
    string,
    strings: (name) => parsed.options.get(name) ?? [],
    integer: (name, bounds) => parseInteger(`--${name}`, string(name), bounds),
    durationMs: (name) => parseDurationMs(`--${name}`, string(name)),
    passthrough: parsed.passthrough,
  };
}

/** A whole number written in decimal; `where` names the field in the error. */
export function parseInteger(
  where: string,
  text: string,
  bounds: { readonly min: number; readonly max: number },
): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw usageError(`${where}: "${text}" is not a whole number from ${bounds.min} to ${bounds.max}`);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** A day; a longer wait is a mistake. */
const DURATION_MS_MAX = 24 * 3_600_000;

/** `500ms`, `30s`, `1m30s`, `2h`; a bare number is seconds. At most a day. */
export function parseDurationMs(where: string, text: string): number {
  let totalMs = 0;
  let matched = "";
  for (const [part, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    matched += part;
    totalMs += Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  }
  if (/^\d+(\.\d+)?$/.test(text)) {
    totalMs = Number(text) * 1000;
    matched = text;
  }
  if (text !== "" && matched === text && totalMs <= DURATION_MS_MAX) return totalMs;
  throw usageError(
    `${where}: "${text}" is not a duration of at most 24h`,
    "write for example 500ms, 30s, 1m30s or 2h",
  );
}
