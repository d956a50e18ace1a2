/** `tulle check metrics`: whether a Prometheus has what the Grafana boards show. */
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { CliError, usageError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { printable } from "../output/text-width.ts";
import { writeResult } from "../output/write-result.ts";
import { type PanelQuery, readBoardQueries } from "./grafana-boards.ts";

const BOARDS = join(import.meta.dirname, "..", "..", "..", "deploy", "grafana", "boards");
const ANSWER_TIMEOUT_MS = 30_000;

export const command: Command = {
  name: "check metrics",
  summary: "Check that a Prometheus has what each panel of the Grafana boards shows",
  description: `Asks every query of the boards of this package, or of --boards, and says which panels would be empty. Mostly the cause is how Prometheus scrapes: a target that is down, or labels that are missing.

Exit code 1 when a panel has no data, 3 when Prometheus cannot be asked.`,
  examples: [
    { line: "tulle check metrics", summary: "Ask the Prometheus of this machine" },
    {
      line: "tulle check metrics --prometheus http://prometheus:9090 --boards my-boards",
      summary: "Another one, and boards of your own",
    },
  ],
  options: [
    {
      name: "prometheus",
      value: "URL",
      default: "http://127.0.0.1:9090",
      summary: "Where its HTTP API is",
    },
    {
      name: "boards",
      value: "FOLDER",
      summary: "Boards as Grafana exports them",
      completion: { kind: "files" },
    },
    { name: "interval", value: "DURATION", default: "5m", summary: "Over which rates are taken" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

interface PanelCheck extends PanelQuery {
  readonly series: number;
  /** Why Prometheus refused the query. */
  readonly error: string | null;
}

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const url = URL.parse(input.string("prometheus"));
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usageError("--prometheus: that is no URL", "write http://HOST:9090");
  }
  const intervalSeconds = Math.ceil(input.durationMs("interval") / 1000);
  const queries = readBoardQueries(input.optionalString("boards") ?? BOARDS, `${intervalSeconds}s`);
  const checks: PanelCheck[] = [];
  for (const query of queries) checks.push(await ask(url, query, context.signal));
  const empty = checks.filter(({ series }) => series === 0);
  await writeResult(context, {
    data: { ok: empty.length === 0, checks },
    table: () => checksText(context, checks),
  });
  return empty.length === 0 ? EXIT_OK : EXIT_FINDINGS;
}

const answerSchema = z.union([
  z.object({ status: z.literal("success"), data: z.object({ result: z.array(z.unknown()) }) }),
  z.object({ status: z.literal("error"), error: z.string() }),
]);

async function ask(base: URL, query: PanelQuery, signal: AbortSignal): Promise<PanelCheck> {
  const url = new URL(`${base.pathname.replace(/\/$/, "")}/api/v1/query`, base);
  url.searchParams.set("query", query.expr);
  const answer = answerSchema.safeParse(await fetchJson(url, signal));
  if (!answer.success) throw cannotAsk(base, "it does not answer as Prometheus does");
  const { data } = answer;
  if (data.status === "error") return { ...query, series: 0, error: data.error };
  return { ...query, series: data.data.result.length, error: null };
}

async function fetchJson(url: URL, signal: AbortSignal): Promise<unknown> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  try {
    return await (await fetch(url, { signal: deadline })).json();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw cannotAsk(url, messageOf(cause));
  }
}

function cannotAsk(url: URL, why: string): CliError {
  return new CliError(
    "CLI_CANNOT_CONNECT",
    `Prometheus at ${url.origin} cannot be asked: ${why}`,
    "start it with deploy/prometheus/prometheus.yml, or name another with --prometheus",
  );
}

function checksText(context: CliContext, checks: readonly PanelCheck[]): string {
  const { style } = context.stdout;
  const isQuiet = context.globals.isQuiet;
  const boards = [...new Set(checks.map(({ board }) => board))];
  const text = boards.map((board) => {
    const lines = checks
      .filter((check) => check.board === board && !(isQuiet && check.series > 0))
      .map(({ panel, series, error, expr }) => {
        if (series > 0) return `  ${style.green("√")} ${printable(panel)}\n`;
        const why = error === null ? "no data" : printable(error);
        return `  ${style.red("×")} ${printable(panel)}: ${why}\n    ${style.dim(expr)}\n`;
      });
    return lines.length === 0 ? "" : `${style.bold(board)}\n${lines.join("")}\n`;
  });
  const empty = checks.filter(({ series }) => series === 0).length;
  const sum =
    empty === 0
      ? `${checks.length} queries, all with data\n`
      : `${empty} of ${checks.length} queries have no data\n  hint: ${"`up` in Prometheus says which targets are scraped; see docs/guides/prometheus.md"}\n`;
  return `${text.join("")}${sum}`;
}
