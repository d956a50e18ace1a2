/** `docs/reference/cli.md` from the definitions of the commands. A test compares it with the file. */
import type { Command, OptionSpec } from "./command.ts";
import { COMMAND_GROUPS, type CommandEntry, type CommandGroup } from "./command-entry.ts";
import { GLOBAL_OPTIONS } from "./global-options.ts";
import { optionLabel, optionSummary, outputOption } from "./help.ts";
import { KINDS } from "./kinds.ts";
import { usageLine } from "./parse.ts";

const GROUP_TITLES: Readonly<Record<CommandGroup, string>> = {
  run: "Run a mesh",
  configure: "Configure it",
  observe: "See the traffic",
  inspect: "See what it does",
  other: "Other",
};

const INTRODUCTION = `# Command line

Made from the command definitions by \`node scripts/generate-cli-reference.ts\`; do not edit.

\`tulle COMMAND --help\` prints the same. Data goes to standard output; progress, notes and errors go to standard error. The JSON and YAML of \`-o\` are the admin API's own objects.

## Exit codes

The same for every output format.

| code | meaning |
| --- | --- |
| 0 | it worked; an empty list is no failure |
| 1 | findings: documents refused, an object that does not exist, a check that fails, a proxy that refuses |
| 2 | the command line is wrong |
| 3 | the control plane, or a proxy's admin server, cannot be reached |
| 4 | what \`--wait\` waited for did not happen in time |

\`tulle run\` ends with the exit code of the command that it runs.

## Which control plane

In this order: \`--control-plane\`, \`TULLE_CONTROL_PLANE\`; else the control plane of \`--mesh\` (\`TULLE_MESH\`) on this machine; else the only one that runs on this machine. A running control plane is found by the file that it leaves in \`$TULLE_HOME/NAME\` (\`TULLE_HOME\` is \`~/.tulle\` by default).
`;

export async function referencePage(entries: readonly CommandEntry[]): Promise<string> {
  const visible = entries.filter((entry) => entry.isHidden !== true);
  const commands = await Promise.all(
    visible.map(async (entry) => ({ group: entry.group, command: await entry.load() })),
  );
  const groups = COMMAND_GROUPS.map((group) => {
    const own = commands.filter((one) => one.group === group);
    return [
      `## ${GROUP_TITLES[group]}\n`,
      ...own.map(({ command }) => commandSection(command)),
    ].join("\n");
  });
  return [INTRODUCTION, globalFlagsSection(), kindsSection(), ...groups].join("\n");
}

function globalFlagsSection(): string {
  return `## Flags of every command\n\nBefore or after the command's name.\n\n${optionsTable(GLOBAL_OPTIONS)}`;
}

function kindsSection(): string {
  const rows = KINDS.map(
    (names) =>
      `| ${names.kind} | ${[names.plural, ...names.shortNames].join(", ")} | ${names.isNamespaced ? "yes" : "no"} |\n`,
  );
  return `## Kinds\n\nWherever KIND is asked for, in any case.\n\n| kind | other names | in a namespace |\n| --- | --- | --- |\n${rows.join("")}`;
}

function commandSection(command: Command): string {
  const argumentRows = [
    ...(command.arguments ?? []).map((spec) => row(`\`${spec.name}\``, spec.summary)),
    ...(command.passthrough === undefined
      ? []
      : [row(`\`-- ${command.passthrough.name}\``, command.passthrough.summary)]),
  ];
  const own = [...(command.options ?? []), ...outputOptions(command)];
  return [
    `### tulle ${command.name}\n`,
    `${command.summary}.\n`,
    `\`\`\`text\ntulle ${usageLine(command)}\n\`\`\`\n`,
    `${command.description.trim()}\n`,
    ...(argumentRows.length === 0
      ? []
      : [`| argument | meaning |\n| --- | --- |\n${argumentRows.join("")}`]),
    ...(own.length === 0 ? [] : [optionsTable(own)]),
    `\`\`\`sh\n${command.examples.map(({ line, summary }) => `# ${summary}\n${line}\n`).join("\n")}\`\`\`\n`,
  ].join("\n");
}

function outputOptions(command: Command): readonly OptionSpec[] {
  const spec = GLOBAL_OPTIONS.find((option) => option.name === "output");
  return spec === undefined || command.formats === undefined ? [] : [outputOption(command, spec)];
}

function optionsTable(specs: readonly OptionSpec[]): string {
  const rows = specs.map((spec) => row(`\`${optionLabel(spec).trim()}\``, optionSummary(spec)));
  return `| flag | meaning |\n| --- | --- |\n${rows.join("")}`;
}

function row(label: string, text: string): string {
  return `| ${escapeCell(label)} | ${escapeCell(text)} |\n`;
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}
