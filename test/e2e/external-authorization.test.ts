/**
 * External authorization as people get it: providers of MeshConfig, AuthorizationPolicies of action CUSTOM and the
 * ExternalAuth filter of routes, by the command line, the control plane and real sidecars, for HTTP and TCP. One service
 * speaks gRPC outside the mesh, one HTTP within it.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import type { CheckRequest } from "../../src/gen/envoy/service/auth/v3/external_auth_pb.js";
import {
  ALLOWED,
  type AuthorizationService,
  DENIED,
  type Decide,
  option,
  serveAuthorization,
} from "../support/authorization-service.ts";
import { freePort } from "../support/free-port.ts";
import { CatalogMesh, type ServiceAddress } from "./catalog-mesh.ts";

/** `gate` decides by HTTP, the others tell what they got, and say everything else back. */
const APP = `
const net = require("node:net");
const isGate = process.env.TULLE_INSTANCE.startsWith("gate");
const answer = (request, response) => {
  const isStaff = request.headers.authorization === "staff";
  if (!isGate) response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  else if (isStaff) response.writeHead(200, { "x-user": "alice", "x-seen": request.url }).end();
  else response.writeHead(302, { location: "/login" }).end("sign in");
};
const http = require("node:http").createServer(answer).listen(0, "127.0.0.1");
net.createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", (bytes) => {
    if (!/^[A-Z]+ /.test(bytes.toString("latin1"))) {
      socket.write(bytes);
      socket.pipe(socket);
      return;
    }
    const inner = net.connect(http.address().port, "127.0.0.1").on("error", () => {});
    inner.write(bytes);
    socket.pipe(inner).pipe(socket);
  });
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = "spiffe://tulle.local/ns/default/sa/client";

let mesh: CatalogMesh;
let ledger: ServiceAddress;
let opa: AuthorizationService;
/** What the gRPC service does at the moment. */
let decide: Decide = () => ALLOWED;

before(async () => {
  opa = await serveAuthorization((asked) => decide(asked));
  mesh = await CatalogMesh.start({
    name: "external-authorization",
    app: APP,
    services: { catalog: {}, gate: {}, ledger: { port: "tcp=auto" } },
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "ExternalService",
        metadata: { name: "opa" },
        spec: {
          hosts: ["opa.example"],
          ports: [{ name: "grpc", port: 9191 }],
          endpoints: [{ address: "127.0.0.1", port: opa.port }],
        },
      },
      config({}),
    ],
  });
  ledger = await mesh.addressOf("ledger");
});

after(async () => {
  await mesh?.remove();
  opa?.stop();
});

function config(grpc: object): object {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "MeshConfig",
    metadata: { name: "default" },
    spec: {
      extensionProviders: [
        {
          name: "opa",
          envoyExtAuthzGrpc: { service: "opa.example", port: 9191, timeout: "10s", ...grpc },
        },
        {
          name: "gate",
          envoyExtAuthzHttp: {
            ...{ service: "gate.default.svc.cluster.local", port: 80, timeout: "10s" },
            ...{ pathPrefix: "/check", headersToUpstreamOnAllow: ["x-user"] },
          },
        },
      ],
    },
  };
}

function custom(name: string, provider: string, spec: object): object {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: "catalog" } },
      action: "CUSTOM",
      provider: { name: provider },
      ...spec,
    },
  };
}

const paths = (...list: readonly string[]): object => ({
  rules: [{ to: [{ operation: { paths: list } }] }],
});

const remove = (...names: readonly string[]): Promise<string> =>
  mesh.tulle("delete", "authorizationpolicy", ...names, "--wait");

function lastAsked(): CheckRequest {
  const asked = opa.asked.at(-1);
  assert.ok(asked !== undefined, "the service was not asked");
  return asked;
}

/** Of a service's only instance. */
async function metricsOf(service: string): Promise<string> {
  const { proxies } = JSON.parse(await mesh.tulle("status", "-o", "json"));
  const proxy = proxies.find((one: { readonly service: string }) => one.service === service);
  const answer = await fetch(`http://${proxy.adminAddress}/metrics`);
  return answer.text();
}

test("a gRPC service decides about what a CUSTOM policy matches, and is told whose request it is", async () => {
  await mesh.apply(custom("admin", "opa", paths("/admin/{**}")));
  opa.asked.length = 0;
  assert.equal((await mesh.ask("/items")).status, 200);
  assert.equal(opa.asked.length, 0);
  decide = () => ({
    status: { code: 0 },
    httpResponse: {
      case: "okResponse",
      value: {
        headers: [option("x-user", "alice")],
        headersToRemove: ["authorization"],
        responseHeadersToAdd: [option("x-checked", "yes")],
      },
    },
  });
  const headers = { "x-user": "mallory", "x-role": ["a", "b"], authorization: "secret" };
  const allowed = await mesh.ask("/admin/../admin/users", { headers });
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers["x-checked"], "yes");
  const got = JSON.parse(allowed.body);
  assert.equal(got.headers["x-user"], "alice");
  assert.equal(got.headers.authorization, undefined);
  const { attributes } = lastAsked();
  assert.equal(attributes?.source?.principal, CLIENT);
  assert.equal(attributes?.destination?.principal, "spiffe://tulle.local/ns/default/sa/catalog");
  const http = attributes?.request?.http;
  // What is told is the path that the app gets.
  assert.equal(http?.path, "/admin/users");
  assert.equal(got.url, "/admin/users");
  assert.equal(http?.headers["x-role"], "a,b");
});

test("its denial is the client's answer, in metrics and on the way of the request", async () => {
  decide = () => ({
    status: { code: 7 },
    httpResponse: {
      case: "deniedResponse",
      value: { status: { code: 401 }, body: "who?", headers: [option("x-why", "rule 7")] },
    },
  });
  const denied = await mesh.ask("/admin/users");
  assert.equal(denied.status, 401);
  assert.equal(denied.body, "who?");
  assert.equal(denied.headers["x-why"], "rule 7");
  assert.equal(denied.headers["x-tulle-response-flags"], "UAEX");
  assert.equal(denied.headers["x-tulle-denied-by"], "denied by the external authorization opa");
  const metrics = await metricsOf("catalog");
  assert.match(metrics, /tulle_ext_authz_checks_total\{provider="opa",result="ok"\} 1/);
  assert.match(metrics, /tulle_ext_authz_checks_total\{provider="opa",result="denied"\} 1/);
});

test("who would be asked is told without asking", async () => {
  opa.asked.length = 0;
  const answer = await mesh.tulle("authz", "check", CLIENT, "catalog", "GET", "/admin/users");
  assert.match(answer, /allowed if opa allows it, by default\/catalog-/);
  assert.match(answer, /default\/admin rule 0 asks opa: .*; without an answer it is denied/);
  const explained = await mesh.tulle("explain", "http://catalog/admin/users", "--from", "client");
  assert.match(explained, /if opa allows it/);
  assert.match(explained, /default\/admin rule 0 asks opa/);
  const other = await mesh.tulle("authz", "check", CLIENT, "catalog", "GET", "/items");
  assert.match(other, /^allowed by /m);
  assert.equal(opa.asked.length, 0);
});

test("CUSTOM comes first, and does not let in what ALLOW does not", async () => {
  decide = () => ALLOWED;
  const allow = { action: "ALLOW", provider: undefined, ...paths("/items", "/admin/open") };
  await mesh.apply(custom("allowed", "", allow));
  assert.equal((await mesh.ask("/admin/open")).status, 200);
  assert.equal((await mesh.ask("/admin/users")).status, 403);
  decide = () => DENIED;
  opa.asked.length = 0;
  assert.equal((await mesh.ask("/admin/open")).status, 403);
  assert.equal(opa.asked.length, 1);
  await remove("allowed");
});

test("without an answer requests are denied, unless the provider fails open", async () => {
  decide = () => undefined;
  await mesh.apply(config({ timeout: "50ms", statusOnError: "503" }));
  const closed = await mesh.ask("/admin/users");
  assert.equal(closed.status, 503);
  assert.match(closed.body, /external authorization service could not be asked: opa: /);
  await mesh.apply(config({ timeout: "50ms", failOpen: true }));
  const open = await mesh.ask("/admin/users");
  assert.equal(open.status, 200);
  assert.equal(JSON.parse(open.body).headers["x-envoy-auth-failure-mode-allowed"], "true");
  await mesh.apply(config({}));
  await remove("admin");
});

test("a service of the mesh decides by HTTP", async () => {
  await mesh.apply(custom("account", "gate", paths("/account")));
  const denied = await mesh.ask("/account");
  assert.equal(denied.status, 302);
  assert.equal(denied.headers.location, "/login");
  assert.equal(denied.body, "sign in");
  const headers = { authorization: "staff", "x-user": "mallory" };
  const allowed = await mesh.ask("/account", { headers });
  assert.equal(allowed.status, 200);
  assert.equal(JSON.parse(allowed.body).headers["x-user"], "alice");
  await remove("account");
});

test("a policy for the whole mesh does not ask about the questions themselves", async () => {
  const everywhere = custom("everywhere", "gate", { selector: undefined, rules: [{}] });
  await mesh.apply({
    ...everywhere,
    metadata: { name: "everywhere", namespace: "tulle-system" },
  });
  assert.equal((await mesh.ask("/items")).status, 302);
  assert.equal((await mesh.ask("/items", { headers: { authorization: "staff" } })).status, 200);
  await mesh.tulle("delete", "authorizationpolicy", "everywhere", "-n", "tulle-system", "--wait");
});

/** What comes back of a word, or "" when the connection is closed before, with a reset too: the word may not have been read. */
async function said(): Promise<string> {
  const socket = connect(ledger);
  const heard = new Promise<string>((resolve) => {
    socket.once("data", (bytes) => resolve(String(bytes)));
    socket.once("close", () => resolve(""));
    socket.on("error", () => {});
  });
  socket.write("\0hello");
  try {
    return await heard;
  } finally {
    socket.destroy();
  }
}

test("a gRPC service decides about TCP connections", async () => {
  const selector = { matchLabels: { app: "ledger" } };
  await mesh.apply(custom("ledger", "opa", { selector, rules: [{}] }));
  decide = () => ALLOWED;
  assert.equal(await said(), "\0hello");
  assert.equal(lastAsked().attributes?.source?.principal, CLIENT);
  decide = () => DENIED;
  assert.equal(await said(), "");
  await remove("ledger");
});

test("a route asks, in its callers' sidecars", async () => {
  await mesh.apply({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog", port: 80 }],
      rules: [
        {
          matches: [{ path: { value: "/cart" } }],
          filters: [
            {
              type: "ExternalAuth",
              externalAuth: {
                protocol: "HTTP",
                backendRef: { name: "gate", port: 80 },
                http: { path: "/route", allowedResponseHeaders: ["x-seen"] },
              },
            },
          ],
          backendRefs: [{ name: "catalog", port: 80 }],
        },
        { backendRefs: [{ name: "catalog", port: 80 }] },
      ],
    },
  });
  assert.equal((await mesh.ask("/cart/1")).status, 302);
  const allowed = await mesh.ask("/cart/1?a=1", { headers: { authorization: "staff" } });
  assert.equal(JSON.parse(allowed.body).headers["x-seen"], "/route/cart/1?a=1");
  assert.equal(JSON.parse(allowed.body).headers["x-user"], undefined);
  assert.equal((await mesh.ask("/items")).status, 200);
  await mesh.tulle("delete", "httproute", "catalog", "--wait");
});

test("a route of a Gateway asks, too", async () => {
  const port = await freePort();
  await mesh.apply(
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "edge" },
      spec: { gatewayClassName: "tulle", listeners: [{ name: "http", port, protocol: "HTTP" }] },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "edge" },
      spec: {
        parentRefs: [{ name: "edge" }],
        rules: [
          {
            filters: [
              {
                type: "ExternalAuth",
                externalAuth: {
                  protocol: "GRPC",
                  backendRef: {
                    group: "mesh.tulle.dev",
                    kind: "ExternalService",
                    name: "opa",
                    port: 9191,
                  },
                  grpc: {},
                },
              },
            ],
            backendRefs: [{ name: "catalog", port: 80 }],
          },
        ],
      },
    },
  );
  const mode = ["--mesh", "external-authorization", "--workers", "1"];
  const gateway = mesh.home.start(["gateway", "edge", ...mode]);
  await gateway.waitFor(/gateway edge is ready/);
  const ask = async (): Promise<number> => (await fetch(`http://127.0.0.1:${port}/items`)).status;
  decide = () => DENIED;
  assert.equal(await ask(), 403);
  decide = () => ALLOWED;
  assert.equal(await ask(), 200);
  await mesh.tulle("delete", "httproute", "edge", "--wait");
});

test("what cannot be asked is denied, and said", async () => {
  await mesh.apply(custom("unknown", "nobody", paths("/items")));
  assert.equal((await mesh.ask("/items")).status, 403);
  assert.equal((await mesh.ask("/other")).status, 200);
  const checked = await mesh.home.start(["check"]).ended;
  assert.match(checked.output, /MeshConfig has no extension provider nobody/);
  await remove("unknown");
  const refused = await mesh.tryApply(config({ statusOnError: 200, maxBytes: 1 }));
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /extensionProviders\[0\]\.envoyExtAuthzGrpc\.statusOnError/);
  assert.match(refused.output, /maxBytes/);
});
