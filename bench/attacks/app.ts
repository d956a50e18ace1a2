/** The app behind the sidecar that is attacked: `/large` is 1 MB, all else is small. */
import { createServer } from "node:http";

const LARGE = Buffer.alloc(1024 * 1024, "x");

const server = createServer((request, response) => {
  request.resume();
  request.on("error", () => {});
  request.on("end", () => response.end(request.url === "/large" ? LARGE : "ok"));
});
server.listen(Number(process.argv[2]), "127.0.0.1");
