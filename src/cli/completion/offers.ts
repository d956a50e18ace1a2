/**
 * What can stand at the cursor, from the command table and the specs alone. Names of objects come from the
 * control plane through `live`; a slow or absent one only means fewer offers.
 */
import type { Command, CompletionSource, OptionSpec } from "../command.ts";
import type { CommandEntry } from "../command-entry.ts";
import { GLOBAL_OPTIONS, globalOptionsOf } from "../global-options.ts";
import { findKind, KINDS } from "../kinds.ts";
import { takesNextWord } from "../parse.ts";

export interface Offer {
  readonly word: string;
  readonly description: string;
}

export interface Offers {
  readonly offers: readonly Offer[];
  /** The shell completes file names. */
  readonly isFiles: boolean;
}

/** Names that only the control plane knows. */
export interface LiveNames {
  objects(kind: string): Promise<readonly string[]>;
  proxies(): Promise<readonly string[]>;
  namespaces(): Promise<readonly string[]>;
}

const NOTHING: Offers = { offers: [], isFiles: false };

/** `words` are those after the program's name; the last one is being typed and may be empty. */
export async function completeWords(
  words: readonly string[],
  commands: readonly CommandEntry[],
  live: LiveNames,
): Promise<Offers> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const visible = commands.filter((entry) => entry.isHidden !== true);
  const start = skipFlags(before, 0, GLOBAL_OPTIONS);
  const name = before.slice(start);
  const entry = findEntry(name, visible);
  const all =
    entry === undefined
      ? await completeCommand({ before, name, typed, visible, live })
      : await completeInCommand(await entry.load(), {
          words: [...before.slice(0, start), ...name.slice(entry.name.split(" ").length)],
          typed,
          live,
        });
  return { ...all, offers: all.offers.filter((offer) => offer.word.startsWith(typed)) };
}

interface CommandPosition {
  readonly before: readonly string[];
  /** The words from the command's name on. */
  readonly name: readonly string[];
  readonly typed: string;
  readonly visible: readonly CommandEntry[];
  readonly live: LiveNames;
}

/** No whole command yet: a command, the second word of one, a global flag or its value. */
async function completeCommand(position: CommandPosition): Promise<Offers> {
  const { before, name, typed, visible, live } = position;
  const awaiting = optionAwaitingValue(before, GLOBAL_OPTIONS);
  if (awaiting !== undefined) return await fromSource(awaiting.completion, [], undefined, live);
  if (typed.startsWith("-")) return flags(GLOBAL_OPTIONS);
  const words = new Map<string, string>();
  for (const entry of visible) {
    const parts = entry.name.split(" ");
    const isHere = name.every((word, index) => parts[index] === word);
    const next = parts[name.length];
    if (!isHere || next === undefined) continue;
    words.set(next, parts.length > name.length + 1 ? `${next} commands` : entry.summary);
  }
  return toOffers([...words].map(([word, description]) => ({ word, description })));
}

interface Position {
  readonly words: readonly string[];
  readonly typed: string;
  readonly live: LiveNames;
}

async function completeInCommand(command: Command, position: Position): Promise<Offers> {
  const { words, typed, live } = position;
  const specs = [...(command.options ?? []), ...globalOptionsOf(command)];
  // What follows -- is another program's command line.
  if (words.includes("--")) return { offers: [], isFiles: true };
  const awaiting = optionAwaitingValue(words, specs);
  if (awaiting !== undefined)
    return await fromSource(optionSource(command, awaiting), [], command, live);
  if (typed.startsWith("--") && typed.includes("="))
    return await inlineValue(command, specs, position);
  if (typed.startsWith("-")) return flags(specs);
  const positionals = withoutFlags(words, specs);
  const argumentSpecs = command.arguments ?? [];
  const last = argumentSpecs.at(-1);
  const spec = argumentSpecs[positionals.length] ?? (last?.isVariadic === true ? last : undefined);
  if (spec === undefined) return NOTHING;
  return await fromSource(spec.completion, positionals, command, live);
}

/** `--name=value`: the offers carry the part before the value too. */
async function inlineValue(
  command: Command,
  specs: readonly OptionSpec[],
  { typed, live }: Position,
): Promise<Offers> {
  const name = typed.slice(2, typed.indexOf("="));
  const spec = specs.find((option) => option.name === name);
  if (spec === undefined) return NOTHING;
  const found = await fromSource(optionSource(command, spec), [], command, live);
  const offers = found.offers.map((offer) => ({ ...offer, word: `--${name}=${offer.word}` }));
  return { ...found, offers };
}

function optionSource(command: Command, spec: OptionSpec): CompletionSource | undefined {
  if (spec.name === "output") return { kind: "words", words: command.formats ?? [] };
  if (spec.completion !== undefined || spec.choices === undefined) return spec.completion;
  return { kind: "words", words: spec.choices };
}

async function fromSource(
  source: CompletionSource | undefined,
  positionals: readonly string[],
  command: Command | undefined,
  live: LiveNames,
): Promise<Offers> {
  if (source === undefined) return NOTHING;
  const plain = (words: readonly string[]): Offers =>
    toOffers(words.map((word) => ({ word, description: "" })));
  switch (source.kind) {
    case "files":
      return { offers: [], isFiles: true };
    case "words":
      return plain(source.words);
    case "kinds":
      return toOffers(KINDS.map((names) => ({ word: names.plural, description: names.kind })));
    case "proxies":
      return plain(await live.proxies());
    case "namespaces":
      return plain(await live.namespaces());
    case "names": {
      const kindWord =
        "kind" in source.of
          ? source.of.kind
          : argumentValue(source.of.argument, positionals, command);
      const kind = findKind(kindWord ?? "");
      if (kind === undefined) return NOTHING;
      const names = await live.objects(kind.kind);
      return plain(names.filter((name) => !positionals.slice(1).includes(name)));
    }
  }
}

function argumentValue(
  name: string,
  positionals: readonly string[],
  command: Command | undefined,
): string | undefined {
  return positionals[(command?.arguments ?? []).findIndex((spec) => spec.name === name)];
}

function flags(specs: readonly OptionSpec[]): Offers {
  return toOffers(specs.map((spec) => ({ word: `--${spec.name}`, description: spec.summary })));
}

function toOffers(offers: readonly Offer[]): Offers {
  return { offers, isFiles: false };
}

/** The option whose value comes next, when the last word is such an option. */
function optionAwaitingValue(
  words: readonly string[],
  specs: readonly OptionSpec[],
): OptionSpec | undefined {
  let awaiting: OptionSpec | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    awaiting = undefined;
    if (!word.startsWith("-") || !takesNextWord(specs, word)) continue;
    awaiting = specs.find((spec) => word === `--${spec.name}` || word === `-${spec.short}`);
    index += 1;
    if (index < words.length) awaiting = undefined;
  }
  return awaiting;
}

function withoutFlags(words: readonly string[], specs: readonly OptionSpec[]): readonly string[] {
  const kept: string[] = [];
  for (let index = 0; index < words.length; ) {
    const next = skipFlags(words, index, specs);
    const word = words[next];
    if (word !== undefined) kept.push(word);
    index = next + 1;
  }
  return kept;
}

/** The index of the first word from `start` on that is neither a flag nor the value of one. */
function skipFlags(words: readonly string[], start: number, specs: readonly OptionSpec[]): number {
  let index = start;
  while (index < words.length) {
    const word = words[index] ?? "";
    if (!word.startsWith("-") || word === "-") break;
    index += takesNextWord(specs, word) ? 2 : 1;
  }
  return Math.min(index, words.length);
}

function findEntry(
  words: readonly string[],
  visible: readonly CommandEntry[],
): CommandEntry | undefined {
  const [first, second] = words;
  return (
    visible.find((entry) => entry.name === `${first} ${second}`) ??
    visible.find((entry) => entry.name === first)
  );
}
