/** The drawing with its layout: what was drawn stays until the next layout is there. */
import { useMemo, useRef } from "preact/hooks";
import { Empty, Skeleton } from "../../ui/page.tsx";
import { pick } from "./asked.ts";
import { layoutRequest } from "./drawing.ts";
import { GraphCanvas } from "./graph-canvas.tsx";
import { useLayout } from "./layout-client.ts";
import type { Layout } from "./layout-types.ts";
import type { Scene } from "./scene.ts";

export function TopologyDrawing({
  scene,
  edge,
}: {
  readonly scene: Scene;
  /** The id of the edge that is picked; empty: none. */
  readonly edge: string;
}) {
  const request = useMemo(() => layoutRequest(scene.graph), [scene.graph]);
  const layout = useLayout(request);
  const drawn = useRef<{ readonly scene: Scene; readonly layout: Layout } | undefined>(undefined);
  if (layout === "failed") {
    return (
      <Empty title="The drawing could not be made">
        The browser did not start the worker that places it. The table has the same figures.
      </Empty>
    );
  }
  if (layout !== undefined) drawn.current = { scene, layout };
  if (drawn.current === undefined) return <Skeleton lines={9} />;
  const { scene: shown, layout: places } = drawn.current;
  const isDrawn = shown.graph.edges.some(({ id }) => id === edge);
  return (
    <GraphCanvas
      graph={shown.graph}
      layout={places}
      focus={isDrawn ? "" : shown.focus}
      edge={isDrawn ? edge : ""}
      scene={shown.key}
      onPick={pick}
    />
  );
}
