/** The flags that every command takes, before or after its name. */

import type { Command, CommandInput, OptionSpec } from "./command.ts";
import type { GlobalFlags } from "./context.ts";
import { usageError } from "./errors.ts";
import { suggestion } from "./nearest.ts";
import { OUTPUT_FORMATS, type OutputFormat } from "./output/format.ts";
import type { ColorMode } from "./output/style.ts";

const COLOR_MODES = ["auto", "always", "never"] as const;

/** RFC 1123 label, as Kubernetes limits names of namespaces. */
const NAMESPACE_PATTERN = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const DEFAULT_NAMESPACE = "default";

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    name: "control-plane",
    value: "ADDRESS",
    summary:
      "Admin address: http(s)://HOST:PORT or unix:/PATH (TULLE_CONTROL_PLANE). Default: the one running here",
  },
  {
    name: "token-file",
    value: "FILE",
    summary: "Shows the token in this file to the control plane (TULLE_TOKEN: the token itself)",
    completion: { kind: "files" },
  },
  {
    name: "ca-file",
    value: "FILE",
    summary: "Roots that the certificate of an https control plane must come from (TULLE_CA_FILE)",
    completion: { kind: "files" },
  },
  {
    name: "mesh",
    value: "NAME",
    summary: "The mesh whose control plane runs here, when several do (TULLE_MESH)",
  },
  {
    name: "namespace",
    short: "n",
    value: "NAME",
    summary: `Namespace (TULLE_NAMESPACE). Default: ${DEFAULT_NAMESPACE}`,
    completion: { kind: "namespaces" },
  },
  {
    name: "output",
    short: "o",
    value: "FORMAT",
    summary: "Output format",
    completion: { kind: "words", words: OUTPUT_FORMATS },
  },
  {
    name: "color",
    value: "WHEN",
    choices: COLOR_MODES,
    default: "auto",
    summary: "Colours; auto also obeys NO_COLOR and TERM=dumb",
    completion: { kind: "words", words: COLOR_MODES },
  },
  { name: "verbose", short: "v", summary: "Say more about what happens, on standard error" },
  {
    name: "quiet",
    short: "q",
    summary: "No progress and no confirmations; data and errors remain",
  },
  { name: "help", short: "h", summary: "Show this help" },
];

/** The global options that `command` has a use for: `-o` only where there are formats. */
export function globalOptionsOf(command: Command): readonly OptionSpec[] {
  return GLOBAL_OPTIONS.filter(
    (option) => option.name !== "output" || command.formats !== undefined,
  );
}

export function colorModeOf(input: CommandInput): ColorMode {
  const mode = input.string("color");
  return COLOR_MODES.find((known) => known === mode) ?? "auto";
}

/** Reads the global flags, the environment standing in for those that are absent. */
export function globalFlagsOf(
  command: Command,
  input: CommandInput,
  env: Readonly<Record<string, string | undefined>>,
): GlobalFlags {
  const fromEnv = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const namespace =
    input.optionalString("namespace") ?? fromEnv("TULLE_NAMESPACE") ?? DEFAULT_NAMESPACE;
  if (!NAMESPACE_PATTERN.test(namespace)) {
    const where = input.isSet("namespace") ? "--namespace" : "TULLE_NAMESPACE";
    throw usageError(
      `${where}: "${namespace}" is not a namespace name`,
      "use at most 63 lower-case letters, digits and dashes, beginning and ending with a letter or digit",
    );
  }
  return {
    controlPlane: input.optionalString("control-plane") ?? fromEnv("TULLE_CONTROL_PLANE"),
    tokenFile: input.optionalString("token-file"),
    caFile: input.optionalString("ca-file"),
    mesh: input.optionalString("mesh") ?? fromEnv("TULLE_MESH"),
    namespace,
    isNamespaceGiven: input.isSet("namespace"),
    output: outputFormatOf(command, input),
    isVerbose: input.isSet("verbose"),
    isQuiet: input.isSet("quiet"),
  };
}

function outputFormatOf(command: Command, input: CommandInput): OutputFormat {
  const formats = command.formats ?? ["table"];
  const wanted = input.optionalString("output");
  if (wanted === undefined) return formats[0] ?? "table";
  const format = formats.find((known) => known === wanted);
  if (command.formats !== undefined && format !== undefined) return format;
  if (command.formats === undefined) {
    throw usageError(`\`tulle ${command.name}\` has no --output`, "leave out -o");
  }
  throw usageError(
    `--output: "${wanted}" is not a format of \`tulle ${command.name}\`${suggestion(wanted, formats)}`,
    `use one of ${formats.join(", ")}`,
  );
}
