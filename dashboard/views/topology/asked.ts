/** What the address asks of this view, and how that is changed. */
import { parameter, setParameters } from "../../core/location.ts";
import type { Stop } from "./graph-keys.ts";
import { type Asked, namespaceOfId, toggledOpen } from "./scene.ts";

/** Read in a component, it follows the address. */
export function askedNow(): Asked {
  const [focus, edge, depth] = [parameter("focus"), parameter("edge"), parameter("depth")];
  const [namespace, group, open] = [parameter("namespace"), parameter("group"), parameter("open")];
  return { focus, edge, depth, namespace, group, open };
}

/** Picks a part of the drawing; what was picked before, or nothing, lets go. A namespace opens. */
export function pick(stop: Stop | undefined): void {
  const { focus, edge, open } = askedNow();
  if (stop === undefined) {
    setParameters(edge === "" ? { focus: null, depth: null } : { edge: null });
    return;
  }
  const { kind, id } = stop;
  if (kind === "edge") {
    setParameters({ edge: id === edge ? null : id });
    return;
  }
  const namespace = namespaceOfId(id);
  if (namespace !== undefined) {
    setParameters({ open: toggledOpen(open, namespace), focus: null, edge: null });
  } else if (id === focus && edge === "") setParameters({ focus: null, depth: null });
  else setParameters({ focus: id, edge: null });
}

/** From lists and the search, where nothing is let go. */
export function pickService(id: string): void {
  setParameters({ focus: id, edge: null });
}
