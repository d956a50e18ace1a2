/**
 * Node's HTTP module as `require` gives it. An `import` of `node:http` makes every export a binding, which
 * runs the getters of its web clients: 16 MB of a process that never uses them (Node 26).
 */
export const nodeHttp = process.getBuiltinModule("node:http");
