/**
 * Series over time, drawn by uPlot on a canvas: a cursor that all charts of a view share, marks for what happened, and a
 * range that is dragged out becomes the time range of all views. The same figures are there as a table.
 */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { MeshEvent } from "../../src/control-plane/telemetry-types.ts";
import { formatTime } from "../core/format.ts";
import { colorOf, paints } from "../core/theme.ts";
import { showBetween } from "../core/time-range.ts";

const HEIGHT = 176;
const FONT = '11px "Inter Variable", system-ui, sans-serif';
/** A drag of fewer pixels was a click. */
const DRAG_MIN_PX = 8;

export interface ChartSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A token of `tokens.css`. */
  readonly color: string;
  readonly dash?: readonly number[];
  readonly isFilled?: boolean;
}

export interface TimeChartProps {
  readonly title: string;
  /** Of each step its beginning, ISO 8601. */
  readonly times: readonly string[];
  readonly series: readonly ChartSeries[];
  format(value: number | null): string;
  readonly events?: readonly MeshEvent[];
  readonly children?: ComponentChildren;
}

export function TimeChart({ title, times, series, format, events = [] }: TimeChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const cursor = useSignal<number | null>(null);
  const shown = useRef(events);
  shown.current = events;
  const looks = series.map(({ label, color }) => `${label} ${color}`).join("|");
  const paint = paints.value;
  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const plot = new uPlot(
      optionsOf(series, {
        width: element.clientWidth,
        format,
        getEvents: () => shown.current,
        onCursor: (index) => {
          cursor.value = index;
        },
      }),
      dataOf(times, series),
      element,
    );
    chart.current = plot;
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = undefined;
    };
  }, [looks, paint]);
  useEffect(() => chart.current?.setData(dataOf(times, series)), [times, series, events]);
  return (
    <figure class="chart">
      <Legend {...{ series, times, format }} index={cursor.value} />
      <div ref={frame} class="chart-frame" aria-hidden="true" />
      <figcaption class="visually-hidden">{summaryOf(title, series, format)}</figcaption>
      <FiguresTable {...{ title, times, series, format }} />
    </figure>
  );
}

function dataOf(times: readonly string[], series: readonly ChartSeries[]): uPlot.AlignedData {
  return [
    times.map((time) => Date.parse(time) / 1000),
    ...series.map(({ values }) => [...values]),
  ] as uPlot.AlignedData;
}

interface Hooks {
  readonly width: number;
  format(value: number | null): string;
  getEvents(): readonly MeshEvent[];
  onCursor(index: number | null): void;
}

function optionsOf(series: readonly ChartSeries[], hooks: Hooks): uPlot.Options {
  const [text, line] = [colorOf("text-3"), colorOf("line")];
  const axis = { stroke: text, font: FONT, ticks: { show: false }, gap: 6 };
  return {
    width: hooks.width,
    height: HEIGHT,
    padding: [14, 6, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "tulle" },
      drag: { x: true, y: false, setScale: false, dist: DRAG_MIN_PX },
      points: { size: 6 },
    },
    scales: { y: { range: (_, _min, max) => [0, max > 0 ? max * 1.08 : 1] } },
    axes: [
      {
        ...axis,
        size: 24,
        grid: { show: false },
        space: 64,
        values: (_, ticks) => ticks.map(timeLabel),
      },
      {
        ...axis,
        size: 56,
        space: 34,
        grid: { stroke: line, width: 1 },
        values: (_, ticks) => ticks.map((tick) => hooks.format(tick)),
      },
    ],
    series: [{}, ...series.map(seriesOptions)],
    hooks: {
      draw: [(plot) => drawEvents(plot, hooks.getEvents())],
      setCursor: [({ cursor }) => hooks.onCursor(cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < DRAG_MIN_PX) return;
          const at = (x: number): number => plot.posToVal(x, "x") * 1000;
          showBetween(at(left), at(left + width));
        },
      ],
    },
  };
}

function seriesOptions({ label, color, dash, isFilled }: ChartSeries): uPlot.Series {
  const stroke = colorOf(color);
  return {
    label,
    stroke,
    width: 1.6,
    points: { show: false },
    ...(dash === undefined ? {} : { dash: [...dash] }),
    ...(isFilled === true ? { fill: withAlpha(stroke) } : {}),
  };
}

/** `rgb(1, 2, 3)`, as browsers write it, at an eighth of its strength. */
function withAlpha(color: string): string {
  return color.startsWith("rgb(") ? color.replace("rgb(", "rgba(").replace(")", ", 0.13)") : color;
}

function timeLabel(seconds: number): string {
  return formatTime(new Date(seconds * 1000).toISOString()).slice(0, 5);
}

/** A line down from the number that the event has in the list beside the charts. */
function drawEvents(plot: uPlot, events: readonly MeshEvent[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${10 * ratio}px "Inter Variable", system-ui, sans-serif`;
  ctx.textAlign = "center";
  for (const [index, { time, severity }] of events.entries()) {
    const x = Math.round(plot.valToPos(Date.parse(time) / 1000, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const color = colorOf(
      severity === "error" ? "bad" : severity === "warning" ? "warn" : "text-3",
    );
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(String(index + 1), x, bbox.top - 3 * ratio);
  }
  ctx.restore();
}

/** Where the cursor is; without one, the newest: the last step may have just begun. */
function valueAt(values: readonly (number | null)[], index: number | null): number | null {
  if (index !== null) return values[index] ?? null;
  return values.findLast((value) => value !== null) ?? null;
}

/** Names, and the figures where the cursor is. */
function Legend({
  series,
  times,
  format,
  index,
}: Pick<TimeChartProps, "series" | "times" | "format"> & { readonly index: number | null }) {
  const at = index === null ? undefined : times[index];
  return (
    <div class="legend">
      {series.map(({ label, color, values }) => (
        <span key={label}>
          <i style={{ background: `var(--${color})` }} aria-hidden="true" />
          {label} <b class="tabular">{format(valueAt(values, index))}</b>
        </span>
      ))}
      <span class="faint legend-time">{at === undefined ? "" : formatTime(at)}</span>
    </div>
  );
}

function summaryOf(
  title: string,
  series: readonly ChartSeries[],
  format: TimeChartProps["format"],
): string {
  const parts = series.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return `${label}: nothing measured`;
    const [least, most] = [Math.min(...known), Math.max(...known)];
    return `${label}: ${format(known.at(-1) ?? null)} last, between ${format(least)} and ${format(most)}`;
  });
  return `${title}. ${parts.join(". ")}.`;
}

/** Made when it is opened. */
function FiguresTable({
  title,
  times,
  series,
  format,
}: Pick<TimeChartProps, "title" | "times" | "series" | "format">) {
  const isOpen = useSignal(false);
  return (
    <details
      class="chart-table"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>As a table</summary>
      {isOpen.value && (
        <div class="chart-table-frame">
          <table class="table" aria-label={title}>
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map(({ label }) => (
                  <th key={label} scope="col" class="numeric">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, index) => (
                <tr key={time}>
                  <td>{formatTime(time)}</td>
                  {series.map(({ label, values }) => (
                    <td key={label} class="numeric">
                      {format(values[index] ?? null)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
