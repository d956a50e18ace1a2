/**
 * Global limits as people get them: YAML, the command line, the control plane that counts, and the sidecars of two
 * instances that ask it; and what happens to requests without it.
 */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { create, toJson } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { SHOULD_RATE_LIMIT_METHOD } from "../../src/control-plane/rate-limit/rate-limit-service.ts";
import {
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
  RateLimitResponseSchema,
} from "../../src/gen/envoy/service/ratelimit/v3/rls_pb.js";
import { alternativeNamesDer } from "../../src/identity/certificate-writer.ts";
import { keyPair, pemOf, rootOf } from "../support/proxy-identities.ts";
import { type Answer, CatalogMesh } from "./catalog-mesh.ts";

const APP = `
require("node:http").createServer((request, response) => response.end(process.env.TULLE_INSTANCE))
  .listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "limits",
    app: APP,
    services: { catalog: { replicas: 2 } },
  });
});

after(() => mesh?.remove());

const policy = (spec: object): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RateLimitPolicy",
  metadata: { name: "limits" },
  spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...spec },
});
/** Within a test nothing comes back. */
const few = (requests: number): object => ({ requests, burst: requests, unit: "Day" });
/** The machine may be slow; what is told in time is another test's. */
const global = (rules: readonly object[], more = {}): object => ({
  global: { rules, timeout: "30s", ...more },
});

test("two instances take together what the policy says, and clients are told", async () => {
  await mesh.apply(
    {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "TrafficPolicy",
      metadata: { name: "turns" },
      spec: {
        targetRefs: [{ kind: "Service", name: "catalog" }],
        loadBalancer: { algorithm: "RoundRobin" },
      },
    },
    policy(
      global([
        { name: "everyone", limit: few(40) },
        { name: "each-user", per: [{ type: "Header", name: "x-user" }], limit: few(2) },
      ]),
    ),
  );
  const first = await mesh.ask("/", { headers: { "x-user": "ann" } });
  assert.equal(first.status, 200);
  assert.match(String(first.headers["x-ratelimit-limit"]), /^2, 40;w=86400;name="everyone", 2;w=/);
  assert.equal(first.headers["x-ratelimit-remaining"], "1");
  assert.equal((await mesh.ask("/", { headers: { "x-user": "ann" } })).status, 200);
  assert.equal((await mesh.ask("/", { headers: { "x-user": "ann" } })).status, 429);
  const answers: Answer[] = [];
  for (let i = 0; i < 60; i++) answers.push(await mesh.ask());
  const passed = answers.filter(({ status }) => status === 200);
  assert.equal(passed.length, 38);
  assert.equal(new Set(passed.map(({ body }) => body)).size, 2, "both instances had some");
  const refused = await mesh.ask("/", { headers: { accept: "application/json" } });
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  const { flag, details, message } = JSON.parse(refused.body);
  assert.deepEqual([flag, details], ["RL", "request_rate_limited"]);
  assert.match(message, /default\/limits/);
  const listed = await mesh.tulle("get", "ratelimitpolicies");
  assert.match(
    listed,
    /limits.*Server.*everyone 40\/Day together, each-user 2\/Day together.*True/,
  );
  const described = await mesh.tulle("describe", "service", "catalog");
  assert.match(
    described,
    /globalRateLimits\.everyone.*40 in 86400s.*all instances together.*control plane/,
  );
  assert.equal(refused.headers["x-tulle-cause"], "RateLimitPolicy/default/limits");
});

test("callers keep to limits of a route that others keep to, too", async () => {
  await mesh.tulle("delete", "ratelimitpolicy", "limits");
  const targetRefs = [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "catalog" }];
  await mesh.apply(
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "catalog" },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
        rules: [{ backendRefs: [{ name: "catalog", port: 80 }] }],
      },
    },
    policy({
      targetRefs,
      response: { status: 503 },
      ...global([{ name: "route", limit: few(3) }]),
    }),
  );
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await mesh.ask()).status);
  assert.deepEqual(statuses, [200, 200, 200, 503, 503]);
  await mesh.tulle("delete", "httproute", "catalog");
});

test("what is observed is not refused", async () => {
  await mesh.apply(policy({ mode: "Observe", ...global([{ name: "observed", limit: few(1) }]) }));
  for (let i = 0; i < 3; i++) assert.equal((await mesh.ask()).status, 200);
});

/** Lets the first question through, and refuses others. Resolves with its port. */
async function startService(
  context: TestContext,
  questions: unknown[],
  credentials = ServerCredentials.createInsecure(),
): Promise<number> {
  const server = new Server();
  server.addService(
    { ShouldRateLimit: SHOULD_RATE_LIMIT_METHOD },
    {
      ShouldRateLimit: (
        { request: question }: { readonly request: RateLimitRequest },
        callback: sendUnaryData<RateLimitResponse>,
      ) => {
        questions.push(toJson(RateLimitRequestSchema, question));
        const overallCode = questions.length === 1 ? 1 : 2;
        callback(null, create(RateLimitResponseSchema, { overallCode }));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  context.after(() => server.forceShutdown());
  return port;
}

test("a service of one's own is asked by name and rule, and decides", async (context) => {
  const questions: unknown[] = [];
  const port = await startService(context, questions);
  const rules = [{ name: "each", per: [{ type: "Header", name: "x-user" }] }];
  const service = { address: `127.0.0.1:${port}`, domain: "shop" };
  await mesh.apply(policy({ ...global(rules, { service }) }));
  assert.equal((await mesh.ask("/", { headers: { "x-user": "ann" } })).status, 200);
  assert.equal((await mesh.ask("/", { headers: { "x-user": "ann" } })).status, 429);
  const entries = [
    { key: "rule", value: "each" },
    { key: "header x-user", value: "ann" },
  ];
  const question = { domain: "shop", descriptors: [{ entries }] };
  assert.deepEqual(questions, [question, question]);
});

test("a service of one's own that speaks TLS is asked when its certificate is good", async (context) => {
  const root = rootOf();
  const names = { uris: [], dnsNames: ["limits.example"] };
  const { cert, key } = keyPair(root, [], { alternativeNames: alternativeNamesDer(names, true) });
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
  const questions: unknown[] = [];
  const port = await startService(context, questions, ServerCredentials.createSsl(null, [pair]));
  const rules = [{ name: "all" }];
  const serviceOf = (sni: string) => ({
    address: `127.0.0.1:${port}`,
    tls: { sni, caCertificates: pemOf(root) },
  });
  const timeout = "5s";
  await mesh.apply(policy({ ...global(rules, { service: serviceOf("limits.example"), timeout }) }));
  assert.deepEqual([(await mesh.ask()).status, (await mesh.ask()).status], [200, 429]);
  const other = { service: serviceOf("other.example"), timeout, onFailure: "Deny" };
  await mesh.apply(policy({ ...global(rules, other) }));
  assert.equal((await mesh.ask()).status, 500);
  assert.equal(questions.length, 2);
  const nameless = { service: { address: `127.0.0.1:${port}`, tls: {} } };
  const { output } = await mesh.tryApply(policy({ ...global(rules, nameless) }));
  assert.match(output, /global\.service\.tls\.sni.*is missing; an IP address is no server name/s);
});

test("without an answer of the service requests pass or not, as the policy says", async () => {
  const service = { address: "127.0.0.1:1" };
  const rules = [{ name: "all" }];
  await mesh.apply(policy({ ...global(rules, { service, onFailure: "Deny" }) }));
  const { status, body } = await mesh.ask("/", { headers: { accept: "application/json" } });
  assert.equal(status, 500);
  const { flag, details } = JSON.parse(body);
  assert.deepEqual([flag, details], ["RLSE", "rate_limiter_error"]);
  await mesh.apply(policy({ ...global(rules, { service }) }));
  assert.equal((await mesh.ask()).status, 200);
});

test("what is wrong in global limits is told by field", async () => {
  const wrong = policy({
    mode: "Observe",
    ...global([{ name: "a", limit: few(1) }], { service: { address: "nowhere" }, timeout: "0s" }),
  });
  const { code, output } = await mesh.tryApply(wrong);
  assert.notEqual(code, 0);
  for (const place of [
    /spec\.mode.*must be Enforce/s,
    /spec\.global\.rules\[0\]\.limit.*must not be set/s,
    /spec\.global\.service\.address.*HOST:PORT/s,
    /spec\.global\.timeout/,
  ]) {
    assert.match(output, place);
  }
});
