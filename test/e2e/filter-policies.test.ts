/**
 * FaultPolicy, CORS of an HTTPRoute and CachePolicy as people get them: YAML, the command line, the control plane and two real
 * sidecars. The app counts its requests, and says so in each answer.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { TulleHome } from "./tulle-process.ts";

const APP = `
const http = require("node:http");
let count = 0;
http.createServer((request, response) => {
  count += 1;
  if (request.url.startsWith("/kept")) {
    response.setHeader("cache-control", "max-age=600");
    response.setHeader("cache-tag", "kept");
  }
  response.end(String(count));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = `
const { CATALOG_SERVICE_HOST: host, CATALOG_SERVICE_PORT: port } = process.env;
console.log("catalog at " + host + ":" + port + ".");
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;

const CATALOG = [{ kind: "Service", name: "catalog" }];

let home: TulleHome;
let address: { readonly host: string; readonly port: number };

before(async () => {
  home = await TulleHome.create();
  const services = {
    catalog: { command: ["node", "app.js"], port: "http=auto" },
    client: { command: ["node", "client.js"], dependsOn: ["catalog"] },
  };
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify({ mesh: "policies", services }));
  await writeFile(join(home.path, "app.js"), APP);
  await writeFile(join(home.path, "client.js"), CLIENT);
  const up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  const [, host = "", port] = await up.waitFor(/catalog at (\S+):(\d+)\./);
  address = { host, port: Number(port) };
});

after(() => home?.remove());

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

async function ask(path: string, headers = {}, method = "GET"): Promise<Answer> {
  const outgoing = request({ ...address, path, headers, method, agent: false });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function tulle(...words: string[]): Promise<string> {
  const { code, output } = await home.start(words).ended;
  assert.equal(code, 0, output);
  return output;
}

async function apply(...objects: readonly object[]): Promise<void> {
  const file = join(home.path, "objects.yaml");
  await writeFile(file, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await tulle("apply", "--wait", "-f", file);
}

const faultPolicy = (name: string, spec: object): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "FaultPolicy",
  metadata: { name },
  spec: { targetRefs: CATALOG, ...spec },
});

test("a FaultPolicy aborts, resets and ends by itself", async () => {
  const match = { headers: [{ name: "x-tester", value: "1" }] };
  await apply(faultPolicy("broken", { match, abort: { httpStatus: 418 } }));
  const aborted = await ask("/", { "x-tester": "1", accept: "application/json" });
  assert.equal(aborted.status, 418);
  assert.equal(JSON.parse(aborted.body).details, "fault_filter_abort");
  assert.equal((await ask("/")).status, 200);
  await apply(faultPolicy("broken", { match, reset: {} }));
  await assert.rejects(ask("/", { "x-tester": "1" }), { code: "ECONNRESET" });
  // It was created some moments ago, so that it ends with the next one.
  await apply(faultPolicy("broken", { match, abort: { httpStatus: 418 }, ttl: "1s" }));
  while ((await ask("/", { "x-tester": "1" })).status !== 200);
  const listed = await tulle("get", "faultpolicies");
  assert.match(listed, /broken.*abort.*after 1s/);
  while (!/Expired/.test(await tulle("get", "faultpolicies")));
  await tulle("delete", "faultpolicy", "broken");
});

test("what is wrong in a FaultPolicy is told by field", async () => {
  const file = join(home.path, "wrong.yaml");
  const wrong = faultPolicy("wrong", { delay: { percentage: 200 }, ttl: "1s", expiresAt: "soon" });
  await writeFile(file, JSON.stringify(wrong));
  const { code, output } = await home.start(["apply", "-f", file]).ended;
  assert.notEqual(code, 0);
  assert.match(output, /spec\.delay.*needs one of duration, fromRequest/s);
  assert.match(output, /spec\.delay\.percentage/);
  assert.match(output, /spec\.expiresAt/);
});

test("CORS of an HTTPRoute answers preflights and names allowed origins", async () => {
  await apply({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [
        {
          filters: [
            {
              type: "CORS",
              cors: { allowOrigins: ["https://*.shop.example"], allowMethods: ["PUT"] },
            },
          ],
          backendRefs: [{ name: "catalog", port: 80 }],
        },
      ],
    },
  });
  const before = await ask("/count");
  const origin = "https://www.shop.example";
  const asked = { origin, "access-control-request-method": "PUT" };
  const preflight = await ask("/", asked, "OPTIONS");
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers["access-control-allow-origin"], origin);
  assert.equal(preflight.headers["access-control-allow-methods"], "PUT");
  const refused = await ask("/", { ...asked, origin: "https://evil.example" }, "OPTIONS");
  assert.equal(refused.headers["access-control-allow-origin"], undefined);
  const plain = await ask("/count", { origin });
  assert.equal(plain.headers["access-control-allow-origin"], origin);
  assert.equal(Number(plain.body), Number(before.body) + 1, "the app saw no preflight");
  await tulle("delete", "httproute", "catalog");
});

test("a CachePolicy keeps what the app says, until it is purged", async () => {
  await apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "CachePolicy",
    metadata: { name: "catalog" },
    spec: { targetRefs: CATALOG },
  });
  const first = await ask("/kept");
  const second = await ask("/kept");
  assert.equal(second.body, first.body);
  assert.match(String(second.headers["cache-status"]), /^tulle; hit; ttl=\d+$/);
  assert.notEqual((await ask("/else")).body, (await ask("/else")).body);
  assert.notEqual((await ask("/kept", { cookie: "user=ann" })).body, first.body);
  assert.match(await tulle("cache", "purge", "catalog", "--tag", "kept", "--wait"), /purged/i);
  assert.notEqual((await ask("/kept")).body, first.body);
  const third = await ask("/kept");
  await tulle("cache", "purge", "catalog", "--path", "/ke*", "--wait");
  assert.notEqual((await ask("/kept")).body, third.body);
});
