/** `tulle check`: asks everything that must be right for the mesh to work, in the order in which it breaks. */
import { type CheckItem, type CheckSection, checkSections } from "../check-sections.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { exitCodeOf } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { findingLines } from "../findings.ts";
import type { Style } from "../output/style.ts";
import { printable } from "../output/text-width.ts";
import { writeResult } from "../output/write-result.ts";

const DAY_MS = 86_400_000;

export const command: Command = {
  name: "check",
  summary: "Check that everything is right, with a hint for each thing that is not",
  description: `Marks: √ right, ‼ works but deserves a look, × wrong. Whatever is not right comes with a hint.

Exit code 0 when nothing is wrong (warnings included), 1 when something is, 3 when no control plane can be reached. With --quiet only what is not right is printed.

Certificates of workloads renew themselves at half of their life: one that has not by 70 % is a warning, by 95 % an error. --fail-if-cert-expires-in is about roots.`,
  examples: [
    { line: "tulle check", summary: "Check the control plane, the proxies and the resources" },
    { line: "tulle check -q", summary: "Print only what is not right" },
    { line: "tulle check -o json", summary: "For a program" },
    {
      line: "tulle check --fail-if-cert-expires-in 60d",
      summary: "Fail two months before a root does",
    },
  ],
  options: [
    {
      name: "fail-on",
      value: "SEVERITY",
      choices: ["warning", "error"],
      default: "error",
      summary: "The least severity that makes exit code 1",
      completion: { kind: "words", words: ["warning", "error"] },
    },
    {
      name: "fail-if-cert-expires-in",
      value: "DURATION",
      summary: "A root that expires sooner is wrong: 30d, 12h. Default: 7d; 30d deserves a look",
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const { sections, failure } = await checkSections(context, expiryOf(input));
  const items = sections.flatMap((section) => section.items);
  const hasFailed = items.some((item) => item.status === "fail");
  const hasWarned = items.some((item) => item.status === "warn");
  await writeResult(context, {
    data: { ok: !hasFailed, sections },
    table: () => checkText(sections, context),
  });
  // The reason is printed with its check.
  if (failure !== undefined) return exitCodeOf(failure);
  if (hasFailed) return EXIT_FINDINGS;
  return hasWarned && input.string("fail-on") === "warning" ? EXIT_FINDINGS : EXIT_OK;
}

/** Roots live for years: days are what they are counted in. */
function expiryOf(input: CommandInput): number | undefined {
  const text = input.optionalString("fail-if-cert-expires-in");
  if (text === undefined) return undefined;
  const days = /^(\d{1,5})d$/.exec(text);
  return days === null ? input.durationMs("fail-if-cert-expires-in") : Number(days[1]) * DAY_MS;
}

function checkText(sections: readonly CheckSection[], context: CliContext): string {
  const { style } = context.stdout;
  const { isQuiet } = context.globals;
  const texts = sections
    .map((section) => {
      const items = section.items.filter((item) => !isQuiet || item.status !== "pass");
      if (items.length === 0) return "";
      const underline = "-".repeat(section.title.length);
      return `${style.bold(section.title)}\n${underline}\n${items.map((item) => itemText(item, style)).join("")}\n`;
    })
    .join("");
  const worst = worstOf(sections.flatMap((section) => section.items));
  return isQuiet && worst === "pass"
    ? ""
    : `${texts}Status check results are ${markOf(worst, style)}\n`;
}

function itemText(item: CheckItem, style: Style): string {
  return `${markOf(item.status, style)} ${printable(item.title)}\n${findingLines(item.findings, style, "    ")}`;
}

function worstOf(items: readonly CheckItem[]): CheckItem["status"] {
  if (items.some((item) => item.status === "fail")) return "fail";
  return items.some((item) => item.status === "warn") ? "warn" : "pass";
}

function markOf(status: CheckItem["status"], style: Style): string {
  switch (status) {
    case "pass":
      return style.green("√");
    case "warn":
      return style.yellow("‼");
    case "fail":
      return style.red("×");
  }
}
