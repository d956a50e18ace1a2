/**
 * What a command is: data that the parser, `--help`, shell completion and the reference page all read,
 * and one function that runs it. Each command is one module that exports `command`; the table in
 * `command-table.ts` loads that module only when the command is chosen.
 */
import type { CliContext } from "./context.ts";
import type { OutputFormat } from "./output/format.ts";

/** What shell completion offers for a value. */
export type CompletionSource =
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Names of the resource kinds. */
  | { readonly kind: "kinds" }
  /** Names of objects of the kind given by an earlier argument, or of a fixed kind. */
  | {
      readonly kind: "names";
      readonly of: { readonly argument: string } | { readonly kind: string };
    }
  /** Instance names of connected proxies. */
  | { readonly kind: "proxies" }
  | { readonly kind: "namespaces" }
  | { readonly kind: "files" };

export interface OptionSpec {
  /** Long name without the dashes, kebab-case. Also the key in {@link CommandInput}. */
  readonly name: string;
  /** One letter, without the dash. */
  readonly short?: string;
  /** Placeholder of the value, upper case (`FILE`). Absent: the option is a switch. */
  readonly value?: string;
  /** The option may be given several times. Only with `value`. */
  readonly isMultiple?: boolean;
  /** One line, no full stop. */
  readonly summary: string;
  /** Used when the option is absent; shown in help. Same syntax as on the command line. */
  readonly default?: string;
  /** The only values accepted. */
  readonly choices?: readonly string[];
  readonly completion?: CompletionSource;
}

export interface ArgumentSpec {
  /** Upper case, as help shows it (`KIND`). Also the key in {@link CommandInput}. */
  readonly name: string;
  readonly summary: string;
  readonly isRequired?: boolean;
  /** Takes all that remains. Only the last argument. */
  readonly isVariadic?: boolean;
  readonly completion?: CompletionSource;
}

export interface Example {
  /** A whole command line, beginning with `tulle`. */
  readonly line: string;
  /** What it does: one line, no full stop. */
  readonly summary: string;
}

export interface Command {
  /** One or two words as typed (`get`, `proxy config`). */
  readonly name: string;
  /** One line, no full stop. */
  readonly summary: string;
  /** Paragraphs, separated by an empty line. */
  readonly description: string;
  readonly examples: readonly Example[];
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** The formats that `-o` accepts here. Absent: the command has no `-o`. The first is the default. */
  readonly formats?: readonly OutputFormat[];
  /** What may follow `--`, as help shows it (`COMMAND...`). Absent: nothing may. */
  readonly passthrough?: { readonly name: string; readonly summary: string };
  /**
   * Resolves with the process's exit code; see `exit-codes.ts`. Failures that a user can cause are thrown
   * as `CliError`. Ends early when `context.signal` aborts.
   */
  run(context: CliContext, input: CommandInput): Promise<number>;
}

/** A parsed command line: every value has passed the checks that its spec asks for. */
export interface CommandInput {
  /** The value of an argument that is required. */
  argument(name: string): string;
  optionalArgument(name: string): string | undefined;
  /** The values of the variadic argument. */
  variadic(name: string): readonly string[];
  isSet(option: string): boolean;
  string(option: string): string;
  optionalString(option: string): string | undefined;
  strings(option: string): readonly string[];
  /** A whole number within the bounds; anything else is a usage error that names the option. */
  integer(option: string, bounds: { readonly min: number; readonly max: number }): number;
  /** A duration such as `500ms`, `30s`, `5m`, `1h`, in milliseconds. */
  durationMs(option: string): number;
  /** The words after `--`. */
  readonly passthrough: readonly string[];
}
