/** `--help` as text: of the program, and of one command. Wrapped to the terminal, at most 100 columns. */
import type { Command, OptionSpec } from "./command.ts";
import { COMMAND_GROUPS, type CommandEntry, type CommandGroup } from "./command-entry.ts";
import { globalOptionsOf } from "./global-options.ts";
import type { Style } from "./output/style.ts";
import { textWidth, wrapText } from "./output/text-width.ts";
import { usageLine } from "./parse.ts";

const HELP_WIDTH_MAX = 100;

const GROUP_TITLES: Readonly<Record<CommandGroup, string>> = {
  run: "Run a mesh",
  configure: "Configure it",
  observe: "See the traffic",
  inspect: "See what it does",
  other: "Other",
};

const PROGRAM_INTRODUCTION =
  "Tulle is a service mesh: a sidecar beside each service, and a control plane that tells them what to do.";
const PROGRAM_HINT =
  "`tulle COMMAND --help` shows a command's arguments, flags and examples. Try `tulle demo` first.";

export interface HelpOptions {
  readonly style: Style;
  readonly columns: number | undefined;
}

/** What `tulle` and `tulle --help` print. */
export function programHelp(entries: readonly CommandEntry[], options: HelpOptions): string {
  const { style } = options;
  const shown = entries.filter((entry) => entry.isHidden !== true);
  const nameWidth = Math.max(...shown.map((entry) => entry.name.length));
  const groups = COMMAND_GROUPS.map((group) => {
    const rows = shown
      .filter((entry) => entry.group === group)
      .map((entry) =>
        row(style.cyan(entry.name), entry.name.length, nameWidth, entry.summary, options),
      );
    return `${style.bold(GROUP_TITLES[group])}\n${rows.join("")}`;
  });
  return [
    paragraphs(PROGRAM_INTRODUCTION, widthOf(options)),
    `${style.bold("Usage")}\n  tulle COMMAND [flags]\n`,
    ...groups,
    paragraphs(PROGRAM_HINT, widthOf(options)),
  ].join("\n");
}

/** What `tulle NAME --help` prints. */
export function commandHelp(command: Command, options: HelpOptions): string {
  const { style } = options;
  const width = widthOf(options);
  const sections = [
    `${wrapText(`${command.summary}.`, width).join("\n")}\n`,
    `${style.bold("Usage")}\n  tulle ${usageLine(command)}\n`,
    paragraphs(command.description, width),
  ];
  const argumentRows = [
    ...(command.arguments ?? []).map((spec) => ({ label: spec.name, summary: spec.summary })),
    ...(command.passthrough === undefined
      ? []
      : [{ label: `-- ${command.passthrough.name}`, summary: command.passthrough.summary }]),
  ];
  sections.push(rowsSection("Arguments", argumentRows, options));
  sections.push(rowsSection("Flags", (command.options ?? []).map(optionRow), options));
  sections.push(
    rowsSection(
      "Flags of every command",
      globalOptionsOf(command).map((spec) =>
        optionRow(spec.name === "output" ? outputOption(command, spec) : spec),
      ),
      options,
    ),
  );
  const examples = command.examples.map(
    (example) => `  ${style.dim(`# ${example.summary}`)}\n  ${example.line}\n`,
  );
  sections.push(`${style.bold("Examples")}\n${examples.join("\n")}`);
  return sections.filter((section) => section !== "").join("\n");
}

/** How help and the reference page write an option: `-n, --namespace NAME`. */
export function optionLabel(spec: OptionSpec): string {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `;
  return `${short}--${spec.name}${spec.value === undefined ? "" : ` ${spec.value}`}`;
}

/** The summary with what else there is to know: repeatable, choices, default. */
export function optionSummary(spec: OptionSpec): string {
  const notes = [
    ...(spec.isMultiple === true ? ["may be repeated"] : []),
    ...(spec.choices === undefined ? [] : [`one of ${spec.choices.join(", ")}`]),
    ...(spec.default === undefined ? [] : [`default ${spec.default}`]),
  ];
  return notes.length === 0 ? spec.summary : `${spec.summary} (${notes.join("; ")})`;
}

/** `--output` with the formats of this command. */
export function outputOption(command: Command, spec: OptionSpec): OptionSpec {
  const formats = command.formats ?? [];
  return {
    ...spec,
    choices: formats,
    ...(formats[0] === undefined ? {} : { default: formats[0] }),
  };
}

interface Row {
  readonly label: string;
  readonly summary: string;
}

function optionRow(spec: OptionSpec): Row {
  return { label: optionLabel(spec), summary: optionSummary(spec) };
}

function rowsSection(title: string, rows: readonly Row[], options: HelpOptions): string {
  if (rows.length === 0) return "";
  const labelWidth = Math.max(...rows.map((entry) => entry.label.length));
  const text = rows
    .map(({ label, summary }) =>
      row(options.style.cyan(label), label.length, labelWidth, summary, options),
    )
    .join("");
  return `${options.style.bold(title)}\n${text}`;
}

/** One row: the label, then the summary wrapped beside it. */
function row(
  painted: string,
  paintedWidth: number,
  labelWidth: number,
  summary: string,
  options: HelpOptions,
): string {
  const indent = labelWidth + 4;
  const lines = wrapText(summary, Math.max(30, widthOf(options) - indent));
  const padding = " ".repeat(labelWidth - paintedWidth + 2);
  const continuation = `\n${" ".repeat(indent)}`;
  return `  ${painted}${padding}${lines.join(continuation)}\n`;
}

function paragraphs(text: string, width: number): string {
  return text
    .split("\n\n")
    .map((paragraph) =>
      // A paragraph that is indented is shown as it is.
      textWidth(paragraph) > 0 && paragraph.startsWith("  ")
        ? `${paragraph}\n`
        : `${wrapText(paragraph.trim(), width).join("\n")}\n`,
    )
    .join("\n");
}

function widthOf(options: HelpOptions): number {
  return Math.min(HELP_WIDTH_MAX, options.columns ?? HELP_WIDTH_MAX);
}
