/**
 * CORS as a browser sees it: pages of two origins whose scripts ask a Service of the mesh, by the CORS filter of an
 * HTTPRoute. The app knows nothing of CORS, and writes down what reaches it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

const APP = `
const seen = [];
require("node:http").createServer((request, response) => {
  if (request.url === "/seen") return response.end(JSON.stringify(seen.splice(0)));
  const { method, headers } = request;
  seen.push(method + " " + (headers["x-wish"] ?? "-") + " " + (headers.cookie ?? "-"));
  response.setHeader("x-total", "7").setHeader("x-secret", "8");
  response.end("done");
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const { path, skip } = browserOrSkip();

let mesh: CatalogMesh;
let browser: Browser;
let service = "";
/** Pages of an origin that the route allows, and of one that it does not. */
let allowed: Page;
let refused: Page;
const servers: Server[] = [];

/**
 * An origin of its own, with an empty page. Its host is the Service's, so that cookies go from one to the other whatever
 * browsers think of other sites'; another port is enough for another origin.
 */
async function originAt(host: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html").end("<!doctype html><title>page</title>");
  });
  server.listen(0, host);
  await once(server, "listening");
  servers.push(server);
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

async function openPage(origin: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(origin);
  return page;
}

before(async () => {
  if (path === undefined) return;
  [mesh, browser] = await Promise.all([
    CatalogMesh.start({ name: "browser", app: APP }),
    startBrowser(path),
  ]);
  const { host, port } = await mesh.addressOf("catalog");
  service = `http://${host}:${port}`;
  const [first, second] = [await originAt(host), await originAt(host)];
  [allowed, refused] = await Promise.all([openPage(first), openPage(second)]);
  await apply(first);
});

after(async () => {
  await browser?.close();
  for (const server of servers) server.close();
  await mesh?.remove();
});

/** What pages of an origin may do from now on. */
async function apply(origin: string, more: object = {}): Promise<void> {
  const cors = {
    allowOrigins: [origin],
    allowMethods: ["GET", "PUT"],
    allowHeaders: ["x-wish"],
    exposeHeaders: ["x-total"],
    maxAge: 1,
    ...more,
  };
  await mesh.apply({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [{ filters: [{ type: "CORS", cors }], backendRefs: [{ name: "catalog", port: 80 }] }],
    },
  });
}

interface FetchOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly credentials?: "include" | "omit";
}

/** What a script gets that asks for this path: the fields that it may read, or that the browser refused. */
function fetched(page: Page, where: string, options: FetchOptions = {}): Promise<string> {
  return page.evaluate(
    async ({ url, init }) => {
      try {
        const response = await fetch(url, init);
        const { headers } = response;
        return `${response.status} ${await response.text()} ${headers.get("x-total")} ${headers.get("x-secret")}`;
      } catch (error) {
        return String(error);
      }
    },
    { url: service + where, init: options },
  );
}

/** What the app got since this was asked last. */
async function seen(): Promise<readonly string[]> {
  return JSON.parse((await mesh.ask("/seen")).body);
}

const REFUSED = "TypeError: Failed to fetch";

test("a script of an allowed origin reads the answer, and the fields that are exposed", {
  skip,
}, async () => {
  assert.equal(await fetched(allowed, "/"), "200 done 7 null");
  assert.deepEqual(await seen(), ["GET - -"]);
});

test("a script of another origin may ask, and learns nothing", { skip }, async () => {
  assert.equal(await fetched(refused, "/"), REFUSED);
  assert.deepEqual(
    await seen(),
    ["GET - -"],
    "CORS keeps answers from scripts, not requests from apps",
  );
});

test("a preflight allows methods and fields that are named, and no others", { skip }, async () => {
  const headers = { "x-wish": "tea" };
  assert.equal(await fetched(allowed, "/", { method: "PUT", headers }), "200 done 7 null");
  assert.deepEqual(await seen(), ["PUT tea -"], "the app sees no preflight");
  for (const [page, init] of [
    [allowed, { method: "DELETE" }],
    [allowed, { headers: { "x-other": "tea" } }],
    [refused, { method: "PUT", headers }],
  ] as const) {
    assert.equal(await fetched(page, "/", init), REFUSED, JSON.stringify(init));
  }
  assert.deepEqual(await seen(), [], "what was refused did not reach the app");
});

test("cookies go along where the route allows it, and nowhere else", { skip }, async () => {
  await allowed.context().addCookies([{ name: "user", value: "ann", url: service }]);
  assert.equal(await fetched(allowed, "/", { credentials: "include" }), REFUSED);
  assert.deepEqual(await seen(), ["GET - user=ann"]);
  await apply(new URL(allowed.url()).origin, { allowCredentials: true });
  assert.equal(await fetched(allowed, "/", { credentials: "include" }), "200 done 7 null");
  assert.equal(await fetched(allowed, "/", { credentials: "omit" }), "200 done 7 null");
  const headers = { "x-wish": "tea" };
  const put = { method: "PUT", headers, credentials: "include" } as const;
  assert.equal(await fetched(allowed, "/", put), "200 done 7 null");
  assert.deepEqual(await seen(), ["GET - user=ann", "GET - -", "PUT tea user=ann"]);
});

test("any origin, by a wildcard, but for requests with cookies", { skip }, async () => {
  await apply("*");
  assert.equal(await fetched(refused, "/"), "200 done 7 null");
  assert.equal(await fetched(refused, "/", { credentials: "include" }), REFUSED);
});
