/** The admin API over its real transports: who may call it, what it answers, how it ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import type { ApiErrorBody } from "../../src/control-plane/api-error-types.ts";
import type {
  ApplyResponse,
  ChecksResponse,
  DeleteResponse,
  ResourceListResponse,
  RevisionResponse,
  ServiceView,
  WatchEventData,
} from "../../src/control-plane/api-types.ts";
import { ControlPlane } from "../../src/control-plane/control-plane.ts";
import { systemClock } from "../../src/core/clock.ts";
import { hasCode } from "../../src/core/errors.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import {
  callApi,
  StandInSidecar,
  serviceYaml,
  startControlPlane,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";

const TIMEOUT = { timeout: 30_000 };
const POLICY = `apiVersion: mesh.tulle.dev/v1
kind: TrafficPolicy
metadata: {name: catalog}
spec:
  targetRefs: [{kind: Service, name: catalog}]
  connectTimeout: 1s
`;
const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: catalog}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog}]
  rules:
    - matches: [{path: {value: /api}, headers: [{name: x-user, value: alice}], method: GET}]
      backendRefs: [{name: catalog, port: 80, weight: 3}, {name: gone, port: 80, weight: 1}]
`;

const folder = temporaryFolder();
let controlPlane: ControlPlane;

before(async () => {
  controlPlane = await startControlPlane(folder.path);
  const texts = [serviceYaml("catalog"), POLICY, "---\n", ROUTE];
  await apply(texts.join(""));
  // What is read below is what was translated.
  await call<RevisionResponse>("GET", "/api/v1/revisions/1?waitSeconds=20");
});

after(async () => {
  await controlPlane.stop(100);
  folder.remove();
});

const call = <T>(
  method: "GET" | "POST" | "DELETE",
  path: string,
  options: Parameters<typeof callApi>[3] = {},
) => callApi<T>(controlPlane.file, method, path, options);

async function apply(text: string) {
  const body = { files: [{ name: "test.yaml", text }] };
  const { status, body: answer } = await call<ApplyResponse>("POST", "/api/v1/apply", { body });
  assert.equal(status, 200, JSON.stringify(answer));
  return answer;
}

test("the unix socket is its owner's alone", () => {
  const { adminSocket } = controlPlane.file;
  assert.equal(statSync(adminSocket).mode & 0o777, 0o600);
  assert.equal(statSync(folder.path).mode & 0o777, 0o700);
});

test("join tokens are given out on the unix socket only", TIMEOUT, async () => {
  const body = { serviceAccount: "catalog" };
  const path = "/api/v1/join-tokens";
  const tcp = await call<ApiErrorBody>("POST", path, { body, transport: "tcp" });
  assert.equal(tcp.status, 403);
  assert.ok(tcp.body.error.hint?.includes(controlPlane.file.adminSocket));
  assert.equal((await call("POST", path, { body })).status, 200);
  const system = { namespace: "tulle-system", serviceAccount: "control-plane" };
  assert.equal((await call("POST", path, { body: system })).status, 403);
  const bad = await call("POST", path, { body: { serviceAccount: "no/slash" } });
  assert.equal(bad.status, 400);
});

test("a rebound name and another site's write are refused on TCP", TIMEOUT, async () => {
  const tcp = { transport: "tcp" } as const;
  const rebound = await call<ApiErrorBody>("GET", "/api/v1/version", {
    ...tcp,
    headers: { host: "evil.example" },
  });
  assert.equal(rebound.status, 403);
  assert.equal(rebound.body.error.code, "forbidden");
  const crossSite = await call("POST", "/api/v1/apply", {
    ...tcp,
    headers: { origin: "http://evil.example" },
    body: { files: [{ name: "a", text: serviceYaml("evil") }] },
  });
  assert.equal(crossSite.status, 403);
  const form = await call("POST", "/api/v1/apply", {
    ...tcp,
    headers: { "content-type": "text/plain" },
    body: { files: [{ name: "a", text: serviceYaml("evil") }] },
  });
  assert.equal(form.status, 403);
  assert.equal((await call("GET", "/api/v1/resources/service/default/evil")).status, 404);
  assert.equal((await call("GET", "/api/v1/version", tcp)).status, 200);
});

test("what does not exist is answered with what was probably meant", TIMEOUT, async () => {
  const hintOf = async (path: string) => {
    const { status, body } = await call<ApiErrorBody>("GET", path);
    assert.equal(status, 404, path);
    return [body.error.code, body.error.hint];
  };
  assert.deepEqual(await hintOf("/api/v1/proxys"), [
    "unknown_route",
    "did you mean GET /api/v1/proxies?",
  ]);
  assert.deepEqual(await hintOf("/api/v1/resources/HTPRoute"), [
    "unknown_kind",
    "did you mean HTTPRoute?",
  ]);
  assert.deepEqual(await hintOf("/api/v1/services/default/catalogue"), [
    "not_found",
    "did you mean catalog?",
  ]);
});

test("kinds are found by any of their names, objects by their labels", TIMEOUT, async () => {
  for (const kind of ["Service", "services", "SVC"]) {
    const { body } = await call<ResourceListResponse>("GET", `/api/v1/resources/${kind}`);
    assert.deepEqual(
      body.items.map(({ metadata }) => metadata.name),
      ["catalog"],
      kind,
    );
  }
  const selected = "/api/v1/resources/svc?labelSelector=tier%3Dfront";
  assert.deepEqual((await call<ResourceListResponse>("GET", selected)).body.items, []);
  assert.equal((await call("GET", "/api/v1/resources/svc?labelSelector=a%20b")).status, 400);
});

test(
  "a service is described with its routes, and where each setting comes from",
  TIMEOUT,
  async () => {
    const { body } = await call<ServiceView>("GET", "/api/v1/services/default/catalog");
    assert.equal(body.host, "catalog.default.svc.tulle.local");
    assert.deepEqual(body.ports, [
      {
        name: "http",
        port: 80,
        listenPort: 20_080,
        targetPort: "8080",
        protocol: "http",
        protocolOrigin: "the port's name http",
      },
    ]);
    assert.ok(body.serviceIndex >= 0);
    const [route] = body.routes;
    assert.equal(route?.accepted, false, "a backend is missing");
    assert.deepEqual(route?.rules[0]?.matches, ["GET path prefix /api, header x-user = alice"]);
    assert.deepEqual(
      route?.rules[0]?.backends.map(({ name, share }) => [name, share]),
      [
        ["catalog", 0.75],
        ["gone", 0.25],
      ],
    );
    const origins = Object.fromEntries(
      body.policy.map((one) => [one.field, [one.value, one.origin]]),
    );
    assert.deepEqual(origins["connectTimeout"], ["1s", "TrafficPolicy default/catalog"]);
    assert.deepEqual(origins["loadBalancer.algorithm"], ["PeakEWMA", "built-in default"]);
  },
);

test("checks name what is wrong, each with a hint", TIMEOUT, async () => {
  const { body } = await call<ChecksResponse>("GET", "/api/v1/checks");
  assert.equal(body.ok, false);
  const bad = body.checks.filter(({ status }) => status !== "pass");
  assert.deepEqual(
    bad.map(({ name, status }) => [name, status]),
    [
      ["services-have-endpoints", "warn"],
      ["objects-accepted", "fail"],
    ],
  );
  for (const { findings } of bad) {
    for (const finding of findings) assert.ok(finding.hint !== undefined, finding.code);
  }
});

test("a watch tells what happens from a revision on", TIMEOUT, async () => {
  const { revision } = await apply(serviceYaml("watched"));
  const response = await fetch(
    `${controlPlane.file.adminUrl}/api/v1/watch?fromRevision=${revision - 1}&kind=service`,
  );
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const events = readEvents(response);
  const next = async () => (await events.next()).value as readonly [string, WatchEventData];
  assert.deepEqual(await next(), ["bookmark", { revision: revision - 1, key: null, object: null }]);
  const [type, put] = await next();
  assert.deepEqual([type, put.revision, put.key?.name], ["put", revision, "watched"]);
  const path = "/api/v1/resources/Service/default/watched";
  const deleted = await call<DeleteResponse>("DELETE", path);
  let event = await next();
  // The writing of its status comes between.
  while (event[0] === "put") event = await next();
  assert.deepEqual([event[0], event[1].revision], ["delete", deleted.body.revision]);
  assert.equal((await call("DELETE", path)).status, 404);
  await events.return(undefined);
});

test("requests that make no sense are answered with the rule they break", TIMEOUT, async () => {
  assert.equal((await call("GET", "/api/v1/revisions/many")).status, 400);
  assert.equal((await call("GET", "/api/v1/revisions/1?waitSeconds=61")).status, 400);
  assert.equal((await call("POST", "/api/v1/apply", { body: { files: [] } })).status, 400);
  const empty = { files: [{ name: "a", text: "# nothing" }] };
  assert.equal((await call("POST", "/api/v1/apply", { body: empty })).status, 400);
  const large = { files: [{ name: "a", text: "x".repeat(17 * 1024 * 1024) }] };
  assert.equal((await call("POST", "/api/v1/apply", { body: large })).status, 413);
  const twice = ["a.yaml", "b.yaml"].map((name) => ({ name, text: serviceYaml("same") }));
  const answer = await call<ApiErrorBody>("POST", "/api/v1/apply", { body: { files: twice } });
  assert.equal(answer.status, 422);
  assert.match(JSON.stringify(answer.body), /in a\.yaml on line 1 already/);
});

test("the Workload of a connected sidecar is not deleted under it", TIMEOUT, async () => {
  const { file } = controlPlane;
  const sidecar = new StandInSidecar({ file, id: "catalog-a", service: "catalog", block: 40 });
  await sidecar.start();
  await sidecar.until(() => sidecar.endpoints("catalog").length === 1);
  const path = "/api/v1/resources/workload/default/catalog-a";
  let answer = await call<ApiErrorBody>("DELETE", path);
  // It is written beside the push that the sidecar has seen.
  while (answer.status === 404) answer = await call<ApiErrorBody>("DELETE", path);
  assert.equal(answer.status, 409);
  await sidecar.stop();
});

test("metrics have the names that Istio's dashboards read", TIMEOUT, async () => {
  const { body } = await call<string>("GET", "/metrics");
  for (const name of ["pilot_xds", "pilot_services", "pilot_proxy_convergence_time_count"]) {
    assert.match(body, new RegExp(`^${name} \\d+$`, "m"));
  }
  assert.match(body, /^pilot_xds_pushes\{type="cds"\} [1-9]/m);
  assert.match(body, /^pilot_push_triggers\{type="config"\} [1-9]/m);
});

test("a taken address that was asked for is an error, a default moves on", TIMEOUT, async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const address = holder.address();
  assert.ok(address !== null && typeof address === "object");
  const start = async (isFallbackAllowed: boolean) => {
    const other = temporaryFolder();
    const free = { host: "127.0.0.1", port: 0, isFallbackAllowed: false };
    const second = new ControlPlane({
      mesh: "second",
      stateDirectory: other.path,
      adminAddress: free,
      xdsAddress: { host: "127.0.0.1", port: address.port, isFallbackAllowed },
      trustDomain: undefined,
      caPassphrase: undefined,
      version: "0",
      clock: systemClock,
      prng: new SeededPrng(1),
      log: silentLogger,
    });
    try {
      await second.start();
      return second.file.xdsAddress;
    } finally {
      await second.stop(0);
      other.remove();
    }
  };
  await assert.rejects(
    start(false),
    (error) =>
      hasCode(error, "address-unusable") &&
      error.message.includes(`127.0.0.1:${address.port}`) &&
      error.message.includes("--xds-address"),
  );
  assert.match(await start(true), /^127\.0\.0\.1:\d+$/);
  holder.close();
});

test("a stop answers the long polls that wait", TIMEOUT, async () => {
  const other = temporaryFolder();
  const second = await startControlPlane(other.path);
  const path = "/api/v1/revisions/1000?waitSeconds=60";
  const waiting = callApi<RevisionResponse>(second.file, "GET", path, { transport: "tcp" });
  // The metrics answer after it: by then the poll has arrived.
  await callApi(second.file, "GET", "/metrics", { transport: "tcp" });
  await second.stop(5_000);
  assert.equal((await waiting).body.done, false);
  other.remove();
});

async function* readEvents(response: Response): AsyncGenerator<readonly [string, WatchEventData]> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
      yield [field("event"), JSON.parse(field("data")) as WatchEventData];
    }
  }
}
