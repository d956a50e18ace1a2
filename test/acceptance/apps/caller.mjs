/** An app that only calls: prints where its sidecar lets it reach ticker, so that the test can call in its place. */
const { TICKER_SERVICE_HOST, TICKER_SERVICE_PORT } = process.env;
process.stdout.write(`ticker at ${TICKER_SERVICE_HOST}:${TICKER_SERVICE_PORT}\n`);
const alive = setInterval(() => {}, 60_000);
process.on("SIGTERM", () => clearInterval(alive));
