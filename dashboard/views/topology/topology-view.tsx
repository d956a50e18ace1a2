/** Who calls whom, how it goes and whether it is secured: drawn, and as tables. */
import { useMemo, useRef } from "preact/hooks";
import type {
  EdgesResponse,
  RoutesResponse,
  ServicesResponse,
} from "../../../src/control-plane/telemetry-types.ts";
import { shortName } from "../../core/format.ts";
import { type Live, useLive } from "../../core/live.ts";
import { parameter } from "../../core/location.ts";
import { share } from "../../core/share.ts";
import { quoted } from "../../core/shell-words.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { Empty, Failure, Page, Skeleton } from "../../ui/page.tsx";
import { askedNow } from "./asked.ts";
import { useLayoutWorker } from "./layout-client.ts";
import { type Mesh, type MeshAnswers, meshGraph } from "./mesh-graph.ts";
import { sceneOf } from "./scene.ts";
import { namer, SidePanel } from "./side-panel.tsx";
import { allShares } from "./splits.ts";
import { TopologyDrawing } from "./topology-drawing.tsx";
import { TopologyTables } from "./topology-tables.tsx";
import { Legend, SceneNote, TopologyTools } from "./topology-tools.tsx";

/** Where a drawing has no room. */
const NARROW = "(max-width: 640px)";

/** The view. */
export function View() {
  useLayoutWorker();
  const range = rangeParameters.value;
  const services = useLive<ServicesResponse>("/telemetry/services", range);
  const edges = useLive<EdgesResponse>("/telemetry/edges", range);
  const routes = useLive<RoutesResponse>("/telemetry/routes", range);
  const answers = answersOf(services, edges, routes);
  const failure = services.failure ?? edges.failure ?? routes.failure;
  return (
    <Page title="Topology" cli={command()}>
      {failure !== undefined && <Failure failure={failure} />}
      {answers === undefined && failure === undefined && <Skeleton lines={10} />}
      {answers !== undefined && <Topology {...answers} />}
    </Page>
  );
}

/** Undefined until there is enough to draw. Routes that cannot be had leave out the splits alone. */
function answersOf(
  { data: services }: Live<ServicesResponse>,
  { data: edges }: Live<EdgesResponse>,
  routes: Live<RoutesResponse>,
): MeshAnswers | undefined {
  if (services === undefined || edges === undefined) return undefined;
  if (routes.data === undefined && routes.failure === undefined) return undefined;
  return {
    services: services.services,
    edges: edges.edges,
    routes: routes.data?.routes ?? [],
  };
}

function command(): string {
  const { focus, edge, namespace } = askedNow();
  const service = edge === "" ? focus : edge.slice(edge.indexOf(">") + 1);
  const about = service === "" || service.includes(":") ? "" : ` ${quoted(shortName(service))}`;
  const within = about === "" && namespace !== "" ? ` -n ${quoted(namespace)}` : "";
  return `tulle edges${about}${within}${rangeFlags.value}`;
}

function Topology({ services, edges, routes }: MeshAnswers) {
  const mesh = useMesh({ services, edges, routes });
  const asked = askedNow();
  const { focus, edge, depth, namespace, group, open } = asked;
  const scene = useMemo(
    () => sceneOf(mesh, asked),
    [mesh, focus, edge, depth, namespace, group, open],
  );
  const shares = useMemo(() => allShares(routes), [routes]);
  const nameOf = useMemo(() => namer(mesh), [mesh]);
  if (mesh.nodes.length === 0) {
    return (
      <Empty title="There are no services yet">
        Apply a Service, or start one: <code>tulle run --service NAME -- COMMAND</code>
      </Empty>
    );
  }
  const shape = parameter("show") || (matchMedia(NARROW).matches ? "table" : "graph");
  return (
    <>
      <TopologyTools {...{ mesh, scene, shape }} />
      {focus !== "" && !mesh.nodes.some(({ id }) => id === focus) && (
        <p class="topology-note" role="status">
          There is no service {focus} in this time.
        </p>
      )}
      {mesh.calls.length === 0 && (
        <p class="topology-note">Nobody called anybody in this time, so there are no lines.</p>
      )}
      <SceneNote {...{ mesh, scene }} />
      <div class={`topology shape-${shape}`}>
        {shape === "graph" ? (
          <section class="panel topology-picture" aria-label="Graph">
            <TopologyDrawing scene={scene} edge={edge} />
            <Legend />
          </section>
        ) : (
          <TopologyTables {...{ mesh, scene }} />
        )}
        <SidePanel {...{ mesh, scene, services, shares, nameOf }} told={edges} />
      </div>
    </>
  );
}

/** Parts that are what they were keep their identity: they are not drawn again. */
function useMesh({ services, edges, routes }: MeshAnswers): Mesh {
  const last = useRef<Mesh | undefined>(undefined);
  return useMemo(() => {
    const mesh = share(last.current, meshGraph({ services, edges, routes }));
    last.current = mesh;
    return mesh;
  }, [services, edges, routes]);
}
