/**
 * Consistent hashing and sessions as people ask for them, with servers that see who gets what: TrafficPolicies by YAML and
 * the command line, a control plane and a real sidecar.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { Answer, Question } from "./catalog-mesh.ts";
import { OutsideMesh } from "./outside-mesh.ts";

const HOSTS = 4;

let outside: OutsideMesh;

before(async () => {
  outside = await OutsideMesh.start("hashing", HOSTS);
});

after(() => outside?.remove());

const ask = (question: Question = {}): Promise<Answer> =>
  outside.mesh.ask("/", { at: outside.at, ...question });

async function hostsOf(count: number, question: (index: number) => Question): Promise<Set<string>> {
  const names = new Set<string>();
  for (let i = 0; i < count; i++) names.add((await ask(question(i))).body);
  return names;
}

const hashed = (algorithm: string, key: object, more: object = {}): object => ({
  loadBalancer: { algorithm, consistentHash: [key], ...more },
});

test("a header field's value keeps a host, and values are spread", async () => {
  for (const algorithm of ["RingHash", "Maglev"]) {
    await outside.apply(hashed(algorithm, { header: { name: "x-user" } }));
    const spread = await hostsOf(40, (index) => ({ headers: { "x-user": `user-${index}` } }));
    assert.equal(spread.size, HOSTS, algorithm);
    assert.equal((await hostsOf(8, () => ({ headers: { "x-user": "ann" } }))).size, 1, algorithm);
  }
});

test("a cookie keeps a host, and is made where there is none", async () => {
  await outside.apply(hashed("Maglev", { cookie: { name: "basket", ttl: "1h", path: "/shop" } }));
  const first = await ask();
  const [made = ""] = first.headers["set-cookie"] ?? [];
  assert.match(made, /^basket="?[^";]+"?; Max-Age=3600; Path=\/shop; HttpOnly$/);
  const cookie = made.slice(0, made.indexOf(";"));
  assert.deepEqual([...(await hostsOf(8, () => ({ headers: { cookie } })))], [first.body]);
  const spread = await hostsOf(40, (index) => ({ headers: { cookie: `basket=${index}` } }));
  assert.equal(spread.size, HOSTS);
  await outside.apply(hashed("Maglev", { cookie: { name: "basket" } }));
  assert.equal((await ask()).headers["set-cookie"], undefined);
});

/** A request from one address of this machine. */
async function from(localAddress: string): Promise<string> {
  const outgoing = request({ ...outside.at, localAddress, agent: false }).end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return text(response);
}

test("an address keeps a host", async () => {
  await outside.apply(hashed("Maglev", { sourceAddress: true }));
  const places = new Set<string>();
  for (let i = 2; i < 42; i++) {
    const place = await from(`127.0.0.${i}`);
    assert.equal(await from(`127.0.0.${i}`), place);
    places.add(place);
  }
  assert.equal(places.size, HOSTS);
});

test("bounded load: a value's host gets no more than its share, others the rest", async () => {
  const key = { header: { name: "x-user" } };
  const question = { headers: { "x-user": "ann" } };
  const held = async (more: object): Promise<number> => {
    await outside.apply(hashed("Maglev", key, more));
    const responses: ServerResponse[] = [];
    for (const host of outside.hosts) host.respond = (_, response) => responses.push(response);
    const asked = Array.from({ length: 8 }, () => ask(question));
    while (responses.length < asked.length) await new Promise((resolve) => setImmediate(resolve));
    for (const response of responses) response.end();
    await Promise.all(asked);
    return outside.hosts.filter(({ requests }) => requests.length > 0).length;
  };
  assert.equal(await held({}), 1);
  assert.ok((await held({ hashBalanceFactor: 120 })) > 1);
});

test("a session by header field keeps the host that began it", async () => {
  await outside.apply({
    loadBalancer: { algorithm: "RoundRobin" },
    sessionPersistence: { type: "Header", header: { name: "x-session" } },
  });
  const first = await ask();
  const session = String(first.headers["x-session"] ?? "");
  assert.notEqual(session, "");
  const headers = { "x-session": session };
  assert.deepEqual([...(await hostsOf(8, () => ({ headers })))], [first.body]);
  assert.equal((await hostsOf(8, () => ({}))).size, HOSTS);
});
