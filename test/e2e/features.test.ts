/**
 * What no other test asks for by YAML: faults and settings of one route, paths rewritten by an expression, weights of
 * instances, and hosts outside by TLS and by a name that is resolved logically. All of it by `tulle up` and `tulle apply`.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { alternativeNamesDer } from "../../src/identity/certificate-writer.ts";
import { keyPair, pemOf, rootOf } from "../support/proxy-identities.ts";
import { type Answer, CatalogMesh } from "./catalog-mesh.ts";

const APP = `
const http = require("node:http");
http.createServer((request, response) => {
  if (request.url.startsWith("/search/hangs")) return;
  response.end(process.env.NAME + " " + request.url);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const GROUP = "mesh.tulle.dev";
const GATEWAY = "gateway.networking.k8s.io";

let mesh: CatalogMesh;
let plain: Server;
let secure: Server;

const objectOf = (kind: string, name: string, spec: object): object => ({
  apiVersion: `${kind === "HTTPRoute" ? GATEWAY : GROUP}/v1`,
  kind,
  metadata: { name },
  spec,
});

const externalService = (name: string, server: Server, spec: object): object =>
  objectOf("ExternalService", name, {
    ports: [{ name: "http", port: 80, targetPort: (server.address() as AddressInfo).port }],
    dns: { family: "IPv4" },
    ...spec,
  });

async function listening(server: Server): Promise<Server> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

before(async () => {
  const root = rootOf();
  const parts = {
    alternativeNames: alternativeNamesDer({ uris: [], dnsNames: ["secure.example"] }, true),
  };
  plain = await listening(createServer(({ url }, response) => response.end(`plain ${url}`)));
  secure = await listening(
    createTlsServer(keyPair(root, [], parts), ({ url }, response) => response.end(`secure ${url}`)),
  );
  const outside = { endpoints: [{ address: "127.0.0.1" }] };
  const app = { service: "catalog" };
  mesh = await CatalogMesh.start({
    name: "features",
    app: APP,
    services: {
      heavy: { ...app, labels: { "mesh.tulle.dev/weight": "3" }, env: { NAME: "heavy" } },
      light: { ...app, env: { NAME: "light" } },
    },
    resources: [
      externalService("logical", plain, { hosts: ["localhost"], resolution: "LogicalDNS" }),
      externalService("secure", secure, {
        ...{ ...outside, hosts: ["secure.example"] },
        tls: { caCertificates: pemOf(root) },
      }),
      externalService("impostor", secure, {
        ...{ ...outside, hosts: ["other.example"] },
        tls: { caCertificates: pemOf(root) },
      }),
    ],
  });
});

after(async () => {
  await mesh?.remove();
  plain?.close();
  secure?.close();
});

const routeOf = (name: string, path: string, filters: readonly object[] = []): object =>
  objectOf("HTTPRoute", name, {
    parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
    rules: [
      {
        matches: [{ path: { value: path } }],
        filters,
        backendRefs: [{ name: "catalog", port: 80 }],
      },
    ],
  });

const ofRoute = (name: string): object => ({
  targetRefs: [{ group: GATEWAY, kind: "HTTPRoute", name }],
});

const grpc = { "content-type": "application/grpc", te: "trailers" };

/** Why the sidecar answered by itself. */
const detailsOf = (answer: Answer): unknown => JSON.parse(answer.body).details;

test("instances get requests by their weights", async () => {
  const spec = { targetRefs: [{ kind: "Service", name: "catalog" }] };
  await mesh.apply(
    objectOf("TrafficPolicy", "catalog", { ...spec, loadBalancer: { algorithm: "RoundRobin" } }),
  );
  let heavy = 0;
  for (let i = 0; i < 40; i++) if ((await mesh.ask()).body.startsWith("heavy")) heavy += 1;
  assert.ok(heavy >= 28 && heavy <= 32, `${heavy} of 40`);
});

test("faults of one route spare the others: asked for, of gRPC, and delays", async () => {
  await mesh.apply(routeOf("search", "/search"), routeOf("all", "/"));
  const fault = (spec: object): object =>
    objectOf("FaultPolicy", "search", { ...ofRoute("search"), ...spec });
  await mesh.apply(fault({ delay: { fromRequest: true }, abort: { fromRequest: true } }));
  const asked = { "x-envoy-fault-abort-request": "451", accept: "application/json" };
  const aborted = await mesh.ask("/search", { headers: asked });
  assert.equal(aborted.status, 451);
  assert.equal(detailsOf(aborted), "fault_filter_abort");
  assert.equal((await mesh.ask("/search")).status, 200);
  assert.equal((await mesh.ask("/other", { headers: asked })).status, 200);
  const beganMs = performance.now();
  await mesh.ask("/search", { headers: { "x-envoy-fault-delay-request": "300" } });
  assert.ok(performance.now() - beganMs > 290);
  await mesh.apply(fault({ abort: { grpcStatus: "PERMISSION_DENIED" } }));
  const call = { headers: grpc, method: "POST" };
  const refused = await mesh.ask("/search", call);
  assert.deepEqual([refused.status, refused.headers["grpc-status"]], [200, "7"]);
  assert.notEqual((await mesh.ask("/other", call)).headers["grpc-status"], "7");
  await mesh.tulle("delete", "--wait", "faultpolicy", "search");
});

test("a fault ends at the time that its policy says", async () => {
  const expiresAt = new Date(Date.now() + 2_000).toISOString();
  await mesh.apply(
    objectOf("FaultPolicy", "search", {
      ...ofRoute("search"),
      abort: { httpStatus: 418 },
      expiresAt,
    }),
  );
  while ((await mesh.ask("/search")).status !== 200);
  assert.ok(Date.now() >= Date.parse(expiresAt));
  await mesh.tulle("delete", "--wait", "faultpolicy", "search");
});

test("faults and policies of a GRPCRoute hold for its calls alone", async () => {
  await mesh.tulle("delete", "--wait", "httproute", "search", "all");
  const backendRefs = [{ name: "catalog", port: 80 }];
  const targetRefs = [{ group: GATEWAY, kind: "GRPCRoute", name: "calls" }];
  const fields = (name: string, service: string): object => ({
    ...{ apiVersion: `${GATEWAY}/v1`, kind: "GRPCRoute", metadata: { name } },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [{ matches: [{ method: { service } }], backendRefs }],
    },
  });
  await mesh.apply(
    fields("calls", "search"),
    fields("others", "other"),
    objectOf("FaultPolicy", "calls", { targetRefs, abort: { grpcStatus: "PERMISSION_DENIED" } }),
    objectOf("TrafficPolicy", "calls", { targetRefs, timeouts: { request: "200ms" } }),
  );
  const call = { headers: grpc, method: "POST" };
  assert.equal((await mesh.ask("/search/find", call)).headers["grpc-status"], "7");
  assert.notEqual((await mesh.ask("/other/find", call)).headers["grpc-status"], "7");
  const explain = (path: string) => mesh.tulle("explain", "POST", `http://catalog${path}`);
  assert.match(
    await explain("/search/find"),
    /timeouts\.request +200ms +TrafficPolicy default\/calls/,
  );
  assert.doesNotMatch(await explain("/other/find"), /200ms/);
  await mesh.tulle("delete", "--wait", "grpcroute", "calls", "others");
});

test("a policy of one route limits its time alone, and describe says so", async () => {
  await mesh.apply(
    routeOf("search", "/search"),
    routeOf("all", "/"),
    objectOf("TrafficPolicy", "search", { ...ofRoute("search"), timeouts: { request: "200ms" } }),
  );
  assert.equal((await mesh.ask("/search/hangs")).status, 504);
  assert.equal((await mesh.ask("/search")).status, 200);
  assert.match(await mesh.tulle("explain", "GET", "http://catalog/search"), /200ms +TrafficPolicy/);
  // And what the instance's sidecar does with it.
  const there =
    /At default\/catalog-\S+\n +Listener: +inbound\|\d+ .*\n +Mutual TLS: +STRICT .*\n +Route: .*\n +Then: +forwarded to inbound\|/;
  assert.match(await mesh.tulle("explain", "GET", "http://catalog/search"), there);
  assert.doesNotMatch(await mesh.tulle("explain", "GET", "http://catalog/other"), /200ms/);
});

test("a path is rewritten by an expression", async () => {
  const pathRegexRewrite = { pattern: "^/items/([0-9]+)/old$", substitution: "/v2/\\1" };
  const extensionRef = { group: GROUP, kind: "RouteFilter", name: "old" };
  await mesh.apply(
    objectOf("RouteFilter", "old", { pathRegexRewrite }),
    routeOf("items", "/items", [{ type: "ExtensionRef", extensionRef }]),
  );
  assert.match((await mesh.ask("/items/7/old?x=1")).body, / \/v2\/7\?x=1$/);
  assert.match((await mesh.ask("/items/a/old")).body, / \/items\/a\/old$/);
});

test("hosts outside: a name resolved logically, TLS with the right certificate only", async () => {
  const ask = async (name: string) => mesh.ask("/a", { at: await mesh.addressOf(name) });
  assert.equal((await ask("logical")).body, "plain /a");
  assert.equal((await ask("secure")).body, "secure /a");
  assert.equal((await ask("impostor")).status, 503);
});
