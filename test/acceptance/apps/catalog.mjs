/**
 * The app of the acceptance tests: says which instance answered, and writes every request that reaches it into a
 * journal of its own before it does anything else. A line is written with one system call, so that it
 * survives a kill at any moment; a request that is sent twice has two lines, in whichever journals.
 */
import { existsSync, openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const { HOST, PORT, APP_VERSION = "v1", JOURNAL_FOLDER = "", TULLE_INSTANCE = "" } = process.env;
/** While this file is there every request is answered 503. */
const FAILING = join(JOURNAL_FOLDER, "..", `failing-${TULLE_INSTANCE}`);
/** While this file is there every answer takes so many times as long. */
const SLOW = join(JOURNAL_FOLDER, "..", `slow-${TULLE_INSTANCE}`);
const SLOW_FACTOR = 20;
const journal = openSync(join(JOURNAL_FOLDER, `${TULLE_INSTANCE}.${process.pid}`), "a");

const server = createServer((request, response) => {
  const { "x-test-id": id = "none", "x-test-delay": delay = "0" } = request.headers;
  writeSync(journal, `${Date.now()} ${request.method} ${id}\n`);
  const factor = existsSync(SLOW) ? SLOW_FACTOR : 1;
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
  });
  request.on("end", () => {
    setTimeout(() => {
      const answer = { instance: TULLE_INSTANCE, version: APP_VERSION, pid: process.pid, size };
      response.setHeader("content-type", "application/json");
      if (existsSync(FAILING)) {
        writeSync(journal, `${Date.now()} FAIL ${id}\n`);
        response.statusCode = 503;
      }
      response.end(JSON.stringify(answer));
    }, Number(delay) * factor);
  });
});

server.listen(Number(PORT), HOST, () => {
  // The tests measure from this moment how long it takes until requests come.
  writeSync(journal, `${Date.now()} LISTEN -\n`);
});
process.on("SIGTERM", () => server.close(() => process.exit(0)));
