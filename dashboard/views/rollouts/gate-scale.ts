/** Where a gate's figures and limits lie on its chart, in percent from the left and from the top. */
import type { RolloutGateView, RolloutLook } from "../../../src/control-plane/rollout-types.ts";

export interface GateScale {
  /** Figures that stand at the axis, the greatest first; one where two would lie upon each other. */
  readonly marks: readonly number[];
  x(at: string): number;
  y(value: number): number;
  /** False: the limit is so far from every figure that it is beyond the edge of the chart. */
  isOnChart(limit: number): boolean;
}

/** Room above and below, as a share of the height. */
const PAD = 0.14;
/** Of a percentage, where every figure is the same. */
const SPAN_MIN = 0.5;
/** A limit further from the figures than so many times themselves would press them to a line. */
const FAR = 4;
/** Marks that are nearer, in percent of the height, would lie upon each other. */
const MARKS_APART = 13;

export function gateScale(gate: RolloutGateView, looks: readonly RolloutLook[]): GateScale {
  const figures = looks.map(({ value }) => value);
  const [least, most] = [Math.min(...figures), Math.max(...figures)];
  const isOnChart = (limit: number): boolean =>
    limit <= FAR * Math.max(most, 0) && limit >= Math.min(least, 0) - FAR * Math.abs(most);
  const limits = [gate.min, gate.max].filter((limit) => limit !== null);
  const values = [...figures, ...limits.filter(isOnChart)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isPercent = gate.unit.trim() === "%";
  const span = Math.max(high - low, isPercent ? SPAN_MIN : Math.abs(high) * 0.1 || 1);
  // Nothing that is counted or measured here is less than none.
  const bottom = low >= 0 ? Math.max(0, low - span * PAD) : low - span * PAD;
  // A limit beyond the edge needs room for its words above the figures.
  const top = high + span * (limits.every(isOnChart) ? PAD : 3 * PAD);
  const y = (value: number): number =>
    Math.min(100, Math.max(0, round(100 - (100 * (value - bottom)) / (top - bottom))));
  const times = looks.map(({ at }) => Date.parse(at));
  const [begin = 0, end = 0] = [times[0], times.at(-1)];
  return {
    marks: y(least) - y(most) < MARKS_APART ? [most] : [most, least],
    x: (at) => (end === begin ? 50 : round(2 + (96 * (Date.parse(at) - begin)) / (end - begin))),
    y,
    isOnChart,
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
