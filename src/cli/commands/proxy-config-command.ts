/** `tulle proxy config`: what a proxy itself says that it runs. */
import type { Command, CommandInput } from "../command.ts";
import { CONFIG_SECTIONS, type ConfigSection, sectionDump, sectionTable } from "../config-dump.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { suggestion } from "../nearest.ts";
import { renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";
import { askProxyJson, findProxyAdmin } from "../proxy-admin.ts";

export const command: Command = {
  name: "proxy config",
  summary: "Show the configuration that a proxy runs, as the proxy itself tells it",
  description: `Asks the proxy's admin server (its address is known from the control plane) for its configuration dump: for our sidecar and for Envoy the same. Without a section every table is printed; bootstrap has no table and is shown as JSON.

endpoints says which of them the proxy uses, where it uses a part (loadBalancer.subsetting).

-o json and -o yaml print the dump's own messages (envoy.admin.v3).`,
  examples: [
    { line: "tulle proxy config storefront-x7k2p", summary: "All sections as tables" },
    { line: "tulle proxy config storefront-x7k2p routes", summary: "Its routes" },
    {
      line: "tulle proxy config storefront-x7k2p clusters -o json",
      summary: "Its clusters as Envoy's JSON",
    },
  ],
  arguments: [
    {
      name: "INSTANCE",
      summary: "The instance, as `tulle status` names it",
      isRequired: true,
      completion: { kind: "proxies" },
    },
    {
      name: "SECTION",
      summary: CONFIG_SECTIONS.join(", "),
      completion: { kind: "words", words: CONFIG_SECTIONS },
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const section = parseSection(input.optionalArgument("SECTION"));
  const client = await context.adminClient();
  const { address } = await findProxyAdmin(client, input.argument("INSTANCE"));
  // Endpoints are left out of a dump unless asked for (Envoy admin: `include_eds`).
  const dump = await askProxyJson(address, "/config_dump?include_eds");
  const isShown = section === undefined || section === "endpoints";
  const clusters = isShown ? await askProxyJson(address, "/clusters?format=json") : undefined;
  await writeResult(context, {
    data: section === undefined ? dump : sectionDump(dump, section),
    table: () =>
      section === undefined
        ? CONFIG_SECTIONS.filter((name) => name !== "bootstrap")
            .map((name) => {
              const text = tableText(context, { dump, clusters }, name);
              return `${context.stdout.style.bold(name)}\n${text}`;
            })
            .join("\n")
        : tableText(context, { dump, clusters }, section),
  });
  return EXIT_OK;
}

function parseSection(word: string | undefined): ConfigSection | undefined {
  if (word === undefined) return undefined;
  const found = CONFIG_SECTIONS.find((section) => section === word || section === `${word}s`);
  if (found !== undefined) return found;
  throw usageError(
    `unknown section "${word}"${suggestion(word, CONFIG_SECTIONS)}`,
    `the sections are ${CONFIG_SECTIONS.join(", ")}`,
  );
}

interface Told {
  readonly dump: unknown;
  readonly clusters: unknown;
}

function tableText(context: CliContext, { dump, clusters }: Told, section: ConfigSection): string {
  if (section === "bootstrap") {
    return `${JSON.stringify(sectionDump(dump, section), null, 2)}\n`;
  }
  const { columns, rows } = sectionTable(dump, section, clusters);
  if (rows.length === 0) return "none\n";
  return renderTable({
    columns,
    rows,
    style: context.stdout.style,
    width: context.stdout.columns,
  });
}
