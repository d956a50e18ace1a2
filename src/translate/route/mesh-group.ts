/** The API group of the kinds that are the mesh's own. */
export const MESH_GROUP = "mesh.tulle.dev";
