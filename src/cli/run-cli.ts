/**
 * From a command line to an exit code: finds the command, loads its module, parses, runs, and turns what is
 * thrown into one or two lines on standard error.
 */
import type { Clock } from "../core/clock.ts";
import { MeshError, messageOf } from "../core/errors.ts";
import { findCredentials } from "./access/credentials.ts";
import { createAdminClient } from "./admin-client.ts";
import type { Command, CommandInput } from "./command.ts";
import type { CommandEntry } from "./command-entry.ts";
import type { CliContext, TextWriter } from "./context.ts";
import { exitCodeOf, usageError } from "./errors.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { findAdminAddress, isProcessAlive } from "./find-control-plane.ts";
import { colorModeOf, GLOBAL_OPTIONS, globalFlagsOf } from "./global-options.ts";
import { commandHelp, programHelp } from "./help.ts";
import { suggestion } from "./nearest.ts";
import { type ColorMode, createStyle, isColorWanted } from "./output/style.ts";
import { printable } from "./output/text-width.ts";
import { parseInput, takesNextWord } from "./parse.ts";

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The process as the CLI sees it. */
export interface CliProcess {
  /** The words after the program's name. */
  readonly words: readonly string[];
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readStdin(): Promise<string>;
  readonly isStdinTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Resolves with the exit code; never rejects for what a user can cause. */
export async function runCli(cli: CliProcess, commands: readonly CommandEntry[]): Promise<number> {
  try {
    return await dispatch(cli, commands);
  } catch (error) {
    writeError(cli, error);
    return exitCodeOf(error);
  }
}

async function dispatch(cli: CliProcess, commands: readonly CommandEntry[]): Promise<number> {
  const route = routeWords(cli.words, commands);
  if (route.kind === "program-help") {
    const stdout = writerOf(cli.stdout, "auto", cli.env);
    stdout.write(programHelp(commands, stdout));
    return EXIT_OK;
  }
  const command = await route.entry.load();
  const input = parseInput(command, route.words);
  const context = createContext(cli, command, input);
  if (input.isSet("help")) {
    context.stdout.write(commandHelp(command, context.stdout));
    return EXIT_OK;
  }
  return await command.run(context, input);
}

type Route =
  | { readonly kind: "program-help" }
  | { readonly kind: "command"; readonly entry: CommandEntry; readonly words: readonly string[] };

/** Finds the command's name among the words; global flags may stand before it. */
export function routeWords(words: readonly string[], commands: readonly CommandEntry[]): Route {
  const before: string[] = [];
  let index = 0;
  for (; index < words.length; index++) {
    const word = words[index] ?? "";
    if (!word.startsWith("-") || word === "-" || word === "--") break;
    before.push(word);
    if (takesNextWord(GLOBAL_OPTIONS, word) && index + 1 < words.length) {
      index += 1;
      before.push(words[index] ?? "");
    }
  }
  const rest = words.slice(index);
  if (rest.length === 0) return routeWithoutCommand(before, commands);
  if (rest[0] === "help") return routeHelp(rest.slice(1), commands);
  const entry = findEntry(rest, commands);
  const used = entry.name.split(" ").length;
  return { kind: "command", entry, words: [...before, ...rest.slice(used)] };
}

function routeWithoutCommand(flags: readonly string[], commands: readonly CommandEntry[]): Route {
  if (flags.includes("--version"))
    return { kind: "command", entry: findEntry(["version"], commands), words: [] };
  const unknown = flags.find((flag) => flag.startsWith("-") && !isGlobalFlag(flag));
  if (unknown !== undefined) {
    throw usageError(`unknown flag ${unknown} before a command`, "see `tulle --help`");
  }
  return { kind: "program-help" };
}

function isGlobalFlag(flag: string): boolean {
  const name = flag.split("=")[0] ?? "";
  return GLOBAL_OPTIONS.some(
    (spec) => `--${spec.name}` === name || `-${spec.short}` === name.slice(0, 2),
  );
}

function routeHelp(words: readonly string[], commands: readonly CommandEntry[]): Route {
  if (words.length === 0) return { kind: "program-help" };
  return { kind: "command", entry: findEntry(words, commands), words: ["--help"] };
}

/** The entry whose name the words begin with. A wrong word gets the nearest name. */
function findEntry(words: readonly string[], commands: readonly CommandEntry[]): CommandEntry {
  const [first = "", second = ""] = words;
  const found =
    commands.find((entry) => entry.name === `${first} ${second}`) ??
    commands.find((entry) => entry.name === first);
  if (found !== undefined) return found;
  const visible = commands.filter((entry) => entry.isHidden !== true).map((entry) => entry.name);
  const children = visible.filter((name) => name.startsWith(`${first} `));
  if (children.length > 0) {
    const names = children.map((name) => name.slice(first.length + 1));
    const problem =
      second === "" || second.startsWith("-")
        ? "needs a subcommand"
        : `has no subcommand "${second}"${suggestion(second, names)}`;
    throw usageError(`\`tulle ${first}\` ${problem}`, `use one of ${names.join(", ")}`);
  }
  throw usageError(
    `unknown command "${first}"${suggestion(first, visible)}`,
    "see `tulle --help` for the commands",
  );
}

function createContext(cli: CliProcess, command: Command, input: CommandInput): CliContext {
  const mode = colorModeOf(input);
  const globals = globalFlagsOf(command, input, cli.env);
  const stderr = writerOf(cli.stderr, mode, cli.env);
  const trace = (line: string): void => {
    if (globals.isVerbose) stderr.write(`${stderr.style.dim(printable(line))}\n`);
  };
  return {
    stdout: writerOf(cli.stdout, mode, cli.env),
    stderr,
    readStdin: cli.readStdin,
    isStdinTTY: cli.isStdinTTY,
    env: cli.env,
    cwd: cli.cwd,
    globals,
    clock: cli.clock,
    signal: cli.signal,
    adminClient: async ({ isAnonymous = false } = {}) => {
      const address = await findAdminAddress({
        controlPlane: globals.controlPlane,
        mesh: globals.mesh,
        env: cli.env,
        isAlive: isProcessAlive,
      });
      const credentials = await findCredentials(address, {
        ...globals,
        isAnonymous,
        cwd: cli.cwd,
        env: cli.env,
      });
      return createAdminClient(address, trace, credentials);
    },
  };
}

function writerOf(
  stream: OutputStream,
  mode: ColorMode,
  env: Readonly<Record<string, string | undefined>>,
): TextWriter {
  const isTTY = stream.isTTY === true;
  return {
    write: (text) => {
      stream.write(text);
    },
    isTTY,
    // A terminal that does not know its size says 0.
    columns: isTTY && (stream.columns ?? 0) > 0 ? stream.columns : undefined,
    style: createStyle(isColorWanted({ mode, isTTY, env })),
  };
}

/**
 * `error: …` and, on a second line, `hint: …`. A MeshError is foreseen, whoever threw it; anything else is a
 * defect, whose stack is shown when asked for.
 */
function writeError(cli: CliProcess, error: unknown): void {
  const { style } = writerOf(cli.stderr, "auto", cli.env);
  const isForeseen = error instanceof MeshError;
  const text = isForeseen ? error.message : `this is a defect of tulle: ${messageOf(error)}`;
  const lines = text.split("\n").map(printable).join("\n");
  cli.stderr.write(`${style.red("error:")} ${lines}\n`);
  const hint = isForeseen ? hintOf(error) : undefined;
  if (hint !== undefined) cli.stderr.write(`${style.cyan("hint:")} ${printable(hint)}\n`);
  if (isForeseen) return;
  const isVerbose = cli.words.includes("-v") || cli.words.includes("--verbose");
  if (isVerbose && error instanceof Error) cli.stderr.write(`${error.stack ?? ""}\n`);
  else cli.stderr.write("hint: run it again with -v to see where, and report it\n");
}

function hintOf(error: MeshError): string | undefined {
  const { hint } = error.detail as { readonly hint?: unknown };
  return typeof hint === "string" ? hint : undefined;
}
