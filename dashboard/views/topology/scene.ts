/** What the address asks to be drawn. Pure. */
import type { MeshGraph } from "./mesh-graph.ts";
import {
  byNamespace,
  namespaceId,
  neighbourhood,
  ofNamespace,
  READABLE_MAX,
  startOf,
} from "./shown-graph.ts";

/** As the address has it; empty where it says nothing. */
export interface Asked {
  /** `default/catalog`. */
  readonly focus: string;
  /** `default/cart>default/catalog`. */
  readonly edge: string;
  /** Steps around what is picked: `1`, `2` or `all`. */
  readonly depth: string;
  readonly namespace: string;
  /** `services` or `namespaces`. */
  readonly group: string;
  /** Namespaces whose services are shown, with commas between them. */
  readonly open: string;
}

export interface Scene {
  /** The same while the same is asked for, whatever the figures are. */
  readonly key: string;
  readonly graph: MeshGraph;
  /** The node that is picked; empty: none. */
  readonly focus: string;
  /** Steps around it; undefined: everything. */
  readonly steps: number | undefined;
  readonly isGrouped: boolean;
  /** Nobody picked it: the whole would be too much to begin with. */
  readonly isStart: boolean;
}

export function sceneOf(mesh: MeshGraph, asked: Asked): Scene {
  const { namespace, depth, group } = asked;
  const base = namespace === "" ? mesh : ofNamespace(mesh, namespace);
  const isLarge = base.nodes.length > READABLE_MAX;
  const isGrouped = isLarge
    ? group !== "services" && namespacesOf(base).length > 1
    : group === "namespaces";
  const picked = pickedOf(mesh, asked);
  const start = isLarge && !isGrouped && group === "" ? startOf(base.nodes)?.id : undefined;
  const center = picked ?? (depth === "all" ? undefined : start);
  const steps = center === undefined ? undefined : stepsOf(depth, isLarge);
  const focus = asked.focus === "" && picked !== undefined ? "" : (center ?? "");
  const key = [namespace, group, asked.open, steps === undefined ? "" : center, steps].join("|");
  const shared = { key, focus, steps, isStart: picked === undefined && center !== undefined };
  if (center !== undefined && steps !== undefined) {
    return { ...shared, graph: neighbourhood(mesh, center, steps), isGrouped: false };
  }
  if (!isGrouped) return { ...shared, graph: base, isGrouped };
  const open = new Set([...asked.open.split(","), namespace]);
  const own = mesh.nodes.find(({ id }) => id === center)?.namespace;
  if (own !== undefined) open.add(own);
  return { ...shared, graph: byNamespace(base, open), isGrouped };
}

/** The service of the address; where it has a call, the one that is called. */
function pickedOf(mesh: MeshGraph, { focus, edge }: Asked): string | undefined {
  const wanted = focus === "" ? edge.slice(edge.indexOf(">") + 1) : focus;
  return mesh.nodes.some(({ id }) => id === wanted) ? wanted : undefined;
}

function stepsOf(depth: string, isLarge: boolean): number | undefined {
  if (depth === "1" || depth === "2") return Number(depth);
  return depth === "" && isLarge ? 1 : undefined;
}

/** Of services, in the order of their names. */
export function namespacesOf({ nodes }: MeshGraph): readonly string[] {
  const names = nodes.filter(({ kind }) => kind === "service").map((node) => node.namespace);
  return [...new Set(names)].sort();
}

/** Those that are open and have services. */
export function openNamespaces(mesh: MeshGraph, { open }: Asked): readonly string[] {
  const wanted = new Set(open.split(","));
  return namespacesOf(mesh).filter((namespace) => wanted.has(namespace));
}

/** `open` with one more, or one less. */
export function toggledOpen(open: string, namespace: string): string {
  const names = new Set(open.split(",").filter(Boolean));
  if (!names.delete(namespace)) names.add(namespace);
  return [...names].sort().join(",");
}

/** The namespace that a node stands for. */
export function namespaceOfId(id: string): string | undefined {
  const prefix = namespaceId("");
  return id.startsWith(prefix) ? id.slice(prefix.length) : undefined;
}
