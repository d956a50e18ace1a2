/** The drawing: nodes over edges in a frame that is moved and zoomed; pointers and keys pick. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { memo } from "../../ui/memo.ts";
import { edgeSentence, isFailing, isWritten, layoutRequest } from "./drawing.ts";
import { byPlace, nextStop, type Stop } from "./graph-keys.ts";
import { EdgeLabel, EdgeLine, NodeShape } from "./graph-parts.tsx";
import type { Layout } from "./layout-types.ts";
import type { GraphEdge, MeshGraph } from "./mesh-graph.ts";
import { Viewport } from "./viewport.ts";

const ARROWS = ["calm", "warn", "bad", "idle", "split"] as const;
const ZOOM_STEP = 1.25;
const HOT = "is-hot";

export interface CanvasProps {
  readonly graph: MeshGraph;
  readonly layout: Layout;
  /** Ids; empty where nothing is picked. */
  readonly focus: string;
  readonly edge: string;
  /** What is looked at: another one begins in full view. */
  readonly scene: string;
  readonly onPick: (stop: Stop | undefined) => void;
}

export const GraphCanvas = memo(function GraphCanvas(props: CanvasProps) {
  const { graph, layout, focus, edge, onPick } = props;
  const frame = useRef<SVGSVGElement>(null);
  const stage = useRef<SVGGElement>(null);
  const viewport = useViewport(frame, stage, props);
  const wasDragged = (): boolean => viewport.current?.wasDragged === true;
  return (
    <div class="topology-frame">
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing is no form, and its parts are not HTML. */}
      <svg
        ref={frame}
        class={classesOf(props)}
        role="group"
        aria-label="Services and the calls between them. Arrow keys follow calls, Enter picks."
        onClick={(event) => {
          if (!wasDragged()) onPick(stopOf(event.target));
        }}
        onKeyDown={(event) => onKey(event, props, viewport.current)}
        onFocusIn={(event) => reach(frame.current, event.target)}
        onPointerOver={(event) => warm(frame.current, graph, event.target)}
        onPointerLeave={() => warm(frame.current, graph, null)}
      >
        <defs>
          {ARROWS.map((tone) => (
            <marker
              key={tone}
              id={`arrow-${tone}`}
              class={`topology-arrow edge-${tone}`}
              viewBox="0 0 10 10"
              refX="8.5"
              refY="5"
              markerWidth="9"
              markerHeight="9"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M1 1 9 5 1 9z" />
            </marker>
          ))}
        </defs>
        <g ref={stage}>
          <Parts {...{ graph, layout, focus, edge }} />
        </g>
      </svg>
      <Controls {...{ viewport, layout }} />
    </div>
  );
});

function classesOf({ graph, focus, edge }: CanvasProps): string {
  const isPicked = focus !== "" || edge !== "";
  return `topology-graph ${isPicked ? "has-pick" : ""} ${isWritten(graph.edges) ? "" : "is-crowded"}`;
}

/** What is in the stage. */
function Parts({
  graph,
  layout,
  focus,
  edge: pickedEdge,
}: Pick<CanvasProps, "graph" | "layout" | "focus" | "edge">) {
  const sizes = useMemo(
    () => new Map(layoutRequest(graph).nodes.map((node) => [node.id, node])),
    [layout.key],
  );
  const names = useMemo(() => new Map(graph.nodes.map(({ id, label }) => [id, label])), [graph]);
  const near = useMemo(() => nearTo(graph, focus, pickedEdge), [graph, focus, pickedEdge]);
  const isAllWritten = isWritten(graph.edges);
  const lines = graph.edges.flatMap((edge) => {
    const place = layout.edges.get(edge.id);
    if (place === undefined) return [];
    const isPicked = edge.id === pickedEdge;
    return [{ edge, place, isPicked, isNear: near.has(edge.id), key: edge.id }];
  });
  // In a crowd what fails lies above the rest.
  if (!isAllWritten) lines.sort((a, b) => Number(isBad(a.edge)) - Number(isBad(b.edge)));
  return (
    <>
      {lines.map((line) => (
        <EdgeLine {...line} key={line.key} sentence={edgeSentence(line.edge, names)} />
      ))}
      {graph.nodes.map((node) => {
        const [place, size] = [layout.nodes.get(node.id), sizes.get(node.id)];
        if (place === undefined || size === undefined) return null;
        const { width, height } = size;
        return (
          <NodeShape
            key={node.id}
            {...{ node, place, width, height }}
            isNear={near.has(node.id)}
            isPicked={node.id === focus}
          />
        );
      })}
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus; lines have the words. */}
      <g aria-hidden="true">
        {lines.map((line) => (
          <EdgeLabel {...line} key={line.key} isWritten={isAllWritten} />
        ))}
      </g>
    </>
  );
}

function isBad({ errorRate }: GraphEdge): boolean {
  return isFailing(errorRate);
}

/** Ids of what is picked and of what touches it. */
function nearTo({ edges }: MeshGraph, focus: string, pickedEdge: string): ReadonlySet<string> {
  const near = new Set<string>();
  if (focus !== "") near.add(focus);
  for (const { id, from, to } of edges) {
    if (id !== pickedEdge && from !== focus && to !== focus) continue;
    near.add(id).add(from).add(to);
  }
  return near;
}

/** Made once for the frame; another scene begins in full view, one that the user has moved stays where it is. */
function useViewport(
  frame: { readonly current: SVGSVGElement | null },
  stage: { readonly current: SVGGElement | null },
  props: CanvasProps,
) {
  const { layout, scene, focus } = props;
  const viewport = useRef<Viewport | undefined>(undefined);
  const shown = useRef("");
  const latest = useRef(props);
  latest.current = props;
  const showAll = (): void => {
    const { layout: now, focus: center } = latest.current;
    viewport.current?.fit(now, now.nodes.get(center));
    revealFocus(viewport.current, frame.current, latest.current);
  };
  useEffect(() => {
    if (frame.current === null || stage.current === null) return undefined;
    const made = new Viewport(frame.current, stage.current);
    viewport.current = made;
    const observer = new ResizeObserver(() => {
      if (!made.isChosen) showAll();
    });
    observer.observe(frame.current);
    return () => {
      observer.disconnect();
      made.close();
    };
  }, []);
  useEffect(() => {
    const isOther = shown.current !== scene;
    shown.current = scene;
    if (isOther || viewport.current?.isChosen !== true) showAll();
    beginAt(frame.current, latest.current);
  }, [scene, layout.key]);
  useEffect(() => revealFocus(viewport.current, frame.current, latest.current), [focus]);
  return viewport;
}

/** What is picked, with its neighbours, is in sight. */
function revealFocus(
  viewport: Viewport | undefined,
  frame: Element | null,
  { focus, graph, layout }: CanvasProps,
): void {
  if (focus === "") return;
  const near = graph.edges.flatMap(({ from, to }) =>
    from === focus ? [to] : to === focus ? [from] : [],
  );
  const points = [focus, ...near].map((id) => layout.nodes.get(id));
  viewport?.reveal(
    points.filter((point) => point !== undefined),
    coveredPx(frame),
  );
}

/** Where the tab key enters: what is picked, or the first. */
function beginAt(frame: Element | null, { focus, graph, layout }: CanvasProps): void {
  if (frame === null || frame.querySelector('[tabindex="0"]') !== null) return;
  const id = focus === "" ? byPlace(graph, layout)[0] : focus;
  reach(frame, id === undefined ? null : elementOf(frame, { kind: "node", id }));
}

/** How much of the frame's right side the panel lies over. */
function coveredPx(frame: Element | null): number {
  const side = document.querySelector(".topology-side")?.getBoundingClientRect();
  const own = frame?.getBoundingClientRect();
  if (side === undefined || own === undefined || side.top >= own.bottom) return 0;
  return Math.max(0, own.right - side.left);
}

function Controls({
  viewport,
  layout,
}: {
  readonly viewport: { readonly current: Viewport | undefined };
  readonly layout: Layout;
}) {
  return (
    <div class="topology-controls">
      <button
        type="button"
        class="icon-button"
        aria-label="Larger"
        title="Larger (+)"
        onClick={() => viewport.current?.zoom(ZOOM_STEP)}
      >
        <span aria-hidden="true">+</span>
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label="Smaller"
        title="Smaller (-)"
        onClick={() => viewport.current?.zoom(1 / ZOOM_STEP)}
      >
        <span aria-hidden="true">−</span>
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label="Fit into view"
        title="Fit into view (0)"
        onClick={() => viewport.current?.fit(layout)}
      >
        <svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path
            d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10"
            fill="none"
            stroke="currentColor"
            stroke-width="1.4"
            stroke-linecap="round"
            stroke-linejoin="round"
          />
        </svg>
      </button>
    </div>
  );
}

function stopOf(target: EventTarget | null): Stop | undefined {
  const part = target instanceof Element ? target.closest("[data-node],[data-edge]") : null;
  const [node, edge] = [part?.getAttribute("data-node"), part?.getAttribute("data-edge")];
  if (node != null) return { kind: "node", id: node };
  return edge == null ? undefined : { kind: "edge", id: edge };
}

function elementOf(frame: Element, { kind, id }: Stop): SVGElement | null {
  return frame.querySelector<SVGElement>(`[data-${kind}="${CSS.escape(id)}"][role]`);
}

/** The drawing is one stop of the tab key: the part that had the focus last. Said to the element alone, so nothing renders. */
function reach(frame: Element | null, target: EventTarget | null): void {
  const part = target instanceof Element ? target.closest("[data-node],[data-edge]") : null;
  if (frame === null || part === null) return;
  for (const other of frame.querySelectorAll('[tabindex="0"]'))
    other.setAttribute("tabindex", "-1");
  part.setAttribute("tabindex", "0");
}

/** What touches the part under the pointer stands out. Nothing is rendered for it. */
function warm(frame: Element | null, graph: MeshGraph, target: EventTarget | null): void {
  if (frame === null) return;
  const stop = stopOf(target);
  for (const other of frame.querySelectorAll(`.${HOT}`)) other.classList.remove(HOT);
  if (stop === undefined) return;
  const near = graph.edges.filter(({ id, from, to }) =>
    stop.kind === "node" ? from === stop.id || to === stop.id : id === stop.id,
  );
  for (const { id } of near) elementOf(frame, { kind: "edge", id })?.classList.add(HOT);
  const nodes = stop.kind === "node" ? [stop.id] : near.flatMap(({ from, to }) => [from, to]);
  for (const id of nodes) elementOf(frame, { kind: "node", id })?.classList.add(HOT);
}

function onKey(event: KeyboardEvent, props: CanvasProps, viewport: Viewport | undefined): void {
  const { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const stop = stopOf(event.target);
  const isArrow = key.startsWith("Arrow") || key === "Home" || key === "End";
  if (isArrow && stop !== undefined) move(event, props, { stop, viewport });
  else if ((key === "Enter" || key === " ") && stop !== undefined) props.onPick(stop);
  else if (key === "Escape") props.onPick(undefined);
  else if (key === "+" || key === "=") viewport?.zoom(ZOOM_STEP);
  else if (key === "-") viewport?.zoom(1 / ZOOM_STEP);
  else if (key === "0") viewport?.fit(props.layout);
  else return;
  event.preventDefault();
}

function move(
  { key, currentTarget }: KeyboardEvent,
  { graph, layout }: CanvasProps,
  { stop, viewport }: { readonly stop: Stop; readonly viewport: Viewport | undefined },
): void {
  const next = nextStop(graph, layout, { stop, key });
  if (next === undefined || !(currentTarget instanceof Element)) return;
  elementOf(currentTarget, next)?.focus({ preventScroll: true });
  const place = next.kind === "node" ? layout.nodes.get(next.id) : layout.edges.get(next.id)?.label;
  if (place !== undefined) viewport?.reveal([place]);
}
