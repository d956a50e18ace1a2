/** References of routes that do not lead to Services: to the mesh's own kinds, and to other routes. */
import { GATEWAY_API_GROUP } from "../../resource/kinds/route-references.ts";

/** The API group of the kinds that are the mesh's own. */
export const MESH_GROUP = "mesh.tulle.dev";

/** Whether a reference names an HTTPRoute. */
export function isRouteRef(ref: { readonly group: string; readonly kind: string }): boolean {
  return ref.group === GATEWAY_API_GROUP && ref.kind === "HTTPRoute";
}
