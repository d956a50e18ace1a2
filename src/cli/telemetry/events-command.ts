/** `tulle events`: what happened in the mesh. */
import type { MeshEvent } from "../../control-plane/telemetry-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import type { Style } from "../output/style.ts";
import { printable } from "../output/text-width.ts";
import { writeResult } from "../output/write-result.ts";
import { WINDOW_OPTIONS, windowQuery } from "./window-options.ts";

const TYPES = [
  "config",
  "instance",
  "ejection",
  "certificate",
  "security",
  "rollout",
  "proxy",
  "control-plane",
];

export const command: Command = {
  name: "events",
  summary: "Show what happened in the mesh: changes, ejections, certificates, denials",
  description:
    "The oldest first. With --follow it goes on until interrupted; then -o json writes an event on each line.",
  examples: [
    { line: "tulle events --since 1h", summary: "The last hour" },
    { line: "tulle events --follow --type ejection", summary: "Ejections as they come" },
  ],
  options: [
    ...WINDOW_OPTIONS,
    {
      name: "type",
      value: "TYPE",
      choices: TYPES,
      summary: "Only events of this type",
      completion: { kind: "words", words: TYPES },
    },
    { name: "lines", value: "COUNT", default: "50", summary: "How many" },
    { name: "follow", short: "f", summary: "Go on with what comes" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const { telemetry } = await context.adminClient();
  const type = input.optionalString("type");
  const limit = String(input.integer("lines", { min: 1, max: 1000 }));
  const query = windowQuery(context, input);
  const data = await telemetry.events({ ...query, type, limit });
  const events = data.events.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time));
  if (!input.isSet("follow")) {
    const table = () => events.map((event) => eventLine(event, context.stdout.style)).join("");
    await writeResult(context, { data, table });
    return EXIT_OK;
  }
  for (const event of events) write(context, event);
  const { namespace } = query;
  for await (const event of telemetry.followEvents({ namespace, type }, context.signal)) {
    write(context, event);
  }
  return EXIT_OK;
}

function write({ stdout, globals }: CliContext, event: MeshEvent): void {
  const isTable = globals.output === "table";
  stdout.write(isTable ? eventLine(event, stdout.style) : `${JSON.stringify(event)}\n`);
}

function eventLine(event: MeshEvent, style: Style): string {
  const { severity } = event;
  const paint =
    severity === "error" ? style.red : severity === "warning" ? style.yellow : style.dim;
  const mark = severity === "error" ? "■" : severity === "warning" ? "▲" : "·";
  const actor = event.actor === null ? "" : `  by ${printable(event.actor)}`;
  return `${style.dim(event.time)}  ${paint(`${mark} ${event.type}`)}  ${printable(event.subject)}  ${printable(event.message)}${actor}\n`;
}
