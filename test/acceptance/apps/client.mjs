/**
 * An app that only calls others. It prints where its sidecar lets it reach catalog: whoever connects there is
 * this client to the mesh, so that the test itself can send the requests and see each answer.
 */
const { CATALOG_SERVICE_HOST, CATALOG_SERVICE_PORT } = process.env;
process.stdout.write(`catalog at ${CATALOG_SERVICE_HOST}:${CATALOG_SERVICE_PORT}\n`);
const alive = setInterval(() => {}, 60_000);
process.on("SIGTERM", () => clearInterval(alive));
