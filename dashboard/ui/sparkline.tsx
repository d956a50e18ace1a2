/** A line of a figure's last minutes, without axes: it stands beside the figure and says where it came from. */
import { memo } from "./memo.ts";

const WIDTH = 48;
const HEIGHT = 20;
const PAD = 2;

export interface SparklineProps {
  readonly values: readonly (number | null)[];
  /** The first that is drawn: what lies before a young mesh is no gap. Default: 0. */
  readonly from?: number;
  readonly tone?: "accent" | "bad" | "rank-1" | "rank-2" | "rank-3";
  /** The figure at the top. Default: the greatest value. */
  readonly max?: number;
  /** Takes the width that there is. */
  readonly isWide?: boolean;
}

/** Nothing is read out: the figure beside it is. */
export const Sparkline = memo(function Sparkline({
  values,
  from = 0,
  tone = "accent",
  max,
  isWide = false,
}: SparklineProps) {
  const { line, area, end } = sparkPaths(from === 0 ? values : values.slice(from), max);
  const shown = values.every((value) => value === null || value === 0) ? "none" : tone;
  return (
    <svg
      class={`spark spark-${shown} ${isWide ? "spark-wide" : ""}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {line === "" ? (
        <path class="spark-gap" d={`M0 ${HEIGHT - PAD}H${WIDTH}`} />
      ) : (
        <>
          <path class="spark-area" d={area} />
          <path class="spark-line" d={line} />
          {end !== undefined && !isWide && (
            <circle class="spark-end" cx={end.x} cy={end.y} r="1.8" />
          )}
        </>
      )}
    </svg>
  );
});

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The line, what lies below it, and where it ends. Gaps stay gaps. */
export function sparkPaths(
  values: readonly (number | null)[],
  max?: number,
): { readonly line: string; readonly area: string; readonly end: Point | undefined } {
  const known = values.filter((value) => value !== null);
  const top = Math.max(max ?? 0, ...known) || 1;
  const step = values.length > 1 ? (WIDTH - 2 * PAD) / (values.length - 1) : 0;
  let [line, area, end]: [string, string, Point | undefined] = ["", "", undefined];
  let begin: Point | undefined;
  const close = (): void => {
    if (begin !== undefined && end !== undefined) {
      area += `L${end.x} ${HEIGHT}L${begin.x} ${HEIGHT}Z`;
    }
    begin = undefined;
  };
  for (const [index, value] of values.entries()) {
    if (value === null) {
      close();
      continue;
    }
    const x = round(PAD + index * step);
    const y = round(HEIGHT - PAD - (value / top) * (HEIGHT - 2 * PAD));
    const command = begin === undefined ? "M" : "L";
    line += `${command}${x} ${y}`;
    area += `${command}${x} ${y}`;
    end = { x, y };
    begin ??= end;
  }
  close();
  return { line, area, end };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
