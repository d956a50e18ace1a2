/**
 * The response cache as people ask for it: CachePolicies by YAML and the command line, a control plane and real sidecars.
 * The app answers what a request tells it to, and counts.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Answer, CatalogMesh, type Question } from "./catalog-mesh.ts";

/** `x-answer` holds fields, and a status, of the answer. `/hold` is answered when `/release` is asked for. */
const APP = `
let count = 0;
let held = [];
require("node:http").createServer((request, response) => {
  if (request.url === "/count") return response.end(String(count));
  if (request.url === "/release") {
    for (const other of held.splice(0)) other.end("held");
    return response.end();
  }
  count += 1;
  const { status = 200, bytes, ...fields } = JSON.parse(request.headers["x-answer"] ?? "{}");
  response.writeHead(status, fields);
  if (request.url === "/hold") held.push(response);
  else response.end(status === 304 ? "" : bytes === undefined ? String(count) : "x".repeat(bytes));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const FRESH = { "cache-control": "max-age=600", etag: '"1"' };
/** Older than it may be from the start. */
const STALE = { ...FRESH, age: "610" };

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({ name: "cache", app: APP });
});

after(() => mesh?.remove());

/** A policy with paths of its own for each test, so that none finds what another left. */
async function apply(spec: object = {}): Promise<void> {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "CachePolicy",
    metadata: { name: "catalog" },
    spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...spec },
  });
}

function ask(path: string, answer: object, question: Question = {}): Promise<Answer> {
  const headers = { "x-answer": JSON.stringify(answer), ...question.headers };
  return mesh.ask(path, { ...question, headers });
}

const statusOf = ({ headers }: Answer): string => String(headers["cache-status"]);
const count = async (): Promise<number> => Number((await mesh.ask("/count")).body);

test("an identity's responses are its own, unless they are shared", async () => {
  const [ann, bob] = [{ headers: { cookie: "user=ann" } }, { headers: { cookie: "user=bob" } }];
  await apply();
  const anns = await ask("/own", FRESH, ann);
  assert.notEqual((await ask("/own", FRESH, bob)).body, anns.body);
  const again = await ask("/own", FRESH, ann);
  assert.equal(again.body, anns.body);
  assert.ok(Number(again.headers.age) >= 0);
  assert.match(statusOf(again), /^tulle; hit; ttl=\d+$/);
  await apply({ sharing: "Shared" });
  const everybodys = await ask("/shared", FRESH, ann);
  assert.equal((await ask("/shared", FRESH, bob)).body, everybodys.body);
});

test("what is stale is validated, and a cookie that comes with it is for one client", async () => {
  await apply({ sharing: "Shared" });
  const first = await ask("/stale", STALE);
  const still = {
    status: 304,
    etag: '"1"',
    "cache-control": "max-age=600",
    "set-cookie": "user=ann",
  };
  const validated = await ask("/stale", still);
  assert.deepEqual([validated.status, validated.body], [200, first.body]);
  assert.deepEqual(validated.headers["set-cookie"], ["user=ann"]);
  assert.equal(statusOf(validated), "tulle; fwd=stale; fwd-status=304");
  const kept = await ask("/stale", {});
  assert.deepEqual([kept.body, kept.headers["set-cookie"]], [first.body, undefined]);
});

test("HEAD, ranges and conditions are answered by what is kept", async () => {
  await apply();
  const { body } = await ask("/read", { ...FRESH, bytes: 10 });
  const before = await count();
  const head = await ask("/read", {}, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers["content-length"]], [200, "10"]);
  const part = await ask("/read", {}, { headers: { range: "bytes=2-4" } });
  assert.deepEqual([part.status, part.body], [206, body.slice(2, 5)]);
  const same = await ask("/read", {}, { headers: { "if-none-match": '"1"' } });
  assert.equal(same.status, 304);
  assert.equal(await count(), before);
});

test("a stale response answers while a new one is fetched, and when there is none to be had", async () => {
  await apply({ staleWhileRevalidate: "1h" });
  const first = await ask("/while", STALE);
  const before = await count();
  const second = await ask("/while", FRESH);
  assert.equal(second.body, first.body);
  assert.match(statusOf(second), /^tulle; hit; ttl=-\d+$/);
  while ((await count()) === before);
  await apply({ staleIfError: "1h" });
  const good = await ask("/error", STALE);
  const failed = await ask("/error", { status: 503 });
  assert.deepEqual([failed.status, failed.body], [200, good.body]);
});

test("one request is asked for many", async () => {
  await apply({ collapseWait: "30s" });
  const before = await count();
  const many = Array.from({ length: 8 }, () => ask("/hold", FRESH));
  while ((await count()) === before);
  await mesh.ask("/release");
  for (const answer of await Promise.all(many)) assert.equal(answer.body, "held");
  assert.equal((await count()) - before, 1);
});

test("what is too large is not kept", async () => {
  await apply({ memory: { totalMebibytes: 1, objectKibibytes: 2 } });
  for (const [path, bytes, isKept] of [
    ["/small", 1_000, true],
    ["/large", 3_000, false],
  ] as const) {
    await ask(path, { ...FRESH, bytes });
    const before = await count();
    assert.equal((await ask(path, { ...FRESH, bytes })).body.length, bytes);
    assert.equal((await count()) === before, isKept, path);
  }
});

test("responses that do not say how long they are fresh, by a default or by their age", async () => {
  const changed = { "last-modified": new Date(Date.now() - 86_400_000).toUTCString() };
  for (const [path, spec, fields] of [
    ["/default", { defaultTtl: "10m" }, {}],
    ["/heuristic", { heuristicFreshness: true }, changed],
  ] as const) {
    await apply();
    const first = await ask(path, fields);
    assert.notEqual((await ask(path, fields)).body, first.body);
    await apply(spec);
    const kept = await ask(path, fields);
    assert.equal((await ask(path, fields)).body, kept.body, path);
  }
});

test("fields and parameters that tell responses apart, or do not", async () => {
  await apply({ key: { headers: ["x-language"], ignoreQueryParams: ["utm_source"] } });
  const of = (language: string, query = ""): Promise<Answer> =>
    ask(`/key${query}`, FRESH, { headers: { "x-language": language } });
  const english = await of("en");
  assert.notEqual((await of("de")).body, english.body);
  assert.equal((await of("en", "?utm_source=mail")).body, english.body);
  assert.notEqual((await of("en", "?page=2")).body, english.body);
});

test("CDN-Cache-Control goes before Cache-Control, or another field that the policy names", async () => {
  const meant = { "cache-control": "no-store", "cdn-cache-control": "max-age=600" };
  await apply();
  const kept = await ask("/cdn", meant);
  const again = await ask("/cdn", meant);
  assert.deepEqual([again.body, again.headers["cdn-cache-control"]], [kept.body, "max-age=600"]);
  await apply({ targetedFields: ["Mesh-Cache-Control"] });
  assert.notEqual((await ask("/mesh", meant)).body, (await ask("/mesh", meant)).body);
  const own = { ...meant, "mesh-cache-control": "max-age=600" };
  const first = await ask("/mesh", own);
  assert.equal((await ask("/mesh", own)).body, first.body);
  const wrong = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "CachePolicy",
    metadata: { name: "wrong" },
    spec: { targetRefs: [{ kind: "Service", name: "catalog" }], targetedFields: ["X-Cache"] },
  };
  const { code, output } = await mesh.tryApply(wrong);
  assert.notEqual(code, 0);
  assert.match(output, /spec\.targetedFields\[0\].*CDN-Cache-Control/s);
});
