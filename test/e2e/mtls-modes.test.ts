/**
 * PeerAuthentication and pathNormalization as people get them: YAML, the command line, the control plane and real
 * sidecars; who is let in, what the app learns of its caller, and what is said of those who are not.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { CatalogMesh } from "./catalog-mesh.ts";

const APP = `
require("node:http").createServer((request, response) => {
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

interface Workload {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly address: string;
    readonly ports: readonly { readonly port: number; readonly inboundPort: number }[];
  };
}

let mesh: CatalogMesh;
let app: { readonly host: string; readonly port: number };
let appPort: number;

before(async () => {
  mesh = await CatalogMesh.start({ name: "modes", app: APP });
  const listed = JSON.parse(await mesh.tulle("get", "workloads", "-o", "json")) as {
    readonly items: readonly Workload[];
  };
  const found = listed.items.find(({ metadata }) => metadata.name.startsWith("catalog"));
  const [port] = found?.spec.ports ?? [];
  assert.ok(found && port, JSON.stringify(listed));
  app = { host: found.spec.address, port: port.inboundPort };
  appPort = port.port;
});

after(() => mesh?.remove());

const peers = (name: string, spec: object, namespace = "default"): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "PeerAuthentication",
  metadata: { name, namespace },
  spec,
});
const mode = (written: string): object => ({ mtls: { mode: written } });
const CATALOG = { selector: { matchLabels: { app: "catalog" } } };

interface Seen {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the app saw of a request by the mesh. */
async function byMesh(path = "/", headers = {}): Promise<Seen> {
  const { status, body } = await mesh.ask(path, { headers });
  assert.equal(status, 200, body);
  return JSON.parse(body) as Seen;
}

/** The first line of the answer to a request in plain text, "" where the connection ends without one. */
async function inPlainText(lines: readonly string[] = []): Promise<string> {
  const socket = connect(app);
  socket.write(
    ["GET / HTTP/1.1", "Host: catalog", "Connection: close", ...lines, "", ""].join("\r\n"),
  );
  return (await everything(socket)).split("\r\n")[0] ?? "";
}

async function everything(socket: Socket): Promise<string> {
  let got = "";
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    got += text;
  });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return got;
}

async function metrics(): Promise<string> {
  const socket = connect({ host: app.host, port: 15_000 });
  socket.write("GET /stats/prometheus HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return everything(socket);
}

async function count(name: string, ...labels: readonly string[]): Promise<number> {
  const lines = (await metrics()).split("\n").filter((line) => line.startsWith(`${name}{`));
  const wanted = lines.filter((line) => labels.every((label) => line.includes(label)));
  return wanted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

const OK = "HTTP/1.1 200 OK";
const CALLER =
  /^By=spiffe:\/\/[^;]+\/sa\/catalog;Hash=[0-9a-f]{64};Subject="[^"]*";URI=spiffe:\/\/[^;]+\/sa\/client$/;
const MADE_UP = { "x-forwarded-client-cert": "URI=spiffe://tulle.local/ns/default/sa/admin" };

test("without a policy mutual TLS is required, and the app learns who calls", async () => {
  const { headers } = await byMesh("/", MADE_UP);
  assert.match(headers["x-forwarded-client-cert"] ?? "", CALLER);
  assert.equal(await inPlainText(), "");
  const labels = [
    'arrived="plain text"',
    'mode="STRICT"',
    'policy="a new PeerAuthentication in namespace default"',
  ];
  assert.equal(
    await count("tulle_mtls_mismatches_total", ...labels, 'source_address="127.0.0.1"'),
    1,
  );
  const bare = connectTls({ ...app, rejectUnauthorized: false });
  assert.equal(await everything(bare), "");
  assert.equal(
    await count("tulle_mtls_mismatches_total", 'arrived="TLS without a certificate"'),
    1,
  );
});

test("the mesh says permissive: both come in, and who came in plain text is known", async () => {
  await mesh.apply(peers("mesh", mode("PERMISSIVE"), "tulle-system"));
  assert.match((await byMesh()).headers["x-forwarded-client-cert"] ?? "", CALLER);
  assert.equal(
    await inPlainText(["x-forwarded-client-cert: URI=spiffe://tulle.local/ns/default/sa/admin"]),
    OK,
  );
  const plain = await http2InPlainText();
  assert.equal(plain.headers["x-forwarded-client-cert"], undefined);
  const policy = 'policy="PeerAuthentication tulle-system/mesh"';
  assert.equal(
    await count("tulle_plaintext_connections_total", policy, 'source_address="127.0.0.1"'),
    2,
  );
  assert.equal(
    await count(
      "istio_requests_total",
      'connection_security_policy="none"',
      'reporter="destination"',
    ),
    2,
  );
  const check = await mesh.home.start(["check"]).ended;
  assert.match(check.output, /plain text/);
  assert.match(check.output, /127\.0\.0\.1/);
  assert.match(check.output, /PeerAuthentication tulle-system\/mesh/);
  const described = await mesh.tulle("describe", "service", "catalog");
  assert.match(described, /mtls\.\d+ +PERMISSIVE +PeerAuthentication tulle-system\/mesh/);
  assert.match(described, /plain text from 127\.0\.0\.1/);
  const explained = await mesh.tulle("explain", "http://catalog/");
  assert.match(explained, /Mutual TLS: +PERMISSIVE \(PeerAuthentication tulle-system\/mesh\)/);
});

test("the namespace goes before the mesh, the workload before the namespace, the port before the workload", async () => {
  await mesh.apply(peers("all", mode("STRICT")));
  assert.equal(await inPlainText(), "");
  await mesh.apply(peers("catalog", { ...CATALOG, ...mode("PERMISSIVE") }));
  assert.equal(await inPlainText(), OK);
  await mesh.apply(
    peers("catalog", {
      ...CATALOG,
      ...mode("PERMISSIVE"),
      portLevelMtls: { [String(appPort)]: { mode: "STRICT" } },
    }),
  );
  assert.equal(await inPlainText(), "");
  await mesh.apply(peers("catalog", { ...CATALOG, ...mode("UNSET") }));
  assert.equal(await inPlainText(), "");
  await mesh.apply(peers("all", {}));
  assert.equal(await inPlainText(), OK);
  await byMesh();
});

test("from permissive to strict and back under load nothing is lost", async () => {
  let isOver = false;
  let asked = 0;
  const load = async (): Promise<void> => {
    while (!isOver) {
      assert.match((await byMesh()).headers["x-forwarded-client-cert"] ?? "", CALLER);
      asked += 1;
    }
  };
  const running = Promise.all([load(), load(), load(), load()]);
  for (const written of ["STRICT", "PERMISSIVE", "STRICT", "PERMISSIVE"]) {
    await mesh.apply(peers("catalog", { ...CATALOG, ...mode(written) }));
    assert.equal(await inPlainText(), written === "STRICT" ? "" : OK);
  }
  isOver = true;
  await running;
  assert.ok(asked > 50, `${asked}`);
});

test("connections in plain text end when they are no longer let in", async () => {
  await mesh.apply(peers("catalog", { ...CATALOG, ...mode("PERMISSIVE") }));
  const kept = connect(app);
  kept.write("GET / HTTP/1.1\r\nHost: catalog\r\n\r\n");
  await once(kept, "data");
  const ended = once(kept, "close");
  await mesh.apply(peers("catalog", { ...CATALOG, ...mode("STRICT") }));
  await ended;
  await byMesh();
});

test("where mutual TLS is disabled callers come in plain text, and TLS is refused", async () => {
  await mesh.apply(peers("catalog", { ...CATALOG, ...mode("DISABLE") }));
  assert.equal((await byMesh("/", MADE_UP)).headers["x-forwarded-client-cert"], undefined);
  assert.equal(await inPlainText(), OK);
  const sidecar = connectTls({
    ...app,
    servername: "outbound_.80_._.catalog.default.svc.tulle.local",
    rejectUnauthorized: false,
  });
  assert.equal(await everything(sidecar), "");
  const labels = ['arrived="TLS"', 'mode="DISABLE"', 'policy="PeerAuthentication default/catalog"'];
  assert.equal(await count("tulle_mtls_mismatches_total", ...labels), 1);
  const check = await mesh.home.start(["check"]).ended;
  assert.match(check.output, /TLS.*DISABLE/);
});

test("a PeerAuthentication that makes no sense is refused with its field", async () => {
  const { code, output } = await mesh.tryApply(
    peers("wrong", { portLevelMtls: { "0": { mode: "strict" } } }),
  );
  assert.notEqual(code, 0);
  assert.match(output, /portLevelMtls/);
  assert.match(output, /selector/);
  assert.match(output, /STRICT/);
});

const meshConfig = (spec: object): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "MeshConfig",
  metadata: { name: "default" },
  spec,
});

test("nobody is believed in x-forwarded-for, unless MeshConfig says how many are", async () => {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "no-strangers" },
    spec: {
      action: "DENY",
      rules: [{ from: [{ source: { remoteIpBlocks: ["203.0.113.0/24"] } }] }],
    },
  });
  const from = async (forwarded: string): Promise<number> =>
    (await mesh.ask("/", { headers: { "x-forwarded-for": forwarded } })).status;
  assert.equal(await from("203.0.113.7"), 200);
  await mesh.apply(meshConfig({ numTrustedProxies: 1 }));
  assert.equal(await from("203.0.113.7"), 403);
  assert.equal(await from("203.0.113.7, 10.0.0.1"), 200);
  await mesh.apply(meshConfig({ numTrustedProxies: 2 }));
  assert.equal(await from("203.0.113.7, 10.0.0.1"), 403);
  await mesh.apply(meshConfig({}));
  assert.equal(await from("203.0.113.7"), 200);
  await mesh.tulle("delete", "authorizationpolicy", "no-strangers");
});

test("paths are made canonical as MeshConfig says", async () => {
  const config = (pathNormalization: object): object => meshConfig({ pathNormalization });
  const path = "/a//b%2f..%2fc/./%61?x=/../%2f";
  assert.equal((await byMesh(path)).url, "/a/c/a?x=/../%2f");
  await mesh.apply(config({ mode: "MergeSlashes" }));
  assert.equal((await byMesh(path)).url, "/a/b%2f..%2fc/a?x=/../%2f");
  await mesh.apply(config({ mode: "Base" }));
  assert.equal((await byMesh(path)).url, "/a//b%2f..%2fc/a?x=/../%2f");
  const described = await mesh.tulle("describe", "service", "catalog");
  assert.match(described, /pathNormalization\.mode +Base +MeshConfig default/);
  assert.match(described, /numTrustedProxies +0 +built-in default/);
  await mesh.apply(config({ mode: "None" }));
  assert.equal((await byMesh(path)).url, path);
  assert.equal((await mesh.ask("/a%00")).status, 400);
  await mesh.apply(config({ mode: "Base", rejectEscapedSlashes: true }));
  assert.equal((await mesh.ask(path)).status, 400);
});

/** HTTP/2 with prior knowledge, straight to the sidecar of the app. */
async function http2InPlainText(): Promise<Seen> {
  const session = connectHttp2(`http://${app.host}:${app.port}`);
  const stream = session.request({ ":path": "/", ":authority": "catalog", ...MADE_UP });
  let got = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    got += text;
  });
  await once(stream, "close");
  session.destroy();
  return JSON.parse(got) as Seen;
}
