/**
 * A gRPC app without a library: `/Ticker/Watch` sends a message now and then for as long as anybody listens,
 * `/Ticker/Once` sends one. Told to end, it ends its streams with UNAVAILABLE, as a gRPC server does.
 */
import { createServer } from "node:http2";

const { HOST, PORT, TULLE_INSTANCE = "" } = process.env;
const TICK_MS = 50;
const UNAVAILABLE = "14";
const sessions = new Set();
const watching = new Set();

/** RFC: a byte of flags and four of length stand before each message. */
function message(text) {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

const server = createServer();
server.on("session", (session) => {
  sessions.add(session);
  session.on("close", () => sessions.delete(session));
});
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  let status = "0";
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
  stream.write(message(TULLE_INSTANCE));
  if (headers[":path"] === "/Ticker/Once") {
    stream.end();
    return;
  }
  const timer = setInterval(() => stream.write(message(TULLE_INSTANCE)), TICK_MS);
  const end = () => {
    status = UNAVAILABLE;
    stream.end();
  };
  watching.add(end);
  stream.on("close", () => {
    clearInterval(timer);
    watching.delete(end);
  });
});
server.listen(Number(PORT), HOST);
process.on("SIGTERM", () => {
  for (const end of watching) end();
  for (const session of sessions) session.close();
  server.close(() => process.exit(0));
});
