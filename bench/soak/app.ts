/** The app behind the sidecars of a soak run: answers of all sizes, errors, answers that break off, WebSocket. */
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const LARGE = Buffer.alloc(200_000, "x");

const server = createServer((request, response) => {
  switch (request.url) {
    case "/large":
      response.end(LARGE);
      break;
    case "/echo":
      request.pipe(response);
      break;
    case "/error":
      response.writeHead(500).end("an error");
      break;
    case "/cut":
      response.writeHead(200, { "content-length": 1_000 });
      response.write("not all of it", () => request.socket.destroy());
      break;
    default:
      response.end("small");
  }
});
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => {
  socket.on("message", (data) => socket.send(data));
});
server.listen(Number(process.argv[2]), "127.0.0.1");
