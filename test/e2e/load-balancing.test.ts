/**
 * Load balancing as people ask for it: a TrafficPolicy, the command line, the control plane and real sidecars. Four
 * instances in two zones say who they are; the client sits in zone near.
 */
import assert from "node:assert/strict";
import type { OutgoingHttpHeaders } from "node:http";
import { after, before, test } from "node:test";
import { type Answer, CatalogMesh } from "./catalog-mesh.ts";

const APP = `
const http = require("node:http");
const { APP_NAME, TULLE_INSTANCE, PORT } = process.env;
http.createServer((request, response) => response.end(APP_NAME + " " + TULLE_INSTANCE))
  .listen(PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const REQUESTS = 60;

let mesh: CatalogMesh;

function catalog(name: string, zone: string, version: string): object {
  return {
    service: "catalog",
    replicas: 2,
    zone,
    labels: { version },
    env: { APP_NAME: name },
  };
}

before(async () => {
  mesh = await CatalogMesh.start({
    name: "balancing",
    app: APP,
    services: {
      near: catalog("near", "zone-near", "v1"),
      far: catalog("far", "zone-far", "v2"),
    },
    client: { zone: "zone-near" },
  });
});

after(() => mesh?.remove());

/** Who answered, or what went wrong. */
function said({ status, body }: Answer): string {
  return status === 200 ? body : `${status} ${body}`;
}

function cookiesOf({ headers }: Answer): readonly string[] {
  return headers["set-cookie"] ?? [];
}

/** Who answered some requests. */
async function served(
  headersOf: (index: number) => OutgoingHttpHeaders = () => ({}),
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let i = 0; i < REQUESTS; i++) {
    found.add(said(await mesh.ask("/", { headers: headersOf(i) })));
  }
  return found;
}

async function apply(spec: object): Promise<void> {
  await mesh.apply(policy("catalog", spec));
}

const policy = (name: string, spec: object): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TrafficPolicy",
  metadata: { name },
  spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...spec },
});

function zonesOf(answers: ReadonlySet<string>): readonly string[] {
  return [...new Set([...answers].map((answer) => answer.split(" ", 1)[0] ?? ""))].sort();
}

test("hashing: a user keeps an instance, all instances have users, and describe says why", async () => {
  for (const algorithm of ["Maglev", "RingHash"]) {
    const consistentHash = [{ header: { name: "x-user" } }, { queryParameter: { name: "user" } }];
    await apply({ loadBalancer: { algorithm, consistentHash, hashBalanceFactor: 200 } });
    assert.equal((await served((index) => ({ "x-user": `user-${index}` }))).size, 4, algorithm);
    const same = await served(() => ({ "x-user": "ann" }));
    assert.equal(same.size, 1, algorithm);
    const queries = new Set<string>();
    for (let i = 0; i < 10; i++) queries.add(said(await mesh.ask("/?user=bob")));
    assert.equal(queries.size, 1, algorithm);
    assert.match(await mesh.tulle("describe", "service", "catalog"), new RegExp(algorithm));
  }
});

test("sessions: the cookie of the first answer keeps the instance", async () => {
  await apply({ sessionPersistence: { type: "Cookie", cookie: { name: "sid" } } });
  const first = await mesh.ask();
  const cookie = /^sid="?[^";]+"?/.exec(cookiesOf(first)[0] ?? "")?.[0];
  assert.ok(cookie, String(cookiesOf(first)));
  assert.deepEqual([...(await served(() => ({ cookie })))], [said(first)]);
  assert.deepEqual(cookiesOf(await mesh.ask("/", { headers: { cookie } })), []);
});

test("zones: requests stay in the caller's zone while it has instances, and go further without", async () => {
  await apply({ loadBalancer: { algorithm: "RoundRobin", locality: { preferZone: true } } });
  assert.deepEqual(zonesOf(await served()), ["near"]);
  await apply({
    loadBalancer: {
      locality: { distribute: [{ from: "zone-near", to: { "zone-near": 1, "zone-far": 1 } }] },
    },
  });
  assert.deepEqual(zonesOf(await served()), ["far", "near"]);
});

test("subsets: only instances with the labels, others or nobody where there are none", async () => {
  await apply({ loadBalancer: { subset: { selector: { version: "v2" } } } });
  assert.deepEqual(zonesOf(await served()), ["far"]);
  await apply({ loadBalancer: { subset: { selector: { version: "v9" } } } });
  assert.deepEqual(zonesOf(await served()), ["far", "near"]);
  await apply({
    loadBalancer: { subset: { selector: { version: "v9" }, fallback: "NoEndpoint" } },
  });
  assert.match(said(await mesh.ask()), /^503 .*no healthy upstream/s);
});

test("what is wrong is told by field", async () => {
  const loadBalancer = { algorithm: "Maglev", maglev: { tableSize: 100 } };
  const { code, output } = await mesh.tryApply(policy("wrong", { loadBalancer }));
  assert.notEqual(code, 0);
  assert.match(output, /spec\.loadBalancer\.consistentHash.*needs something to hash/s);
  assert.match(output, /spec\.loadBalancer\.maglev\.tableSize.*prime/s);
});
