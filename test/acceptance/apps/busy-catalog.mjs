/**
 * An app that works on so many requests at a time and takes a while for each, by the clock and not by the CPU: what comes
 * beyond that waits in the app, however long the queue is, as in most apps.
 */
import { createServer } from "node:http";

const { HOST, PORT, SLOTS, WORK_MS, TULLE_INSTANCE = "" } = process.env;
const waiting = [];
let busy = 0;

/** From half of WORK_MS to half more. */
const workMs = () => Number(WORK_MS) * (0.5 + Math.random());

function work(answer) {
  busy += 1;
  setTimeout(() => {
    busy -= 1;
    answer();
    const next = waiting.shift();
    if (next !== undefined) work(next);
  }, workMs());
}

const server = createServer((request, response) => {
  request.resume();
  const answer = () => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ instance: TULLE_INSTANCE, version: "busy" }));
  };
  if (busy < Number(SLOTS)) work(answer);
  else waiting.push(answer);
});
server.listen(Number(PORT), HOST);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
