/** An app that speaks no HTTP: it sends back what it gets, for as long as the other side likes. */
import { createServer } from "node:net";

const { HOST, PORT } = process.env;

const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen(Number(PORT), HOST);
process.on("SIGTERM", () => process.exit(0));
