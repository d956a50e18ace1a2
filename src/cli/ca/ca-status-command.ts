/** `tulle ca status`: roots, who depends on each, and the rotation. */
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { statusText } from "./ca-text.ts";

export const command: Command = {
  name: "ca status",
  summary: "Show the roots, who depends on each, and how a rotation stands",
  description:
    "For each root: whether its key signs, when it expires, how many certificates are under it and how many proxies have acknowledged it. Then whoever is behind: holders of certificates under other roots than the active one, proxies that do not trust it yet, and the last rotation.",
  examples: [
    { line: "tulle ca status", summary: "How the authority stands" },
    { line: "tulle ca status -o json", summary: "With every certificate that is out" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext): Promise<number> {
  const client = await context.adminClient();
  const ca = await client.ca();
  const { stdout, clock } = context;
  await writeResult(context, {
    data: ca,
    table: () =>
      statusText(ca, { style: stdout.style, width: stdout.columns, nowMs: clock.nowMs() }),
  });
  return EXIT_OK;
}
