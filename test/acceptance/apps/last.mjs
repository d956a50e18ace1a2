/**
 * Tells its story on standard output: asked, answered a while later, told to end; then it calls catalog once more before
 * it does.
 */
import { createServer } from "node:http";

const { HOST, PORT, CATALOG_SERVICE_HOST, CATALOG_SERVICE_PORT } = process.env;
/** Longer than it takes to tell its starter to stop it. */
const ANSWER_MS = 500;

const tell = (line) => process.stdout.write(`app: ${line}\n`);

const server = createServer((_, response) => {
  tell("asked");
  setTimeout(() => {
    tell("answered");
    response.end("late");
  }, ANSWER_MS);
});
server.listen(Number(PORT), HOST);
process.on("SIGTERM", async () => {
  tell("told to end");
  const { status } = await fetch(`http://${CATALOG_SERVICE_HOST}:${CATALOG_SERVICE_PORT}/`);
  tell(`catalog says ${status}`);
  process.exit(0);
});
