/** Tables of figures: sorted by what the user picks, one row at a time reachable by the arrow keys. */
import type { ComponentChildren } from "preact";
import { parameter, setParameters } from "../core/location.ts";
import { useRoving } from "../core/roving.ts";
import { Icon } from "./icons.tsx";
import { memo } from "./memo.ts";

export interface Column<T> {
  /** Stands in the address for the order. */
  readonly key: string;
  readonly title: string;
  /** What the title means, where it is short. */
  readonly hint?: string;
  readonly isNumeric?: boolean;
  /** Left out where there is little room. */
  readonly isWide?: boolean;
  /** What rows are sorted by. Absent: they are not, by this one. Null comes last. */
  sortBy?(row: T): string | number | null;
  cell(row: T): ComponentChildren;
}

export interface TableProps<T extends object> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  /** The column and direction without a choice: `errors` or `-errors`. */
  readonly order?: string;
  /** The parameter of the address; one for each table of a view. */
  readonly parameterName?: string;
  /** Where there is little room, a row becomes a small list of its cells. */
  readonly isStacked?: boolean;
  /** A class for the row. */
  readonly rowClass?: (row: T) => string;
}

export function Table<T extends object>({
  label,
  columns,
  rows,
  keyOf,
  order = "",
  parameterName = "sort",
  isStacked = false,
  rowClass,
}: TableProps<T>) {
  const roving = useRoving();
  const chosen = parameter(parameterName) || order;
  const sorted = sortRows(rows, columns, chosen);
  return (
    <div class="table-frame">
      <table class={`table ${isStacked ? "table-stacked" : ""}`} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.key} {...{ column, chosen, parameterName }} />
            ))}
          </tr>
        </thead>
        <tbody ref={roving}>
          {sorted.map((row) => (
            <Row key={keyOf(row)} row={row} columns={columns} class={rowClass?.(row) ?? ""} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Heading<T>({
  column,
  chosen,
  parameterName,
}: {
  readonly column: Column<T>;
  readonly chosen: string;
  readonly parameterName: string;
}) {
  const { key, title, hint, isNumeric = false, isWide = false } = column;
  const direction = chosen === key ? "ascending" : chosen === `-${key}` ? "descending" : undefined;
  const classes = `${isNumeric ? "numeric" : ""} ${isWide ? "is-wide" : ""}`;
  if (column.sortBy === undefined) {
    return (
      <th scope="col" class={classes} title={hint}>
        {title}
      </th>
    );
  }
  // Figures are wanted from the greatest, names from the first.
  const first = isNumeric ? `-${key}` : key;
  const other = isNumeric ? key : `-${key}`;
  return (
    <th scope="col" class={classes} title={hint} aria-sort={direction ?? "none"}>
      <button
        type="button"
        onClick={() => setParameters({ [parameterName]: nextOrder(chosen, first, other) })}
      >
        {title}
        {direction !== undefined && (
          <Icon name={direction === "ascending" ? "up" : "down"} size={10} />
        )}
      </button>
    </th>
  );
}

/** One way, the other way, and back to the order that the table had. */
function nextOrder(chosen: string, first: string, other: string): string | null {
  if (chosen === first) return other;
  return chosen === other ? null : first;
}

interface RowProps {
  readonly row: object;
  readonly columns: readonly Column<never>[];
  readonly class: string;
}

const Row = memo(function Row({ row, columns, class: name }: RowProps) {
  return (
    <tr class={name}>
      {columns.map((column) => (
        <td
          key={column.key}
          data-title={column.title}
          class={`${column.isNumeric ? "numeric" : ""} ${column.isWide ? "is-wide" : ""}`}
        >
          {column.cell(row as never)}
        </td>
      ))}
    </tr>
  );
});

function sortRows<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  order: string,
): readonly T[] {
  const key = order.replace(/^-/, "");
  const sortBy = columns.find((column) => column.key === key)?.sortBy;
  if (sortBy === undefined) return rows;
  const sign = order.startsWith("-") ? -1 : 1;
  return rows.toSorted((a, b) => compare(sortBy(a), sortBy(b), sign));
}

function compare(a: string | number | null, b: string | number | null, sign: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return (
    sign *
    (typeof a === "string" && typeof b === "string" ? a.localeCompare(b) : Number(a) - Number(b))
  );
}
