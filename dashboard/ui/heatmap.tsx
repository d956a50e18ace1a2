/**
 * Latencies as they were, not as an average has them: time from left to right, latency upwards, and the more requests, the
 * stronger the colour. Rings are requests whose trace is known: a click opens it, and links below do, which keys reach.
 */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { SeriesExemplar, SeriesResponse } from "../../src/control-plane/telemetry-types.ts";
import { formatCount, formatMs, formatTime } from "../core/format.ts";
import { hrefTo, navigate } from "../core/location.ts";
import { colorOf, paints } from "../core/theme.ts";

const HEIGHT = 176;
/** Room for the names of buckets, and of times. */
const LEFT = 56;
const BOTTOM = 20;
const TOP = 14;
const RING_PX = 4;
/** How near a click must be to a ring. */
const REACH_PX = 12;
const LABELS_MAX = 6;

export interface HeatmapProps {
  readonly series: SeriesResponse;
}

interface Grid {
  readonly width: number;
  readonly columns: number;
  /** Buckets that hold something, from the least. */
  readonly firstBucket: number;
  readonly buckets: number;
  readonly boundsMs: readonly number[];
  readonly times: readonly string[];
}

interface Place {
  readonly x: number;
  readonly y: number;
}

export function Heatmap({ series: given }: HeatmapProps) {
  const series = useMemo(() => ({ ...given, exemplars: shownExemplars(given) }), [given]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useSignal(0);
  const told = useSignal("");
  const paint = paints.value;
  const grid = gridOf(series, width.value);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => {
      width.value = element.clientWidth;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (canvas.current !== null && grid.width > 0) draw(canvas.current, grid, series);
  }, [series, width.value, paint]);
  const near = (event: MouseEvent): SeriesExemplar | undefined =>
    nearest(event, grid, series.exemplars);
  return (
    <figure class="chart">
      <div class="legend" aria-hidden="true">
        <span>{told.value === "" ? "The more requests, the stronger" : told.value}</span>
      </div>
      <canvas
        ref={canvas}
        class="heatmap"
        height={HEIGHT}
        role="img"
        aria-label={summaryOf(series)}
        onMouseMove={(event) => {
          told.value = tellAt(event, grid, series);
          event.currentTarget.style.cursor = near(event) === undefined ? "default" : "pointer";
        }}
        onMouseLeave={() => {
          told.value = "";
        }}
        onClick={(event) => {
          const exemplar = near(event);
          if (exemplar !== undefined) navigate(hrefTo(`/traces/${exemplar.traceId}`));
        }}
      />
      <Exemplars exemplars={series.exemplars} />
    </figure>
  );
}

/** The slowest of each step, and each trace once: with all of them one would see nothing else. */
function shownExemplars({ exemplars, window }: SeriesResponse): readonly SeriesExemplar[] {
  const stepMs = window.stepSeconds * 1000;
  const traces = new Set<string>();
  const steps = new Set<number>();
  return exemplars
    .toSorted((a, b) => b.latencyMs - a.latencyMs)
    .filter(({ traceId, at }) => {
      const step = Math.floor(Date.parse(at) / stepMs);
      if (traces.has(traceId) || steps.has(step)) return false;
      traces.add(traceId);
      steps.add(step);
      return true;
    });
}

function gridOf({ heatmap, times }: SeriesResponse, width: number): Grid {
  const { boundsMs, counts } = heatmap;
  const used = boundsMs.map((_, bucket) => counts.some((row) => (row[bucket] ?? 0) > 0));
  used.push(counts.some((row) => (row[boundsMs.length] ?? 0) > 0));
  const firstBucket = Math.max(0, used.indexOf(true));
  const buckets = Math.max(1, used.lastIndexOf(true) - firstBucket + 1);
  return { width, columns: Math.max(1, counts.length), firstBucket, buckets, boundsMs, times };
}

function draw(canvas: HTMLCanvasElement, grid: Grid, series: SeriesResponse): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const ratio = devicePixelRatio;
  canvas.width = grid.width * ratio;
  canvas.height = HEIGHT * ratio;
  context.scale(ratio, ratio);
  context.clearRect(0, 0, grid.width, HEIGHT);
  drawCells(context, grid, series);
  drawLabels(context, grid);
  context.strokeStyle = colorOf("text");
  context.fillStyle = colorOf("surface");
  context.lineWidth = 1.5;
  for (const exemplar of series.exemplars) {
    const { x, y } = placeOf(exemplar, grid);
    context.beginPath();
    context.arc(x, y, RING_PX, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

function drawCells(
  context: CanvasRenderingContext2D,
  grid: Grid,
  { heatmap }: SeriesResponse,
): void {
  const { cellWidth, cellHeight } = cellOf(grid);
  const most = Math.max(1, ...heatmap.counts.flat());
  context.fillStyle = colorOf("rank-2");
  for (const [column, row] of heatmap.counts.entries()) {
    for (let bucket = 0; bucket < grid.buckets; bucket++) {
      const count = row[grid.firstBucket + bucket] ?? 0;
      if (count === 0) continue;
      // The root, so that the rare is seen beside the frequent.
      context.globalAlpha = 0.1 + 0.9 * Math.sqrt(count / most);
      const y = HEIGHT - BOTTOM - (bucket + 1) * cellHeight;
      context.fillRect(LEFT + column * cellWidth, y, cellWidth - 1, cellHeight - 1);
    }
  }
  context.globalAlpha = 1;
}

function drawLabels(context: CanvasRenderingContext2D, grid: Grid): void {
  const { cellWidth, cellHeight } = cellOf(grid);
  context.font = '11px "Inter Variable", system-ui, sans-serif';
  context.fillStyle = colorOf("text-3");
  context.textAlign = "right";
  const every = Math.ceil(grid.buckets / LABELS_MAX);
  for (let bucket = 0; bucket < grid.buckets - 1; bucket += every) {
    const bound = grid.boundsMs[grid.firstBucket + bucket];
    if (bound === undefined) continue;
    context.fillText(formatMs(bound), LEFT - 8, HEIGHT - BOTTOM - (bucket + 1) * cellHeight + 4);
  }
  context.textAlign = "center";
  const step = Math.max(1, Math.ceil(64 / cellWidth));
  for (let column = step; column < grid.columns - step / 2; column += step) {
    const time = grid.times[column];
    if (time === undefined) continue;
    context.fillText(formatTime(time).slice(0, 5), LEFT + column * cellWidth, HEIGHT - 4);
  }
}

function cellOf({ width, columns, buckets }: Grid) {
  return {
    cellWidth: (width - LEFT - 6) / columns,
    cellHeight: (HEIGHT - TOP - BOTTOM) / buckets,
  };
}

function placeOf({ at, latencyMs }: SeriesExemplar, grid: Grid): Place {
  const { cellWidth, cellHeight } = cellOf(grid);
  const [first = at, second = first] = grid.times;
  const stepMs = Date.parse(second) - Date.parse(first) || 1;
  const column = (Date.parse(at) - Date.parse(first)) / stepMs + 0.5;
  const { bucket, part } = bucketOf(latencyMs, grid.boundsMs);
  return {
    x: LEFT + Math.min(grid.columns - 0.5, Math.max(0.5, column)) * cellWidth,
    y: HEIGHT - BOTTOM - (bucket - grid.firstBucket + part) * cellHeight,
  };
}

function bucketOf(latencyMs: number, boundsMs: readonly number[]) {
  const index = boundsMs.findIndex((bound) => latencyMs <= bound);
  const bucket = index === -1 ? boundsMs.length : index;
  const [low, high] = [boundsMs[bucket - 1] ?? 0, boundsMs[bucket] ?? latencyMs];
  return { bucket, part: high > low ? Math.min(1, (latencyMs - low) / (high - low)) : 0.5 };
}

function nearest(
  { offsetX, offsetY }: MouseEvent,
  grid: Grid,
  exemplars: readonly SeriesExemplar[],
): SeriesExemplar | undefined {
  return exemplars.find((exemplar) => {
    const { x, y } = placeOf(exemplar, grid);
    return Math.hypot(x - offsetX, y - offsetY) <= REACH_PX;
  });
}

function tellAt(
  event: MouseEvent,
  grid: Grid,
  { heatmap, times, exemplars }: SeriesResponse,
): string {
  const exemplar = nearest(event, grid, exemplars);
  if (exemplar !== undefined) return `${formatMs(exemplar.latencyMs)}: open the trace`;
  const { cellWidth, cellHeight } = cellOf(grid);
  const column = Math.floor((event.offsetX - LEFT) / cellWidth);
  const bucket = grid.firstBucket + Math.floor((HEIGHT - BOTTOM - event.offsetY) / cellHeight);
  const [count, time] = [heatmap.counts[column]?.[bucket], times[column]];
  if (count === undefined || time === undefined) return "";
  return `${formatTime(time)}, ${bucketName(bucket, heatmap.boundsMs)}: ${formatCount(count)} requests`;
}

function bucketName(bucket: number, boundsMs: readonly number[]): string {
  const [low, high] = [boundsMs[bucket - 1], boundsMs[bucket]];
  if (high === undefined) return `over ${formatMs(low ?? 0)}`;
  return low === undefined ? `up to ${formatMs(high)}` : `${formatMs(low)} to ${formatMs(high)}`;
}

function summaryOf({ heatmap }: SeriesResponse): string {
  const totals = heatmap.counts.reduce<readonly number[]>(
    (sums, row) => row.map((count, bucket) => count + (sums[bucket] ?? 0)),
    [],
  );
  const parts = totals.flatMap((count, bucket) =>
    count === 0 ? [] : [`${bucketName(bucket, heatmap.boundsMs)}: ${formatCount(count)}`],
  );
  return `Requests by latency. ${parts.join(", ") || "None"}.`;
}

/** The slowest first, as links. */
function Exemplars({ exemplars }: { readonly exemplars: readonly SeriesExemplar[] }) {
  if (exemplars.length === 0) return null;
  const shown = exemplars.toSorted((a, b) => b.latencyMs - a.latencyMs).slice(0, LABELS_MAX);
  return (
    <p class="exemplars">
      <span class="muted">Traces</span>
      {shown.map(({ traceId, latencyMs, at }) => (
        <a key={traceId} href={hrefTo(`/traces/${traceId}`)} title={formatTime(at)}>
          {formatMs(latencyMs)}
        </a>
      ))}
    </p>
  );
}
