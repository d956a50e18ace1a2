/**
 * What a Grafana board is made of, in few words, and how it becomes Grafana's JSON. A panel names its queries; where
 * it stands follows from its size: boards are filled row by row, 24 columns wide.
 */

export interface Query {
  /** PromQL. `$__rate_interval` is Grafana's. */
  readonly expr: string;
  /** `{{label}}` as Grafana has it. */
  readonly legend: string;
  /** The value of now, for tables and single figures. */
  readonly isInstant?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly kind: "timeseries" | "stat" | "table" | "heatmap";
  readonly queries: readonly Query[];
  /** Grafana's unit id. */
  readonly unit: string;
  /** What it tells, and what to do when it looks wrong. */
  readonly description?: string;
  /** Of 24 columns; a third by default. */
  readonly width?: number;
  readonly height?: number;
  /** Of what may never have happened: zero is shown then, for a board that is empty looks broken. */
  readonly mayBeEmpty?: boolean;
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  /** Grafana's `label_values(metric, label)`. */
  readonly query: string;
}

export interface Board {
  /** File name and uid. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

const COLUMNS = 24;
const DATASOURCE = { type: "prometheus", uid: "$datasource" };

/** As `deploy/grafana/boards` has it, and Grafana imports it. */
export function grafanaBoard(board: Board): object {
  return {
    uid: board.id,
    title: board.title,
    description: board.description,
    tags: ["tulle"],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: "10s",
    time: { from: "now-15m", to: "now" },
    timezone: "browser",
    templating: { list: [datasourceVariable(), ...board.variables.map(variableOf)] },
    annotations: { list: [] },
    panels: panelsOf(board),
  };
}

function panelsOf(board: Board): readonly object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of board.rows) {
    const place = { x: 0, y, w: COLUMNS, h: 1 };
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      gridPos: place,
      panels: [],
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const { width: w = 8, height: h = 8 } = panel;
      if (x + w > COLUMNS) {
        y += height;
        x = 0;
        height = 0;
      }
      panels.push(panelOf(panel, panels.length + 1, { x, y, w, h }));
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return panels;
}

function panelOf(panel: Panel, id: number, gridPos: object): object {
  return {
    id,
    type: panel.kind,
    title: panel.title,
    ...(panel.description === undefined ? {} : { description: panel.description }),
    datasource: DATASOURCE,
    gridPos,
    targets: panel.queries.map((query, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr: panel.mayBeEmpty === true ? `${query.expr} or vector(0)` : query.expr,
      legendFormat: query.legend,
      exemplar: panel.kind === "timeseries" && query.expr.includes("_bucket"),
      ...(panel.kind === "heatmap" ? { format: "heatmap" } : {}),
      ...(query.isInstant === true ? { instant: true, format: "table" } : {}),
    })),
    fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
    options: optionsOf(panel),
    ...(panel.kind === "table" ? { transformations: [{ id: "merge", options: {} }] } : {}),
  };
}

function optionsOf({ kind }: Panel): object {
  switch (kind) {
    case "timeseries":
      return {
        legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"] },
        tooltip: { mode: "multi", sort: "desc" },
      };
    case "stat":
      return { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "value", graphMode: "area" };
    case "table":
      return { showHeader: true };
    case "heatmap":
      return { calculate: false, yAxis: { unit: "ms" }, cellGap: 1 };
  }
}

function datasourceVariable(): object {
  return { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" };
}

function variableOf({ name, label, query }: Variable): object {
  return {
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    includeAll: true,
    multi: true,
    // One that matches names which nobody has thought of.
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}
