/**
 * Policies that traffic suggests, as people get them: requests through real sidecars, `tulle authz suggest`, its YAML through
 * `tulle apply`, and the same requests again beside others.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CatalogMesh } from "./catalog-mesh.ts";

/** Answers with the path; what begins with /missing is not there. */
const APP = `
require("node:http").createServer((request, response) => {
  response.statusCode = request.url.startsWith("/missing") ? 404 : 200;
  response.end(request.url);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = "spiffe://tulle.local/ns/default/sa/client";
const POLICY = "catalog-suggested";

let mesh: CatalogMesh;
let log: string;
let asked = 0;

before(async () => {
  mesh = await CatalogMesh.start({ name: "suggest", app: APP });
  log = join(mesh.home.path, "access.log");
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "MeshConfig",
    metadata: { name: "default" },
    spec: { accessLog: { enabled: true, path: log } },
  });
});

after(() => mesh?.remove());

async function ask(path: string, method = "GET"): Promise<number> {
  const { status } = await mesh.ask(path, { method });
  asked += 1;
  return status;
}

/** Resolves when the called sidecar has written a line for everything that was asked. */
async function logged(): Promise<void> {
  for (;;) {
    const lines = (await readFile(log, "utf8").catch(() => "")).split("\n");
    if (lines.filter((line) => line.includes(CLIENT)).length >= asked) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function applyText(text: string): Promise<void> {
  const file = join(mesh.home.path, "suggested.yaml");
  await writeFile(file, text);
  await mesh.tulle("apply", "--wait", "-f", file);
}

const USUAL = [
  ["/items", "GET"],
  ["/items/7", "GET"],
  ["/items/8?full=1", "GET"],
  ["/items/9", "PUT"],
  ["/items/10", "PUT"],
  ["/items", "GET"],
] as const;

test("what was seen passes under the policies that it suggests, and nothing else", async () => {
  for (const [path, method] of USUAL) assert.equal(await ask(path, method), 200);
  assert.equal(await ask("/missing/1"), 404);
  assert.equal(await ask("/missing/2"), 404);
  assert.equal(await ask("/rare", "POST"), 200);
  await logged();
  const yaml = await mesh.tulle("authz", "suggest", "--from-log", log, "-o", "yaml");
  assert.match(yaml, /# client: 6 calls from \S+ to \S+\n/);
  assert.match(yaml, /# Of 9 calls that were seen, 3 would have been denied:/);
  assert.match(yaml, /default\/catalog POST \/rare \(1×\): seen once only/);
  assert.match(yaml, /GET \/missing\/\{\*\} \(2×\): ended in 401, 403 or 404 each time/);
  const check = () => mesh.home.start(["check"]).ended;
  assert.match((await check()).output, /a service lets every caller in: default\/catalog\n/);
  await applyText(yaml);
  assert.doesNotMatch((await check()).output, /lets every caller in/);
  for (const [path, method] of USUAL) assert.equal(await ask(path, method), 200);
  for (const [path, method] of [
    ["/items/7", "DELETE"],
    ["/items/7/price", "GET"],
    ["/missing/1", "GET"],
    ["/rare", "POST"],
  ] as const) {
    assert.equal(await ask(path, method), 403, `${method} ${path}`);
  }
  await logged();
  const again = JSON.parse(
    await mesh.tulle("authz", "suggest", "catalog", "--from-log", log, "-o", "json"),
  );
  assert.deepEqual(again.policies[0].policy.spec.rules, [
    {
      from: [{ source: { principals: [CLIENT.slice("spiffe://".length)] } }],
      to: [
        { operation: { methods: ["GET"], paths: ["/items"] } },
        { operation: { methods: ["GET", "PUT"], paths: ["/items/{*}"] } },
      ],
    },
  ]);
  await mesh.tulle("delete", "authorizationpolicy", POLICY, "--wait");
});

test("under dry run it denies nothing; identities come from the sidecars' own counters", async () => {
  const table = await mesh.tulle(
    ...["authz", "suggest", "catalog", "--apply", "--dry-run", "--wait"],
  );
  assert.match(table, /default\/catalog +tulle.local\/ns\/default\/sa\/client +- +- +\d+/);
  assert.match(table, /0 would have been denied\./);
  const policy = await mesh.tulle("get", "authorizationpolicy", POLICY, "-o", "json");
  assert.match(policy, /"dryRun": true/);
  assert.equal(await ask("/rare", "POST"), 200);
  await mesh.tulle("delete", "authorizationpolicy", POLICY, "--wait");
});

test("wrong input is told with what to do", async () => {
  const failing = async (...words: readonly string[]): Promise<string> => {
    const { code, output } = await mesh.home.start(["authz", "suggest", ...words]).ended;
    assert.notEqual(code, 0, output);
    return output;
  };
  assert.match(await failing("catalgo"), /no Service is called "catalgo"[\s\S]*did you mean/);
  assert.match(await failing("--level", "path"), /--level path needs --from-log/);
  assert.match(await failing("--since", "1h"), /--since is for --from-log/);
  assert.match(await failing("--from-log", "nowhere.log"), /nowhere.log cannot be read/);
});
