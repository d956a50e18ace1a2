/** What the mesh tells of its traffic, by the command line: the same figures as the requests that were made. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { CatalogMesh } from "./catalog-mesh.ts";

/** How long the app works on a good request, at least. */
const WORK_MS = 30;
const APP = `
const WORK_MS = ${WORK_MS};
const { createServer } = require("node:http");
createServer((request, response) => {
  const isBroken = request.url.startsWith("/broken");
  response.statusCode = isBroken ? 500 : 200;
  setTimeout(() => response.end("hello"), isBroken ? 0 : WORK_MS);
}).listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const GOOD = 40;
const BAD = 10;
const POLL_MS = 200;

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "traffic",
    app: APP,
    // An app's own 500 must reach the client, and the app must stay in.
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "TrafficPolicy",
        metadata: { name: "catalog" },
        spec: {
          targetRefs: [{ kind: "Service", name: "catalog" }],
          outlierDetection: { enabled: false },
        },
      },
    ],
  });
  for (let i = 0; i < GOOD; i++) assert.equal((await mesh.ask(`/items/${i}`)).status, 200);
  for (let i = 0; i < BAD; i++) assert.equal((await mesh.ask(`/broken/${i}`)).status, 500);
});

after(() => mesh?.remove());

/** The JSON of a command, as soon as it is as wanted: sidecars tell every few seconds. */
async function told<T>(
  schema: z.ZodType<T>,
  isWanted: (answer: T) => boolean,
  ...words: readonly string[]
): Promise<T> {
  for (;;) {
    const answer = schema.parse(JSON.parse(await mesh.tulle(...words, "-o", "json")));
    if (isWanted(answer)) return answer;
    await delay(POLL_MS);
  }
}

const ref = z.object({ namespace: z.string(), name: z.string() });
const traffic = z.object({ requests: z.number(), errors: z.number() });

test("stat counts the requests of each service, and edges those between two", async () => {
  const services = z.object({
    services: z.array(z.object({ service: ref, health: z.string(), inbound: traffic })),
  });
  const answer = await told(
    services,
    (one) => one.services.some(({ inbound }) => inbound.requests === GOOD + BAD),
    "stat",
  );
  const catalog = answer.services.find(({ service }) => service.name === "catalog");
  assert.deepEqual(catalog?.inbound, { ...catalog?.inbound, requests: GOOD + BAD, errors: BAD });
  assert.equal(catalog?.health, "failing");

  const edges = z.object({
    edges: z.array(
      z.object({ source: ref, destination: ref, security: z.string(), traffic: traffic }),
    ),
  });
  const { edges: found } = await told(
    edges,
    (one) => one.edges.some((edge) => edge.traffic.requests === GOOD + BAD),
    "edges",
    "catalog",
  );
  assert.deepEqual(
    found.map((edge) => [edge.source.name, edge.destination.name, edge.security]),
    [["client", "catalog", "mutual_tls"]],
  );
});

test("errors groups failures, and logs and trace show them", async () => {
  const errors = z.object({
    groups: z.array(
      z.object({ responseCode: z.number(), count: z.number(), traceIds: z.array(z.string()) }),
    ),
  });
  const { groups } = await told(
    errors,
    (one) => (one.groups[0]?.traceIds.length ?? 0) > 0,
    "errors",
    "catalog",
  );
  assert.equal(groups[0]?.responseCode, 500);
  const id = groups[0]?.traceIds[0] ?? "";
  const logs = z.object({ logs: z.array(z.object({ path: z.string(), traceId: z.string() })) });
  const words = ["logs", "catalog", "--status", "5xx", "--path", "/broken", "--trace", id];
  const { logs: found } = await told(logs, (one) => one.logs.length > 0, ...words);
  assert.ok(found.every(({ path, traceId }) => path.startsWith("/broken/") && traceId === id));

  const waterfall = await mesh.tulle("trace", id);
  assert.match(waterfall, new RegExp(`^${id} .*■ error`));
  assert.match(waterfall, /client .*█/);
  const listed = await mesh.tulle("trace", "--errors", "--service", "catalog");
  assert.ok(listed.includes(id), listed);
});

test("routes show the share that each backend got, and how long requests took", async () => {
  const milliseconds = z.number().nullable();
  const latency = z.object({ mean: milliseconds, p50: milliseconds, p99: milliseconds });
  const routes = z.object({
    routes: z.array(
      z.object({
        service: ref,
        backends: z.array(
          z.object({ observedShare: z.number().nullable(), traffic: traffic.extend({ latency }) }),
        ),
      }),
    ),
  });
  const answer = await told(
    routes,
    (one) => one.routes.some(({ backends }) => backends[0]?.traffic.requests === GOOD + BAD),
    "routes",
    "catalog",
  );
  assert.equal(answer.routes.length, 1);
  const [backend] = answer.routes[0]?.backends ?? [];
  assert.equal(backend?.observedShare, 1);
  // Four of five requests took at least WORK_MS: the median is in a bucket that ends above it, and begins at 25 ms.
  const { mean, p50, p99 } = backend?.traffic.latency ?? {};
  const all = JSON.stringify(backend?.traffic.latency);
  assert.ok((p50 ?? 0) > 25 && (p99 ?? 0) >= (p50 ?? 0), all);
  assert.ok((mean ?? 0) > (WORK_MS * GOOD) / (GOOD + BAD) - 1 && (mean ?? 0) < 10_000, all);
});

test("people get tables", async () => {
  assert.match(await mesh.tulle("stat"), /catalog +■ failing +1\/1 +\d.*80\.0%/);
  assert.match(await mesh.tulle("stat", "catalog"), /INSTANCE +VERSION/);
  assert.match(await mesh.tulle("edges"), /client +catalog +http +yes/);
  assert.match(await mesh.tulle("errors"), /10 +catalog +client +500/);
  assert.match(
    await mesh.tulle("events", "--type", "config"),
    /· config {2}Service default\/catalog/,
  );
});

test("what is asked wrongly is said", async () => {
  const cases = [
    { words: ["stat", "a/b/c"], message: /"a\/b\/c" names no service/ },
    { words: ["edges", "--since", "yesterday"], message: /"yesterday" is no time/ },
    { words: ["logs", "--status", "5yy"], message: /"5yy" is no status/ },
    { words: ["events", "--since", "1m", "--until", "5m"], message: /--until must be later/ },
  ];
  for (const { words, message } of cases) {
    const { code, output } = await mesh.home.start(words).ended;
    assert.equal(code, 2, output);
    assert.match(output, message);
  }
  const { code, output } = await mesh.home.start(["stat", "nobody"]).ended;
  assert.equal(code, 1, output);
  assert.match(output, /nobody/);
});
