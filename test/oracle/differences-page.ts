/** The reference page about Envoy, written from the list that the oracle is held against. */
import type { OracleCase } from "./case.ts";
import { tcpCases } from "./corpus/tcp.ts";
import type { Difference } from "./difference.ts";
import { NORMALISED } from "./observation.ts";

export const PAGE_PATH = "docs/reference/envoy-differences.md";

const INTRODUCTION = `# Differences from Envoy

Tulle's sidecar reads the same configuration as Envoy and is held against a real one: \`test/oracle\` starts both from one
bootstrap file and from one ADS server, sends the same bytes to both, and compares what comes back, what reaches the
upstreams, whether connections live on, and what the access logs say. What differs is on this page, which is written
from the list that the test reads: a difference that is not listed fails the test, and so does one that is gone.

Fields of Envoy's configuration that Tulle does not implement are not differences: a file or resource that sets one is
refused, with its path. Nothing is ignored.
`;

export function differencesPage(
  differences: readonly Difference[],
  corpus: readonly OracleCase[],
): string {
  const meshes = new Set(corpus.map(({ config }) => config)).size - 1;
  const scope = `${corpus.length} cases of HTTP/1.1 and HTTP/2 and ${tcpCases.length} of TCP, ${meshes} of the meshes under \`examples/\` and \`src/translate/testdata\` and one bootstrap file.`;
  return [
    INTRODUCTION,
    `Compared: ${scope}\n`,
    ...differences.map(section),
    "## What is not compared\n",
    "| what | why |\n|---|---|",
    ...Object.entries(NORMALISED).map(([what, why]) => `| ${what} | ${why} |`),
    "",
  ].join("\n");
}

function section({ id, envoy, tulle, reason, seen }: Difference): string {
  const names = [...new Set(seen.flatMap(({ cases }) => (cases === "any" ? [] : cases)))];
  const list = names.map((name) => `\`${name}\``).join(", ");
  return [
    `## ${heading(id)}\n`,
    "| | |\n|---|---|",
    `| Envoy | ${cell(envoy)} |`,
    `| Tulle | ${cell(tulle)} |`,
    `| Why | ${cell(reason)} |`,
    ...(names.length === 0 ? [] : [`| Cases | ${list} |`]),
    "",
  ].join("\n");
}

function heading(id: string): string {
  return `${id.charAt(0).toUpperCase()}${id.slice(1)}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
