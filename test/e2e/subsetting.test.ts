/**
 * Callers that use a part of a large service's instances, as people ask for it: a TrafficPolicy, the command line, the
 * control plane and real sidecars. Twelve hosts of the test's own; three instances of a service call them for the client.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CatalogMesh } from "./catalog-mesh.ts";
import { externalService, OutsideHost, trafficPolicy } from "./outside-mesh.ts";

/** Asks a host for each request, and says who asked whom. */
const APP = `
const http = require("node:http");
const { OUTSIDE_SERVICE_HOST: host, OUTSIDE_SERVICE_PORT: port, TULLE_INSTANCE, PORT } = process.env;
http.createServer((request, response) => {
  const asked = http.get({ host, port, path: request.url }, (answer) => {
    let text = "";
    answer.on("data", (chunk) => { text += chunk; });
    answer.on("end", () => response.end(TULLE_INSTANCE + " " + answer.statusCode + " " + text));
  });
  asked.on("error", (error) => response.end(TULLE_INSTANCE + " 0 " + error.code));
}).listen(PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const HOSTS = 12;
const CALLERS = 3;
const SIZE = 4;
/** Each caller has enough for several rounds. */
const REQUESTS = CALLERS * SIZE * 4;

let mesh: CatalogMesh;
let hosts: readonly OutsideHost[];

before(async () => {
  const names = Array.from({ length: HOSTS }, (_, index) => `host-${index}`);
  hosts = await Promise.all(names.map((name) => OutsideHost.start(name)));
  mesh = await CatalogMesh.start({
    name: "subsetting",
    app: APP,
    services: { catalog: { replicas: CALLERS } },
    resources: [
      externalService(
        "outside",
        hosts.map(({ port }) => port),
      ),
    ],
  });
  const loadBalancer = { algorithm: "RoundRobin" };
  // The client goes to its callers in turn.
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "TrafficPolicy",
    metadata: { name: "catalog" },
    spec: { targetRefs: [{ kind: "Service", name: "catalog" }], loadBalancer },
  });
});

after(async () => {
  for (const host of hosts ?? []) host.close();
  await mesh?.remove();
});

/** The hosts that each caller has used for some requests. */
async function used(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const byCaller = new Map<string, Set<string>>();
  for (let i = 0; i < REQUESTS; i++) {
    const { body } = await mesh.ask();
    const [caller = "", status, host = ""] = body.split(" ");
    assert.equal(status, "200", body);
    const own = byCaller.get(caller) ?? new Set();
    byCaller.set(caller, own.add(host));
  }
  assert.equal(byCaller.size, CALLERS);
  return byCaller;
}

function policy(size: number): object {
  return trafficPolicy("outside", {
    loadBalancer: { algorithm: "RoundRobin", subsetting: { size } },
    outlierDetection: { consecutive5xxErrors: 1, consecutiveGatewayErrors: 1 },
  });
}

test("each caller uses as many instances as asked, its own ones, and one that fails is replaced", async () => {
  await mesh.apply(policy(SIZE));
  const first = await used();
  for (const [caller, own] of first) assert.equal(own.size, SIZE, `${caller}: ${[...own]}`);
  const all = new Set([...first.values()].flatMap((own) => [...own]));
  assert.ok(all.size > SIZE, "callers use different ones");
  assert.deepEqual(await used(), first, "and keep to them");

  const [caller = "", own = new Set<string>()] = [...first][0] ?? [];
  const [gone = ""] = own;
  await hosts.find(({ name }) => name === gone)?.stopListening();
  // Failures that put it out are tried elsewhere, which is no failure of the caller's.
  let now = await used();
  while ([...now.values()].some((hostsOf) => hostsOf.has(gone))) now = await used();
  const others = now.get(caller) ?? new Set();
  assert.equal(others.size, SIZE);
  assert.equal([...own].filter((host) => !others.has(host)).length, 1, "only one has changed");
  for (const [name, before] of first) {
    if (!before.has(gone)) assert.deepEqual(now.get(name), before, "others have nothing to change");
  }
});

test("describe, explain and proxy config say who is used and why", async () => {
  const described = await mesh.tulle("describe", "externalservice", "outside");
  assert.match(described, /loadBalancer\.subsetting\.size\s+4\s+TrafficPolicy/);
  const [caller = ""] = [...(await used()).keys()];
  const explained = await mesh.tulle("explain", "GET", "http://outside/", "--from", caller);
  assert.match(explained, /subsetting:\s+each caller uses 4 of them/);
  assert.equal(explained.match(/ yes\n/g)?.length, SIZE);
  // One more is ejected, and may be one that this caller would use.
  const passed = explained.match(/no: this caller uses others/g)?.length ?? 0;
  assert.ok(passed >= HOSTS - SIZE - 1, explained);
  const config = await mesh.tulle("proxy", "config", caller, "endpoints");
  assert.match(config, /IN SUBSET/);
  assert.equal(config.match(/ yes\s*\n/g)?.length, SIZE, config);
});

test("all instances are used again when the policy says so", async () => {
  await mesh.apply(policy(0));
  const sizes = [...(await used()).values()].map((own) => own.size);
  assert.ok(
    sizes.every((size) => size > SIZE),
    String(sizes),
  );
});

test("beside a hash it is refused, with the reason", async () => {
  const loadBalancer = {
    ...{ algorithm: "Maglev", consistentHash: [{ header: { name: "x-user" } }] },
    subsetting: { size: SIZE },
  };
  const { code, output } = await mesh.tryApply(trafficPolicy("outside", { loadBalancer }));
  assert.notEqual(code, 0);
  assert.match(output, /spec\.loadBalancer\.subsetting.*the same key would go to a different one/s);
});
