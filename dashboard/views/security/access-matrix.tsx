/** Who may call whom as a matrix: callers are rows, called services columns. The arrow keys go from pair to pair. */
import { useRef } from "preact/hooks";
import type { AccessPair } from "../../../src/control-plane/telemetry-types.ts";
import { serviceName } from "../../core/format.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { Mark } from "../../ui/status.tsx";
import { countsOf, PAIR, stateOf } from "./pairs.ts";

/** Services in a row or column: beyond them nobody reads a matrix, and the list says the same. */
export const MATRIX_MAX = 30;

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
};

/** As the address has it. */
export function keyOf({ source, destination }: AccessPair): string {
  return `${source.namespace}/${source.name}>${destination.namespace}/${destination.name}`;
}

export function AccessMatrix({ pairs }: { readonly pairs: readonly AccessPair[] }) {
  const body = useRef<HTMLTableSectionElement>(null);
  const byNames = new Map(
    pairs.map((pair) => [`${serviceName(pair.source)}>${serviceName(pair.destination)}`, pair]),
  );
  const sources = namesOf(pairs.map(({ source }) => serviceName(source)));
  const destinations = namesOf(pairs.map(({ destination }) => serviceName(destination)));
  const [first] = pairs;
  const picked = parameter("pair");
  const reached = pairs.some((pair) => keyOf(pair) === picked) ? picked : first && keyOf(first);
  return (
    <div class="table-frame">
      <table class="access-matrix" aria-label="Who may call whom">
        <thead>
          <tr>
            <th scope="col">
              <span class="faint">caller ↓ called →</span>
            </th>
            {destinations.map((name) => (
              <th key={name} scope="col">
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={(event) => step(event, body.current)}>
          {sources.map((source) => (
            <tr key={source}>
              <th scope="row">{source}</th>
              {destinations.map((name) => (
                <Cell key={name} pair={byNames.get(`${source}>${name}`)} {...{ picked, reached }} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function namesOf(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted((a, b) => a.localeCompare(b)).slice(0, MATRIX_MAX);
}

function Cell({
  pair,
  picked,
  reached,
}: {
  readonly pair: AccessPair | undefined;
  readonly picked: string;
  readonly reached: string | undefined;
}) {
  if (pair === undefined) return <td class="is-none" />;
  const [key, look] = [keyOf(pair), PAIR[stateOf(pair)]];
  const text = `${serviceName(pair.source)} to ${serviceName(pair.destination)}: ${look.word}, ${countsOf(pair)}`;
  return (
    <td>
      <button
        type="button"
        title={text}
        aria-label={text}
        aria-pressed={picked === key}
        tabIndex={reached === key ? 0 : -1}
        onClick={() => setParameters({ pair: picked === key ? null : key })}
      >
        <Mark look={look} />
      </button>
    </td>
  );
}

/** To the next pair in the direction of the key; over gaps. */
function step(event: KeyboardEvent, body: HTMLTableSectionElement | null): void {
  const direction = STEPS[event.key];
  const cell = event.target instanceof Element ? event.target.closest("td") : null;
  if (direction === undefined || cell === null || body === null) return;
  const row = cell.closest("tr");
  let [y, x] = [row === null ? 0 : [...body.rows].indexOf(row), cell.cellIndex];
  event.preventDefault();
  for (;;) {
    y += direction[0];
    x += direction[1];
    const next = body.rows[y]?.cells[x];
    if (next === undefined) return;
    const button = next.querySelector("button");
    if (button === null) continue;
    button.focus();
    return;
  }
}
