/**
 * HTTPRoutes and GRPCRoutes as people write them: what they match, how they change requests and answers, redirects, weights
 * and copies. By YAML, the command line, a control plane and real sidecars; the app answers with what reached it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { CatalogMesh, type Question } from "./catalog-mesh.ts";

/**
 * `/seen` tells what has come before, by path and size of the body. Calls of gRPC come by HTTP/2, on the same port, and are
 * told who answers.
 */
const APP = `
const { APP_NAME, PORT } = process.env;
const seen = [];
const plain = require("node:http").createServer((request, response) => {
  if (request.url === "/seen") return response.end(JSON.stringify(seen));
  let size = 0;
  request.on("data", (bytes) => { size += bytes.length; });
  request.on("end", () => {
    const { method, url, headers } = request;
    seen.push(url + " " + size);
    response.setHeader("x-app", APP_NAME).setHeader("x-gone", "1");
    response.end(JSON.stringify({ app: APP_NAME, method, url, headers }));
  });
});
const calls = require("node:http2").createServer((request, response) => {
  response.writeHead(200, { "content-type": "application/grpc", "grpc-status": "0", "x-app": APP_NAME });
  response.end();
});
require("node:net").createServer((socket) => {
  socket.once("readable", () => {
    const first = socket.read() ?? Buffer.alloc(2);
    socket.unshift(first);
    (first[0] === 0x50 && first[1] === 0x52 ? calls : plain).emit("connection", socket);
  });
  socket.on("error", () => {});
}).listen(PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const GATEWAY = "gateway.networking.k8s.io";

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "routing",
    app: APP,
    services: {
      catalog: { env: { APP_NAME: "catalog" } },
      next: { env: { APP_NAME: "next" } },
      shadow: { env: { APP_NAME: "shadow" } },
    },
  });
});

after(() => mesh?.remove());

interface Rule {
  readonly matches?: readonly object[];
  readonly filters?: readonly object[];
  readonly backendRefs?: readonly object[];
}

const backend = (name: string, weight = 1): object => ({ name, port: 80, weight });

async function applyRules(rules: readonly Rule[], kind = "HTTPRoute"): Promise<void> {
  await mesh.apply({
    apiVersion: `${GATEWAY}/v1`,
    kind,
    metadata: { name: "catalog" },
    spec: { parentRefs: [{ group: "", kind: "Service", name: "catalog" }], rules },
  });
}

interface Seen {
  readonly app: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function askApp(path: string, question: Question = {}): Promise<Seen> {
  const { status, body } = await mesh.ask(path, question);
  assert.equal(status, 200, `${path}: ${body}`);
  return JSON.parse(body);
}

/** Where it goes; rules that match lead to `next`. */
const appOf = async (path: string, question?: Question): Promise<string> =>
  (await askApp(path, question)).app;

async function assertMatches(
  matches: readonly object[],
  yes: readonly (readonly [string, Question?])[],
  no: readonly (readonly [string, Question?])[],
): Promise<void> {
  await applyRules([
    { matches, backendRefs: [backend("next")] },
    { backendRefs: [backend("catalog")] },
  ]);
  for (const [path, question] of yes) assert.equal(await appOf(path, question), "next", path);
  for (const [path, question] of no) assert.equal(await appOf(path, question), "catalog", path);
}

const path = (type: string, value: string): object => ({ path: { type, value } });
const withFields = (headers: Record<string, string>): Question => ({ headers });

test("matches: paths exactly, by prefix and by expression", async () => {
  await assertMatches([path("Exact", "/a")], [["/a"], ["/a?x=1"]], [["/a/"], ["/ab"], ["/A"]]);
  await assertMatches([path("PathPrefix", "/a")], [["/a"], ["/a/b"], ["/a/"]], [["/ab"], ["/b"]]);
  const numbers = path("RegularExpression", "/items/[0-9]+");
  await assertMatches([numbers], [["/items/17"]], [["/items/a"], ["/items/17/b"]]);
});

test("matches: methods, fields and parameters, together and instead of each other", async () => {
  const erase = { method: "DELETE" };
  await assertMatches([erase], [["/", erase]], [["/"]]);
  const fields = {
    headers: [
      { name: "X-Plan", value: "gold" },
      { type: "RegularExpression", name: "x-user", value: "[a-f].*" },
    ],
  };
  const both = withFields({ "x-plan": "gold", "x-user": "ann" });
  const one = withFields({ "x-plan": "gold" });
  const other = withFields({ "x-plan": "gold", "x-user": "zoe" });
  await assertMatches([fields], [["/", both]], [["/"], ["/", one], ["/", other]]);
  const parameters = {
    queryParams: [
      { name: "kind", value: "all" },
      { type: "RegularExpression", name: "page", value: "[0-9]+" },
    ],
  };
  await assertMatches(
    [parameters],
    [["/?kind=all&page=2"]],
    [["/?kind=all"], ["/?kind=al&page=2"]],
  );
  await assertMatches([erase, path("Exact", "/a")], [["/a"], ["/b", erase]], [["/b"]]);
});

test("the most specific rule wins, wherever it stands", async () => {
  await applyRules([
    { matches: [path("PathPrefix", "/")], backendRefs: [backend("catalog")] },
    { matches: [path("PathPrefix", "/a")], backendRefs: [backend("shadow")] },
    { matches: [path("Exact", "/a/b")], backendRefs: [backend("next")] },
  ]);
  assert.deepEqual(
    [await appOf("/"), await appOf("/a/c"), await appOf("/a/b")],
    ["catalog", "shadow", "next"],
  );
});

test("requests and answers are changed: fields set, added and removed", async () => {
  const change = {
    set: [{ name: "x-set", value: "new" }],
    add: [{ name: "x-add", value: "more" }],
    remove: ["x-gone"],
  };
  await applyRules([
    {
      filters: [
        { type: "RequestHeaderModifier", requestHeaderModifier: change },
        { type: "ResponseHeaderModifier", responseHeaderModifier: change },
      ],
      backendRefs: [backend("catalog")],
    },
  ]);
  const headers = { "x-set": "old", "x-add": "one", "x-gone": "1" };
  const answer = await mesh.ask("/", { headers });
  const seen: Seen = JSON.parse(answer.body);
  assert.equal(seen.headers["x-set"], "new");
  assert.match(seen.headers["x-add"] ?? "", /^one, ?more$/);
  assert.equal(seen.headers["x-gone"], undefined);
  assert.equal(answer.headers["x-set"], "new");
  assert.equal(answer.headers["x-add"], "more");
  assert.deepEqual([answer.headers["x-app"], answer.headers["x-gone"]], ["catalog", undefined]);
});

test("hosts and paths are rewritten, whole or by their prefix", async () => {
  const rewrite = (urlRewrite: object): object => ({ type: "URLRewrite", urlRewrite });
  await applyRules([
    {
      matches: [path("PathPrefix", "/old")],
      filters: [
        rewrite({
          hostname: "inner.example",
          path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/v2" },
        }),
      ],
      backendRefs: [backend("catalog")],
    },
    {
      matches: [path("PathPrefix", "/whole")],
      filters: [rewrite({ path: { type: "ReplaceFullPath", replaceFullPath: "/one" } })],
      backendRefs: [backend("catalog")],
    },
  ]);
  const old = await askApp("/old/items?x=1");
  assert.deepEqual([old.url, old.headers["host"]], ["/v2/items?x=1", "inner.example"]);
  assert.equal((await askApp("/whole/items?x=1")).url, "/one?x=1");
});

test("redirects: scheme, host, port, path and status", async () => {
  await applyRules([
    {
      filters: [
        {
          type: "RequestRedirect",
          requestRedirect: {
            ...{ scheme: "https", hostname: "shop.example", port: 8443, statusCode: 308 },
            path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/new" },
          },
        },
      ],
      matches: [path("PathPrefix", "/old")],
    },
    { backendRefs: [backend("catalog")] },
  ]);
  const { status, headers } = await mesh.ask("/old/items?x=1");
  assert.deepEqual([status, headers.location], [308, "https://shop.example:8443/new/items?x=1"]);
});

test("backends get requests by their weights, one of weight 0 none", async () => {
  await applyRules([
    { backendRefs: [backend("catalog", 3), backend("next", 1), backend("shadow", 0)] },
  ]);
  const counts = { catalog: 0, next: 0, shadow: 0 };
  const total = 400;
  for (let i = 0; i < total; i++) counts[(await appOf("/")) as keyof typeof counts] += 1;
  assert.equal(counts.shadow, 0);
  // Five standard deviations of a share of a quarter.
  const deviation = Math.sqrt(total * 0.25 * 0.75);
  assert.ok(Math.abs(counts.next - total / 4) < 5 * deviation, JSON.stringify(counts));
});

/** The status of a POST with a body of so many bytes. */
async function post(where: string, size: number): Promise<number | undefined> {
  const { host, port } = await mesh.addressOf("catalog");
  const outgoing = request({ host, port, path: where, method: "POST", agent: false });
  outgoing.end("x".repeat(size));
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  await text(response);
  return response.statusCode;
}

test("a mirror gets copies of all requests, or of a share, with their bodies", async () => {
  const mirror = (more: object): object => ({
    type: "RequestMirror",
    requestMirror: { backendRef: { name: "shadow", port: 80 }, ...more },
  });
  const shadow = await mesh.addressOf("shadow");
  const copied = async (prefix: string): Promise<readonly string[]> => {
    const all: string[] = JSON.parse((await mesh.ask("/seen", { at: shadow })).body);
    return all.filter((line) => line.startsWith(prefix));
  };
  const rule = (value: string, more: object): Rule => ({
    matches: [path("PathPrefix", value)],
    filters: [mirror(more)],
    backendRefs: [backend("catalog")],
  });
  await applyRules([rule("/all", {}), rule("/half", { percent: 50 })]);
  const bytes = 200_000;
  assert.equal(await post("/all", bytes), 200);
  while ((await copied("/all")).length === 0);
  assert.deepEqual(await copied("/all"), [`/all ${bytes}`]);
  for (let i = 0; i < 100; i++) await mesh.ask("/half");
  // The last copies may still be on their way: this one comes behind them all.
  await mesh.ask("/all/last");
  while ((await copied("/all/last")).length === 0);
  const half = (await copied("/half")).length;
  assert.ok(half > 20 && half < 80, `${half} of 100`);
});

test("calls of gRPC are matched by service, method and field", async () => {
  await mesh.tulle("delete", "--wait", "httproute", "catalog");
  const call = (headers: Record<string, string> = {}): Question => ({
    method: "POST",
    headers: { "content-type": "application/grpc", te: "trailers", ...headers },
  });
  await applyRules(
    [
      {
        matches: [{ method: { service: "shop.Items", method: "List" } }],
        backendRefs: [backend("next")],
      },
      {
        matches: [{ headers: [{ name: "x-plan", value: "gold" }] }],
        backendRefs: [backend("shadow")],
      },
      { backendRefs: [backend("catalog")] },
    ],
    "GRPCRoute",
  );
  const answered = async (where: string, question: Question): Promise<unknown> =>
    (await mesh.ask(where, question)).headers["x-app"];
  assert.equal(await answered("/shop.Items/List", call()), "next");
  assert.equal(await answered("/shop.Items/Get", call()), "catalog");
  assert.equal(await answered("/shop.Items/Get", call({ "x-plan": "gold" })), "shadow");
});
