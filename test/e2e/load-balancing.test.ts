/**
 * Load balancing as people ask for it: a TrafficPolicy, the command line, the control plane and real sidecars. Four
 * instances in two zones say who they are; the client sits in zone near.
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
const { APP_NAME, TULLE_INSTANCE, PORT } = process.env;
http.createServer((request, response) => response.end(APP_NAME + " " + TULLE_INSTANCE))
  .listen(PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = `
const { CATALOG_SERVICE_HOST: host, CATALOG_SERVICE_PORT: port } = process.env;
console.log("catalog at " + host + ":" + port + ".");
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;

const REQUESTS = 60;

let home: TulleHome;
let address: { readonly host: string; readonly port: number };

function catalog(name: string, zone: string, version: string): object {
  return {
    service: "catalog",
    command: ["node", "app.js"],
    port: "http=auto",
    replicas: 2,
    zone,
    labels: { version },
    env: { APP_NAME: name },
  };
}

before(async () => {
  home = await TulleHome.create();
  const services = {
    near: catalog("near", "zone-near", "v1"),
    far: catalog("far", "zone-far", "v2"),
    client: { command: ["node", "client.js"], dependsOn: ["near", "far"], zone: "zone-near" },
  };
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify({ mesh: "balancing", services }));
  await writeFile(join(home.path, "app.js"), APP);
  await writeFile(join(home.path, "client.js"), CLIENT);
  const up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  const [, host = "", port] = await up.waitFor(/catalog at (\S+):(\d+)\./);
  address = { host, port: Number(port) };
});

after(() => home?.remove());

interface Answer {
  readonly body: string;
  readonly cookies: readonly string[];
}

async function ask(headers = {}, path = "/"): Promise<Answer> {
  const outgoing = request({ ...address, path, headers, agent: false });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  const body = await text(response);
  return {
    body: response.statusCode === 200 ? body : `${response.statusCode} ${body}`,
    cookies: response.headers["set-cookie"] ?? [],
  };
}

/** Who answered some requests. */
async function served(headersOf: (index: number) => object = () => ({})): Promise<Set<string>> {
  const found = new Set<string>();
  for (let i = 0; i < REQUESTS; i++) found.add((await ask(headersOf(i))).body);
  return found;
}

async function tulle(...words: string[]): Promise<string> {
  const { code, output } = await home.start(words).ended;
  assert.equal(code, 0, output);
  return output;
}

async function apply(spec: object): Promise<void> {
  const policy = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "TrafficPolicy",
    metadata: { name: "catalog" },
    spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...spec },
  };
  await writeFile(join(home.path, "policy.yaml"), JSON.stringify(policy));
  await tulle("apply", "--wait", "-f", join(home.path, "policy.yaml"));
}

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
    for (let i = 0; i < 10; i++) queries.add((await ask({}, "/?user=bob")).body);
    assert.equal(queries.size, 1, algorithm);
    assert.match(await tulle("describe", "service", "catalog"), new RegExp(algorithm));
  }
});

test("sessions: the cookie of the first answer keeps the instance", async () => {
  await apply({ sessionPersistence: { type: "Cookie", cookie: { name: "sid" } } });
  const first = await ask();
  const cookie = /^sid="?[^";]+"?/.exec(first.cookies[0] ?? "")?.[0];
  assert.ok(cookie, String(first.cookies));
  assert.deepEqual([...(await served(() => ({ cookie })))], [first.body]);
  assert.deepEqual((await ask({ cookie })).cookies, []);
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
  assert.match((await ask()).body, /^503 .*no healthy upstream/s);
});

test("what is wrong is told by field", async () => {
  const policy = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "TrafficPolicy",
    metadata: { name: "wrong" },
    spec: {
      targetRefs: [{ kind: "Service", name: "catalog" }],
      loadBalancer: { algorithm: "Maglev", maglev: { tableSize: 100 } },
    },
  };
  const file = join(home.path, "wrong.yaml");
  await writeFile(file, JSON.stringify(policy));
  const { code, output } = await home.start(["apply", "-f", file]).ended;
  assert.notEqual(code, 0);
  assert.match(output, /spec\.loadBalancer\.consistentHash.*needs something to hash/s);
  assert.match(output, /spec\.loadBalancer\.maglev\.tableSize.*prime/s);
});
