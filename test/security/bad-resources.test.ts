/**
 * Bad input by `apply`: null, blank, oversize, unknown and nested values in every field of every kind, through the admin
 * API of a real mesh. Every refusal names a field, what is taken harms nobody else, and no process ends.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import type { ApiErrorBody, DocumentViolation } from "../../src/control-plane/api-error-types.ts";
import { registry } from "../../src/resource/registry.ts";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { type Hostile, hostileDocuments, type JsonDocument } from "./hostile-documents.ts";

const MESH = "bad-resources";
const SCHEMAS = join(import.meta.dirname, "..", "..", "docs", "reference", "schemas");
/** Of each kind: every field with every value at full size, otherwise a part of them. */
const DOCUMENTS_MAX = IS_FULL_SIZE ? Number.POSITIVE_INFINITY : 1_000;
/** Of all kinds together. */
const DOCUMENTS_LEAST = IS_FULL_SIZE ? 50_000 : 10_000;
const BATCH = 400;
const TIMEOUT = { timeout: 200_000 };
const SEED = 7;
/** Where what is taken lives: what it says must not matter elsewhere. */
const NAMESPACE = "hostile";

const APP = `
const { createServer } = require("node:http");
createServer((request, response) => response.end("fine")).listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;
before(async () => {
  mesh = await CatalogMesh.start({ name: MESH, app: APP });
});
after(() => mesh.remove());

interface Reply {
  readonly status: number;
  readonly body: string;
}

async function call(method: string, path: string, body = ""): Promise<Reply> {
  const file = join(mesh.home.path, MESH, "control-plane.json");
  const { adminSocket } = JSON.parse(readFileSync(file, "utf8"));
  const headers = { "content-type": "application/json", host: "localhost" };
  const asked = request({ socketPath: adminSocket, method, path, headers });
  asked.end(body);
  const [response] = await once(asked, "response");
  return { status: response.statusCode, body: await text(response) };
}

const fileName = (index: number): string => `file-${index}`;

function apply(documents: readonly JsonDocument[], dryRun = false): Promise<Reply> {
  const files = documents.map((document, index) => ({
    name: fileName(index),
    text: JSON.stringify(document),
  }));
  return call("POST", "/api/v1/apply", JSON.stringify({ files, dryRun }));
}

function violationsOf({ status, body }: Reply): readonly DocumentViolation[] {
  assert.equal(status, 422, body.slice(0, 500));
  const { error } = JSON.parse(body) as ApiErrorBody;
  assert.equal(error.code, "invalid");
  return (error.details as { readonly violations: readonly DocumentViolation[] }).violations;
}

/** What is valid in any case, and refused in any case: with it nothing of a batch is written. */
const REFUSED = { apiVersion: "v1", kind: "Service", metadata: { name: "x" }, spec: "nonsense" };

/** Of these documents, those in which nothing was found wrong. Checks how the others were refused. */
async function judged(batch: readonly Hostile[]): Promise<readonly JsonDocument[]> {
  const documents = batch.map(({ document }) => document);
  const violations = violationsOf(await apply([...documents, REFUSED]));
  const refused = new Set<string>();
  for (const { file, path, message } of violations) {
    refused.add(file);
    const index = Number(file.slice(fileName(0).length - 1));
    const change = batch[index]?.change ?? "";
    assert.ok(message.length > 0, `${change}: a refusal without a word`);
    assert.ok(path !== "" || change.startsWith("spec ="), `${change}: "${message}" names no field`);
  }
  assert.ok(refused.has(fileName(batch.length)), "a document of nonsense is refused");
  return documents.filter((_, index) => !refused.has(fileName(index)));
}

const taken = { documents: 0, refused: 0, written: 0 };

for (const kind of registry.kinds) {
  test(`${kind.kind}: whatever its fields hold, nothing else is affected`, TIMEOUT, async () => {
    const schema = JSON.parse(
      readFileSync(join(SCHEMAS, `${kind.kind.toLowerCase()}.json`), "utf8"),
    );
    const makers = hostileDocuments(schema, parse(kind.example), SEED).slice(0, DOCUMENTS_MAX);
    for (let at = 0; at < makers.length; at += BATCH) {
      const batch = makers
        .slice(at, at + BATCH)
        .map((make, index) => renamed(make(), at + index, kind.namespaced));
      const rest = await judged(batch);
      taken.documents += batch.length;
      taken.refused += batch.length - rest.length;
      await keepAWhile(rest, kind.namespaced);
      const answer = await mesh.ask();
      assert.deepEqual([answer.status, answer.body], [200, "fine"]);
    }
  });
}

/** Of documents with one name the second would be refused for that alone. */
function renamed({ document, change }: Hostile, index: number, isNamespaced: boolean): Hostile {
  const { metadata } = document;
  if (!isNamespaced || typeof metadata !== "object" || metadata === null) {
    return { document, change };
  }
  const { name } = metadata as { readonly name?: unknown };
  if (change.includes("metadata") || typeof name !== "string") return { document, change };
  const own = { ...metadata, name: `${name}-${index}`, namespace: NAMESPACE };
  return { document: { ...document, metadata: own }, change };
}

/** Writes what is valid, has the sidecars take it, and takes it away again. What holds for the whole mesh is only judged. */
async function keepAWhile(
  documents: readonly JsonDocument[],
  isNamespaced: boolean,
): Promise<void> {
  const [own, others] = partition(documents, (document) => isNamespaced && isOwn(document));
  for (const document of others) {
    const { status, body } = await apply([document], true);
    assert.ok(status < 500, `${JSON.stringify(document)}: ${body}`);
  }
  if (own.length === 0) return;
  const reply = await apply(own);
  assert.equal(reply.status, 200, reply.body.slice(0, 1_000));
  const { revision, objects } = JSON.parse(reply.body);
  assert.equal(objects.length, own.length);
  taken.written += own.length;
  await settled(revision);
  for (const { kind, name } of objects) {
    const path = `/api/v1/resources/${kind}/${NAMESPACE}/${encodeURIComponent(name)}`;
    const { status, body } = await call("DELETE", path);
    assert.equal(status, 200, body);
  }
}

async function settled(revision: number): Promise<void> {
  const { status, body } = await call("GET", `/api/v1/revisions/${revision}?waitSeconds=30`);
  assert.equal(status, 200, body);
}

function isOwn({ metadata }: JsonDocument): boolean {
  return (metadata as { readonly namespace?: unknown }).namespace === NAMESPACE;
}

function partition<T>(list: readonly T[], is: (item: T) => boolean): readonly [T[], T[]] {
  return [list.filter(is), list.filter((item) => !is(item))];
}

test("texts that are no documents are refused, too", async () => {
  const texts = [
    "",
    "---\n---\n",
    "null",
    "[]",
    "\u0000",
    "{",
    `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
    `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
    `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghij".replace(/./g, (c, i) => `${c}: &${c} [${`*${"abcdefghi"[i]},`.repeat(9)}]\n`)}`,
    '{"kind":"Service","kind":"MeshConfig"}',
    "%YAML 9.9\n---\nkind: Service",
    "!!js/function 'x'",
    "kind: Service\napiVersion: v1\nmetadata: {name: x}\nspec: !!binary AAAA",
    "\ufeffkind: \ud800",
    "x: ".repeat(10_000),
  ];
  for (const body of texts) {
    const files = [{ name: "text", text: body }];
    const reply = await call("POST", "/api/v1/apply", JSON.stringify({ files, dryRun: true }));
    const shown = body.slice(0, 40);
    assert.ok(reply.status === 400 || reply.status === 422, `${shown}: ${reply.status}`);
    assert.ok(JSON.parse(reply.body).error.message.length > 0, shown);
  }
  for (const body of [
    "",
    "null",
    "[]",
    "{",
    '{"files":null}',
    '{"files":[{"name":1}]}',
    "[".repeat(100_000),
  ]) {
    const reply = await call("POST", "/api/v1/apply", body);
    assert.ok(
      reply.status === 400 || reply.status === 422,
      `${body.slice(0, 40)}: ${reply.status}`,
    );
  }
});

test("most were refused, some were taken, and the mesh is as it was", async (t) => {
  const { documents, refused, written } = taken;
  t.diagnostic(`${documents} documents: ${refused} refused, ${written} written`);
  assert.ok(documents >= DOCUMENTS_LEAST);
  assert.ok(refused > documents / 2);
  assert.ok(written > 0);
  const answer = await mesh.ask();
  assert.deepEqual([answer.status, answer.body], [200, "fine"]);
  const health = await call("GET", "/api/v1/checks");
  assert.equal(health.status, 200);
});
