/** Nodes and edges as they are drawn. Each is rendered again only when it, its place or its part in what is picked changes. */
import { formatBytes, formatCount, formatRate, formatShare } from "../../core/format.ts";
import { HEALTH } from "../../core/health.ts";
import { memo } from "../../ui/memo.ts";
import { Mark } from "../../ui/status.tsx";
import {
  edgeText,
  fittedName,
  isFailing,
  linePath,
  nodeSentence,
  strokeWidth,
  textWidth,
  toneOf,
} from "./drawing.ts";
import type { EdgePlace, Point } from "./layout-types.ts";
import { LockMark } from "./lock-mark.tsx";
import type { GraphEdge, GraphNode } from "./mesh-graph.ts";

const LABEL_HEIGHT = 20;
const LOCK_WIDTH = 16;
const LABEL_PADDING = 7;

export interface NodeProps {
  readonly node: GraphNode;
  readonly place: Point;
  readonly width: number;
  readonly height: number;
  /** Is what is picked, or beside it. */
  readonly isNear: boolean;
  readonly isPicked: boolean;
}

export const NodeShape = memo(function NodeShape({
  node,
  place: [x, y],
  width,
  height,
  isNear,
  isPicked,
}: NodeProps) {
  const { id, kind, label, health } = node;
  const look = HEALTH[health];
  const classes = `topology-node node-${kind} node-${look.tone} ${isNear ? "is-near" : ""} ${isPicked ? "is-picked" : ""}`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button.
    <g
      class={classes}
      transform={`translate(${x - width / 2} ${y - height / 2})`}
      data-node={id}
      role="button"
      tabindex={-1}
      aria-pressed={kind === "namespace" ? undefined : isPicked}
    >
      {/* Its name, and what one reads who points at it. */}
      <title>{nodeSentence(node)}</title>
      {kind === "namespace" && (
        <rect class="node-behind" x="5" y="5" {...{ width, height }} rx="9" />
      )}
      <rect class="node-box" {...{ width, height }} rx="9" />
      <g transform="translate(12 11)">
        <Mark look={look} />
      </g>
      <text class="node-name" x="31" y="21">
        {fittedName(label, width)}
      </text>
      <text class="node-figures" x="31" y="37">
        <NodeFigures node={node} />
      </text>
      {kind === "namespace" && (
        <text class="node-figures" x="31" y="53">
          {formatCount(node.services)} services
        </text>
      )}
      {node.split !== null && <SplitBar split={node.split} width={width} />}
    </g>
  );
});

function NodeFigures({ node }: { readonly node: GraphNode }) {
  const { requestsPerSecond, errorRate } = node;
  if (requestsPerSecond === null) return <>{quietFigures(node)}</>;
  return (
    <>
      {`${formatRate(requestsPerSecond)}/s`}
      {isFailing(errorRate) && (
        <tspan class="node-errors" dx="6">
          {formatShare(errorRate)} errors
        </tspan>
      )}
    </>
  );
}

/** Of a node that nobody sends requests. */
function quietFigures({ bytesPerSecond, sentPerSecond }: GraphNode): string {
  if (bytesPerSecond > 0) return `${formatBytes(bytesPerSecond)}/s`;
  return sentPerSecond > 0 ? `sends ${formatRate(sentPerSecond)}/s` : "no requests";
}

/** Filled as far as requests really came, with a stroke where they ought to. */
function SplitBar({
  split: { configured, observed },
  width,
}: {
  readonly split: NonNullable<GraphNode["split"]>;
  readonly width: number;
}) {
  const [left, room] = [31, width - 43];
  return (
    <>
      <text class="node-split" x={left} y="54">
        {`${formatShare(configured)} wanted · ${formatShare(observed)}`}
      </text>
      <rect class="split-track" x={left} y="60" width={room} height="4" rx="2" />
      <rect class="split-fill" x={left} y="60" width={room * (observed ?? 0)} height="4" rx="2" />
      <rect class="split-wanted" x={left + room * configured - 1} y="57" width="2" height="10" />
    </>
  );
}

export interface EdgeProps {
  readonly edge: GraphEdge;
  readonly place: EdgePlace;
  readonly isNear: boolean;
  readonly isPicked: boolean;
  readonly sentence: string;
}

/** The line, which takes pointers a little beside it, too. */
export const EdgeLine = memo(function EdgeLine(props: EdgeProps) {
  const { edge, place, isNear, isPicked, sentence } = props;
  const path = linePath(place.points);
  const tone = toneOf(edge);
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button.
    <g
      class={`topology-edge edge-${tone} ${isNear ? "is-near" : ""} ${isPicked ? "is-picked" : ""}`}
      data-edge={edge.id}
      role="button"
      tabindex={-1}
      aria-pressed={isPicked}
      aria-label={sentence}
    >
      <path class="edge-reach" d={path} />
      <path
        class="edge-line"
        d={path}
        stroke-width={strokeWidth(edge).toFixed(2)}
        marker-end={`url(#arrow-${tone})`}
      />
    </g>
  );
});

/** Lock and figures on their own ground. Its words are those of its line. */
export const EdgeLabel = memo(function EdgeLabel(
  props: Omit<EdgeProps, "sentence"> & { readonly isWritten: boolean },
) {
  const { edge, place, isNear, isPicked, isWritten } = props;
  const isText = isWritten || isNear || isPicked;
  // In a crowd only what is wrong is marked.
  if (!isText && edge.security !== "none") return null;
  const hasLock = edge.split === null;
  const text = isText ? edgeText(edge, isPicked) : "";
  const width =
    (hasLock ? LOCK_WIDTH : 0) + textWidth(text) + 2 * LABEL_PADDING - (text === "" ? 4 : 0);
  const [x, y] = place.label;
  const left = LABEL_PADDING + (hasLock ? LOCK_WIDTH : 0);
  return (
    <g
      class={`topology-label edge-${toneOf(edge)} ${isNear ? "is-near" : ""} ${isPicked ? "is-picked" : ""}`}
      data-edge={edge.id}
      transform={`translate(${x - width / 2} ${y - LABEL_HEIGHT / 2})`}
    >
      <rect class="label-box" width={width} height={LABEL_HEIGHT} rx="10" />
      {hasLock && <LockMark security={edge.security} x={6} y={4} />}
      {text !== "" && (
        <text x={left} y="14">
          {text}
        </text>
      )}
    </g>
  );
});
