/** The figures of a gate, look by look, against its limits. Drawn as SVG: a few hundred points, each with a verdict of its own. */
import type { RolloutGateView, RolloutLook } from "../../../src/control-plane/rollout-types.ts";
import { formatTime } from "../../core/format.ts";

export interface GateChartProps {
  readonly gate: RolloutGateView;
  /** Of this gate, oldest first. At least one. */
  readonly looks: readonly RolloutLook[];
}

/** Where figures lie on the drawing, in percent from the left and from the top. */
interface Scale {
  x(at: string): number;
  y(value: number): number;
}

/** Room above and below, as a share of the height. */
const PAD = 0.14;
/** Of a percentage, where every figure is the same. */
const SPAN_MIN = 0.5;

export function GateChart({ gate, looks }: GateChartProps) {
  const scale = scaleOf(gate, looks);
  const values = looks.map(({ value }) => value);
  const bounds = new Set([Math.min(...values), Math.max(...values)]);
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
            {limits.map((limit) => (
              <path key={limit} class="gate-limit" d={`M0 ${scale.y(limit)}H100`} />
            ))}
            <path class="gate-line" d={lineOf(looks, scale)} />
          </svg>
          {looks.map((look) => (
            <LookMark key={look.at} look={look} scale={scale} />
          ))}
        </svg>
        {limits.map((limit) => (
          <span key={limit} class="gate-limit-text" style={{ top: `${scale.y(limit)}%` }}>
            {gate.min === limit ? "at least" : "at most"} {text(limit, gate)}
          </span>
        ))}
        {[...bounds].map((bound) => (
          <span key={bound} class="gate-bound" style={{ top: `${scale.y(bound)}%` }}>
            {text(bound, gate)}
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
function Forbidden({ gate, scale }: { readonly gate: RolloutGateView; readonly scale: Scale }) {
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
function LookMark({ look, scale }: { readonly look: RolloutLook; readonly scale: Scale }) {
  const [x, y] = [`${scale.x(look.at)}%`, `${scale.y(look.value)}%`];
  if (look.verdict === "Passed") return <circle class="gate-passed" cx={x} cy={y} r="3" />;
  return (
    <svg x={x} y={y} overflow="visible" aria-hidden="true">
      <rect class="gate-failed" x="-4" y="-4" width="8" height="8" rx="1" />
    </svg>
  );
}

function scaleOf(gate: RolloutGateView, looks: readonly RolloutLook[]): Scale {
  const limits = [gate.min, gate.max].filter((limit) => limit !== null);
  const values = [...looks.map(({ value }) => value), ...limits];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isPercent = gate.unit.trim() === "%";
  const span = Math.max(high - low, isPercent ? SPAN_MIN : Math.abs(high) * 0.1 || 1);
  // A share is no more than all, and nothing that is counted or measured here is less than none.
  const isPositive = Math.min(...values) >= 0;
  const bottom = isPositive ? Math.max(0, low - span * PAD) : low - span * PAD;
  const top = high + span * PAD;
  const times = looks.map(({ at }) => Date.parse(at));
  const [begin = 0, end = 0] = [times[0], times.at(-1)];
  return {
    x: (at) => (end === begin ? 50 : 2 + (96 * (Date.parse(at) - begin)) / (end - begin)),
    y: (value) => round(100 - (100 * (value - bottom)) / (top - bottom)),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function lineOf(looks: readonly RolloutLook[], scale: Scale): string {
  return looks
    .map(
      ({ at, value }, index) => `${index === 0 ? "M" : "L"}${round(scale.x(at))} ${scale.y(value)}`,
    )
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
