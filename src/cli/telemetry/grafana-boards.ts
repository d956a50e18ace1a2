/** The queries of Grafana boards, as Grafana's own JSON has them: what a Prometheus must answer for them to show something. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { failedError } from "../errors.ts";

const boardSchema = z.object({
  title: z.string(),
  panels: z.array(
    z.object({
      title: z.string(),
      targets: z.array(z.object({ expr: z.string() })).default([]),
    }),
  ),
});

export interface PanelQuery {
  readonly board: string;
  readonly panel: string;
  /** PromQL with what Grafana would put in for its variables. */
  readonly expr: string;
}

/** `interval`: what `$__rate_interval` stands for. Throws CLI_FAILED for a file that is no board. */
export function readBoardQueries(folder: string, interval: string): readonly PanelQuery[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort();
  if (files.length === 0) throw failedError(`${folder} holds no boards`);
  return files.flatMap((name) => {
    const path = join(folder, name);
    const parsed = boardSchema.safeParse(jsonOf(readFileSync(path, "utf8")));
    if (!parsed.success) throw failedError(`${path} is no Grafana board`);
    const { title, panels } = parsed.data;
    return panels.flatMap(({ title: panel, targets }) =>
      targets.map(({ expr }) => ({ board: title, panel, expr: filledIn(expr, interval) })),
    );
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Every variable of ours may be "all", which is a matcher for everything. */
function filledIn(expr: string, interval: string): string {
  return expr
    .replaceAll("$__rate_interval", interval)
    .replaceAll(/\$(?:\{[a-z]\w*\}|[a-z]\w*)/g, ".*");
}
