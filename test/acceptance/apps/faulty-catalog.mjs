/** A version of catalog with a bug: whatever is asked, it answers 500, and says in a header who it is. */
import { createServer } from "node:http";

const { HOST, PORT, APP_VERSION = "" } = process.env;

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(500, { "x-version": APP_VERSION });
    response.end("the bug\n");
  });
});

server.listen(Number(PORT), HOST);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
