/** The figures of a gate, look by look, against its limits. Drawn as SVG: a few hundred points, each with a verdict of its own. */
import type { RolloutGateView, RolloutLook } from "../../../src/control-plane/rollout-types.ts";
import { formatTime } from "../../core/format.ts";
import { type GateScale, gateScale } from "./gate-scale.ts";

export interface GateChartProps {
  readonly gate: RolloutGateView;
  /** Of this gate, oldest first. At least one. */
  readonly looks: readonly RolloutLook[];
}

export function GateChart({ gate, looks }: GateChartProps) {
  const scale = gateScale(gate, looks);
  const limits = [gate.min, gate.max].filter((limit) => limit !== null);
  const [first, last] = [looks[0], looks.at(-1)];
  return (
    <figure class="gate-chart">
      <div class="gate-plot">
        <svg width="100%" height="100%" aria-hidden="true">
          <svg
            aria-hidden="true"
            viewBox="0 0 100 100"
            width="100%"
            height="100%"
            preserveAspectRatio="none"
          >
            <Forbidden gate={gate} scale={scale} />
            {boundaries(looks).map((at) => (
              <path key={at} class="gate-step" d={`M${scale.x(at)} 0V100`} />
            ))}
            {limits.filter(scale.isOnChart).map((limit) => (
              <path key={limit} class="gate-limit" d={`M0 ${scale.y(limit)}H100`} />
            ))}
            <path class="gate-line" d={lineOf(looks, scale)} />
          </svg>
          {looks.map((look) => (
            <LookMark key={look.at} look={look} scale={scale} />
          ))}
        </svg>
        {limits.map((limit) => (
          <span
            key={limit}
            class={`gate-limit-text ${scale.isOnChart(limit) ? "" : "is-beyond"}`}
            style={{ top: `${scale.y(limit)}%` }}
          >
            {gate.min === limit ? "at least" : "at most"} {text(limit, gate)}
            {!scale.isOnChart(limit) && (gate.min === limit ? " ↓" : " ↑")}
          </span>
        ))}
        {scale.marks.map((mark) => (
          <span key={mark} class="gate-bound" style={{ top: `${scale.y(mark)}%` }}>
            {text(mark, gate)}
          </span>
        ))}
      </div>
      <div class="gate-times faint">
        <span>{first === undefined ? "" : formatTime(first.at)}</span>
        <span>{last === undefined || last === first ? "" : formatTime(last.at)}</span>
      </div>
      <figcaption class="visually-hidden">{summaryOf(gate, looks)}</figcaption>
    </figure>
  );
}

/** Where a figure would fail. */
function Forbidden({ gate, scale }: { readonly gate: RolloutGateView; readonly scale: GateScale }) {
  const [min, max] = [gate.min, gate.max];
  return (
    <>
      {min !== null && (
        <rect class="gate-bad" x="0" y={scale.y(min)} width="100" height={100 - scale.y(min)} />
      )}
      {max !== null && <rect class="gate-bad" x="0" y="0" width="100" height={scale.y(max)} />}
    </>
  );
}

/** What passed is a dot, what failed is a square. */
function LookMark({ look, scale }: { readonly look: RolloutLook; readonly scale: GateScale }) {
  const [x, y] = [`${scale.x(look.at)}%`, `${scale.y(look.value)}%`];
  if (look.verdict === "Passed") return <circle class="gate-passed" cx={x} cy={y} r="3" />;
  return (
    <svg x={x} y={y} overflow="visible" aria-hidden="true">
      <rect class="gate-failed" x="-4" y="-4" width="8" height="8" rx="1" />
    </svg>
  );
}

function lineOf(looks: readonly RolloutLook[], scale: GateScale): string {
  return looks
    .map(({ at, value }, index) => `${index === 0 ? "M" : "L"}${scale.x(at)} ${scale.y(value)}`)
    .join("");
}

/** The first looks of steps, but for the very first. */
function boundaries(looks: readonly RolloutLook[]): readonly string[] {
  return looks
    .filter(({ step }, index) => index > 0 && looks[index - 1]?.step !== step)
    .map(({ at }) => at);
}

/** A figure with its unit, to no more places than say something. */
export function text(value: number, { unit }: RolloutGateView): string {
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${Number(value.toFixed(places))}${unit}`;
}

function summaryOf(gate: RolloutGateView, looks: readonly RolloutLook[]): string {
  const values = looks.map(({ value }) => value);
  const failed = looks.filter(({ verdict }) => verdict === "Failed").length;
  const last = values.at(-1);
  return `${gate.name}: ${looks.length} looks, ${failed} of them failed; between ${text(Math.min(...values), gate)} and ${text(Math.max(...values), gate)}, last ${last === undefined ? "–" : text(last, gate)}.`;
}
