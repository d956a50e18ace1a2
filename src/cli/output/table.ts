/**
 * Tables for people: columns two spaces apart, upper-case titles, no borders, so that `grep` and `awk` work.
 * On a terminal the widest columns are cut with an ellipsis until a row fits; in a pipe nothing is cut.
 */
import type { Style } from "./style.ts";
import { fitText, printable, textWidth } from "./text-width.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Only shown with `-o wide`. */
  readonly isWide?: boolean;
  /** Never cut: what the reader copies, such as a name. Cut only when nothing else is left to cut. */
  readonly isKept?: boolean;
}

export type Paint = (text: string) => string;

/** A cell, or one with a colour; the colour is applied after measuring. */
export type Cell = string | { readonly text: string; readonly paint: Paint };

export interface TableOptions {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly style: Style;
  /** Columns of the terminal; undefined: as wide as it gets. */
  readonly width: number | undefined;
  readonly isWide?: boolean;
  /** Written before each line. */
  readonly indent?: string;
  /** Leave out the line of titles. */
  readonly hasNoTitles?: boolean;
}

const GAP = "  ";
const CUT_WIDTH_MIN = 8;

/** The table with a line break after each row. */
export function renderTable(options: TableOptions): string {
  const shown = options.columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => options.isWide === true || column.isWide !== true);
  const columns = shown.map(({ column }) => column);
  const body = options.rows.map((row) => shown.map(({ index }) => toCell(row[index] ?? "")));
  const titles = columns.map((column) => ({ text: column.title, paint: options.style.bold }));
  const lines = options.hasNoTitles === true ? body : [titles, ...body];
  const natural = columns.map((_, index) =>
    Math.max(0, ...lines.map((line) => textWidth(line[index]?.text ?? ""))),
  );
  const indent = options.indent ?? "";
  const widths = fitWidths(natural, columns, (options.width ?? Infinity) - textWidth(indent));
  return lines.map((line) => `${indent}${renderLine(line, columns, widths)}\n`).join("");
}

interface PaintedCell {
  readonly text: string;
  readonly paint: Paint;
}

function toCell(cell: Cell): PaintedCell {
  if (typeof cell === "string") return { text: printable(cell), paint: (text) => text };
  return { text: printable(cell.text), paint: cell.paint };
}

/** Takes one column at a time from the widest that may be cut, until the row fits or nothing is left. */
function fitWidths(
  natural: readonly number[],
  columns: readonly Column[],
  available: number,
): readonly number[] {
  const widths = [...natural];
  let excess = sum(widths) + GAP.length * (columns.length - 1) - available;
  const floors = columns.map((column) => Math.max(CUT_WIDTH_MIN, textWidth(column.title)));
  for (const isKept of [false, true]) {
    while (excess > 0) {
      const index = widestIndex(
        widths,
        (i) => (columns[i]?.isKept === true) === isKept && (widths[i] ?? 0) > (floors[i] ?? 0),
      );
      if (index === undefined) break;
      widths[index] = (widths[index] ?? 0) - 1;
      excess -= 1;
    }
  }
  return widths;
}

function widestIndex(
  widths: readonly number[],
  isAllowed: (index: number) => boolean,
): number | undefined {
  let best: number | undefined;
  for (const [index, width] of widths.entries()) {
    if (isAllowed(index) && (best === undefined || width > (widths[best] ?? 0))) best = index;
  }
  return best;
}

function renderLine(
  line: readonly PaintedCell[],
  columns: readonly Column[],
  widths: readonly number[],
): string {
  const parts = line.map((cell, index) => {
    const width = widths[index] ?? 0;
    const text = fitText(cell.text, width);
    const padding = " ".repeat(Math.max(0, width - textWidth(text)));
    const painted = cell.paint(text);
    return columns[index]?.align === "right" ? padding + painted : painted + padding;
  });
  return parts.join(GAP).trimEnd();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
