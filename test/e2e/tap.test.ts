/** `tulle tap` and `tulle top`: live requests of a real mesh, asked of the sidecars for as long as somebody watches. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { z } from "zod";
import { CatalogMesh } from "./catalog-mesh.ts";
import type { TulleProcess } from "./tulle-process.ts";

const APP = `
const { createServer } = require("node:http");
createServer((request, response) => {
  response.statusCode = request.url.startsWith("/broken") ? 500 : 200;
  response.setHeader("x-stock", "3");
  response.setHeader("set-cookie", "session=secret-of-catalog");
  response.end("hello");
}).listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const eventSchema = z.object({
  reporter: z.enum(["source", "destination"]),
  source: z.object({ name: z.string() }),
  destination: z.object({ name: z.string() }),
  method: z.string(),
  path: z.string(),
  responseCode: z.number(),
  durationMs: z.number(),
  requestHeaders: z.array(z.tuple([z.string(), z.string()])),
  responseHeaders: z.array(z.tuple([z.string(), z.string()])),
});

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "tap",
    app: APP,
    services: { catalog: { workers: 2 } },
  });
});

after(() => mesh?.remove());

/** Asks until it has ended: a tap begins when the sidecars have heard of it. */
async function askUntil(tap: TulleProcess, ask: () => Promise<unknown>): Promise<string> {
  let hasEnded = false;
  void tap.ended.then(() => {
    hasEnded = true;
  });
  while (!hasEnded) await ask();
  const { code, output } = await tap.ended;
  assert.equal(code, 0, output);
  return output;
}

function eventsIn(output: string): readonly z.infer<typeof eventSchema>[] {
  return output
    .trim()
    .split("\n")
    .map((line) => eventSchema.parse(JSON.parse(line)));
}

test("requests to a service are told by its own sidecar, one on each line", async () => {
  const tap = mesh.home.start(["tap", "--to", "catalog", "--count", "3", "-o", "json"]);
  const events = eventsIn(await askUntil(tap, () => mesh.ask("/items?page=1")));
  assert.equal(events.length, 3);
  for (const event of events) {
    assert.equal(event.reporter, "destination");
    assert.deepEqual([event.source.name, event.destination.name], ["client", "catalog"]);
    assert.deepEqual([event.method, event.path], ["GET", "/items?page=1"]);
    assert.equal(event.responseCode, 200);
    assert.deepEqual([event.requestHeaders, event.responseHeaders], [[], []]);
  }
});

test("filters choose, headers are shown, and credentials are not", async () => {
  const words = ["tap", "--from", "client", "--status", "5xx", "--path", "/broken", "--count", "2"];
  const shown = ["--header", "x-user", "--header", "authorization", "-o", "json"];
  const answers = ["--response-header", "x-stock", "--response-header", "set-cookie"];
  const tap = mesh.home.start([...words, ...shown, ...answers]);
  const headers = { "x-user": "7", authorization: "Bearer secret-of-7" };
  const output = await askUntil(tap, async () => {
    await mesh.ask("/items", { headers });
    await mesh.ask("/broken/1", { headers });
  });
  assert.doesNotMatch(output, /secret-of/);
  const events = eventsIn(output);
  for (const event of events) {
    assert.equal(event.reporter, "source");
    assert.deepEqual([event.path, event.responseCode], ["/broken/1", 500]);
  }
  // The first one may have been under way when the tap began: nobody kept its headers.
  const { requestHeaders = [], responseHeaders = [] } = events.at(-1) ?? {};
  const [user, authorization] = requestHeaders.toSorted().toReversed();
  assert.deepEqual(user, ["x-user", "7"]);
  assert.equal(authorization?.[0] ?? "authorization", "authorization");
  const stock = responseHeaders.filter(([name]) => name === "x-stock");
  assert.deepEqual(stock, [["x-stock", "3"]]);
});

test("people read a line for each request", async () => {
  const tap = mesh.home.start(["tap", "--from", "client", "--count", "1"]);
  const output = await askUntil(tap, () => mesh.ask("/items"));
  assert.match(output, / client → catalog {2}GET \/items {2}200 {2}[\d.]+ms/);
});

test("top sums what is tapped", async () => {
  const top = mesh.home.start(["top", "--from", "client", "--for", "4s", "-o", "json"]);
  const output = await askUntil(top, () => mesh.ask("/items?page=2"));
  const { rows } = z
    .object({ rows: z.array(z.object({ path: z.string(), count: z.number() })) })
    .parse(JSON.parse(output));
  assert.equal(rows[0]?.path, "/items");
  assert.ok((rows[0]?.count ?? 0) > 0);
});

test("what is wrong with a filter is said", async () => {
  const status = await mesh.home.start(["tap", "--status", "abc"]).ended;
  assert.equal(status.code, 2, status.output);
  assert.match(status.output, /"abc" is no status/);
  const path = await mesh.home.start(["tap", "--path", "items"]).ended;
  assert.equal(path.code, 1, path.output);
  assert.match(path.output, /path: "items" does not begin a path/);
});
