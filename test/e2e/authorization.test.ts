/**
 * AuthorizationPolicies as people get them: YAML, the command line, the control plane and real sidecars, for HTTP/1.1,
 * HTTP/2, gRPC and TCP.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Answer, CatalogMesh, type ServiceAddress } from "./catalog-mesh.ts";

/** Answers HTTP with the path, and says everything else back. */
const APP = `
const net = require("node:net");
const answer = (request, response) => response.end(request.url);
const one = require("node:http").createServer(answer).listen(0, "127.0.0.1");
const crypto = require("node:crypto");
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
one.on("upgrade", (request, socket) => {
  const accept = crypto.createHash("sha1").update(request.headers["sec-websocket-key"] + MAGIC);
  const lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: Upgrade"];
  lines.push("sec-websocket-accept: " + accept.digest("base64"), "", "");
  socket.on("error", () => {}).write(lines.join("\\r\\n"));
  socket.pipe(socket);
});
const two = require("node:http2").createServer(answer).listen(0, "127.0.0.1");
net.createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", (bytes) => {
    const word = bytes.toString("latin1");
    if (!/^[A-Z]+ /.test(word)) {
      socket.write(bytes);
      socket.on("data", (more) => socket.write(more));
      return;
    }
    const server = word.startsWith("PRI ") ? two : one;
    const http = net.connect(server.address().port, "127.0.0.1").on("error", () => {});
    http.write(bytes);
    socket.pipe(http).pipe(socket);
  });
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = "tulle.local/ns/default/sa/client";

let mesh: CatalogMesh;
let catalog: ServiceAddress;
let ledger: ServiceAddress;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "authorization",
    app: APP,
    services: { catalog: {}, ledger: { port: "tcp=auto" } },
    resources: [{ ...config("Allow") }],
  });
  catalog = await mesh.addressOf("catalog");
  ledger = await mesh.addressOf("ledger");
});

after(() => mesh?.remove());

function config(defaultAction: "Allow" | "Deny") {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "MeshConfig",
    metadata: { name: "default" },
    spec: { authorization: { defaultAction } },
  };
}

function policy(name: string, spec: object): object {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name },
    spec: { selector: { matchLabels: { app: "catalog" } }, ...spec },
  };
}

const remove = (...names: readonly string[]): Promise<string> =>
  mesh.tulle("delete", "authorizationpolicy", ...names, "--wait");

async function askHttp2(path: string, headers: object = {}): Promise<Answer> {
  const session = connectHttp2(`http://${catalog.host}:${catalog.port}`);
  try {
    const stream = session.request({ ":path": path, ...headers });
    stream.end();
    const [response] = await once(stream, "response");
    let body = "";
    for await (const part of stream) body += String(part);
    return { status: response[":status"], headers: response, body };
  } finally {
    session.destroy();
  }
}

const READERS = {
  rules: [
    {
      from: [{ source: { principals: [CLIENT] } }],
      to: [{ operation: { methods: ["GET", "POST"], paths: ["/items", "/items/{*}"] } }],
    },
  ],
};

test("an ALLOW policy lets in what it says, and nothing else, of HTTP/1.1 and HTTP/2", async () => {
  await mesh.apply(policy("readers", READERS));
  for (const ask of [(path: string) => mesh.ask(path), askHttp2]) {
    assert.equal((await ask("/items/7")).body, "/items/7");
    const denied = await ask("/items/7/price");
    assert.equal(denied.status, 403);
    assert.equal(denied.headers["x-tulle-response-flags"], "UAEX");
    assert.equal(
      denied.headers["x-tulle-denied-by"],
      "no ALLOW policy matches; nearest is default/readers rule 0: path is /items/7/price, wanted exact /items or template /items/*",
    );
    assert.match(denied.body, /nearest is default\/readers rule 0/);
    // What is judged is the path that the app would get.
    assert.equal((await ask("/items/7/../../admin")).status, 403);
    assert.equal((await ask("/other%2f..%2fitems/8")).body, "/items/8");
  }
});

test("authz check and explain answer as the sidecar does, without a request", async () => {
  const check = (...words: readonly string[]) =>
    mesh.home.start(["authz", "check", "client", "catalog", ...words]).ended;
  const allowed = await check("GET", "/items/7");
  assert.equal(allowed.code, 0, allowed.output);
  assert.match(
    allowed.output,
    /allowed by default\/catalog-\S+: default\/readers rule 0 allows it/,
  );
  const denied = await check("DELETE", "/items/7");
  assert.equal(denied.code, 1, denied.output);
  assert.match(denied.output, /nearest is default\/readers rule 0: method is DELETE/);
  assert.match(await mesh.tulle("get", "ap"), /readers +ALLOW +1 +app=catalog +True/);
  const described = await mesh.tulle("describe", "service", "catalog");
  assert.match(described, /authorization.ALLOW +1 rule +AuthorizationPolicy default\/readers/);
  const explained = await mesh.tulle("explain", "http://catalog/admin", "--from", "client");
  assert.match(explained, /Authorization\n.*\n.*catalog-\S+ +no +no ALLOW policy matches/);
});

test("authz check judges policies that are only in files", async () => {
  const file = join(import.meta.dirname, "..", "..", "examples", "authorization.yaml");
  const orders = "spiffe://tulle.local/ns/default/sa/orders";
  const check = (method: string) =>
    mesh.home.start(["authz", "check", orders, "catalog", method, "/items/7", "-f", file]).ended;
  const allowed = await check("PUT");
  assert.equal(allowed.code, 0, allowed.output);
  assert.match(allowed.output, /allowed by default\/catalog: default\/catalog rule 2 allows it/);
  assert.equal((await check("DELETE")).code, 1);
});

test("a client of gRPC gets PERMISSION_DENIED", async () => {
  const headers = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
  const { status, headers: head } = await askHttp2("/shop.Catalog/List", headers);
  assert.equal(status, 200);
  assert.equal(head["grpc-status"], "7");
});

test("DENY goes before ALLOW, and each value of a header counts", async () => {
  await mesh.apply(
    policy("no-guests", {
      action: "DENY",
      rules: [{ when: [{ key: "request.headers[x-role]", values: ["guest"] }] }],
    }),
  );
  assert.equal((await mesh.ask("/items")).status, 200);
  const denied = await mesh.ask("/items", { headers: { "x-role": ["staff", "guest"] } });
  assert.equal(denied.status, 403);
  assert.equal(denied.headers["x-tulle-cause"], "AuthorizationPolicy/default/no-guests/rule/0");
  assert.equal(
    denied.headers["x-tulle-denied-by"],
    "default/no-guests rule 0 denies it: header x-role is staff,guest (exact guest)",
  );
  await remove("no-guests");
});

/** Of a service's only instance. */
async function metricsOf(service: string): Promise<string> {
  const { proxies } = JSON.parse(await mesh.tulle("status", "-o", "json"));
  const proxy = proxies.find((one: { readonly service: string }) => one.service === service);
  const answer = await fetch(`http://${proxy.adminAddress}/metrics`);
  return answer.text();
}

test("a dry run denies nothing, and counts what it would have denied, and of whom", async () => {
  const tried = {
    action: "DENY",
    dryRun: true,
    rules: [{ to: [{ operation: { paths: ["/items"] } }] }],
  };
  await mesh.apply(policy("tried", tried));
  assert.equal((await mesh.ask("/items")).status, 200);
  const counted = (await metricsOf("catalog"))
    .split("\n")
    .filter((line) => /^tulle_policy_decisions_total.*mode="shadow".*result="denied"/.test(line));
  assert.deepEqual(counted, [
    'tulle_policy_decisions_total{policy="default/tried",rule="0",action="DENY",mode="shadow",result="denied",condition="",source_principal="spiffe://tulle.local/ns/default/sa/client"} 1',
  ]);
  await remove("tried");
});

test("roles and bindings expand into rules", async () => {
  await mesh.apply(
    policy("readers", {
      roles: [{ name: "reader", operations: [{ methods: ["GET"], paths: ["/items*"] }] }],
      bindings: [{ role: "reader", subjects: [{ serviceAccounts: ["client"] }] }],
    }),
  );
  assert.equal((await mesh.ask("/items/7/price")).status, 200);
  assert.equal((await mesh.ask("/items", { method: "PUT" })).status, 403);
  const described = await mesh.tulle("describe", "authorizationpolicy", "readers");
  assert.match(described, /Rules of the bindings\n {2}- rule: 0\n {4}from:/);
  await remove("readers");
});

test("with deny by default nothing is let in that no policy allows", async () => {
  assert.equal((await mesh.ask("/anything")).status, 200);
  await mesh.apply(config("Deny"));
  const denied = await mesh.ask("/anything");
  assert.equal(denied.status, 403);
  assert.match(denied.body, /mesh-default-deny rule 0: it is made to match nothing/);
  await mesh.apply(policy("everything", { rules: [{}] }));
  assert.equal((await mesh.ask("/anything")).status, 200);
  await remove("everything");
  await mesh.apply(config("Allow"));
});

/** However it comes about. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

async function talk(socket: Socket, word: string): Promise<string> {
  socket.write(word);
  const [bytes] = await once(socket, "data");
  return String(bytes);
}

test("a live TCP connection is closed when policy no longer allows it, and new ones are refused", async () => {
  const live = connect(ledger);
  assert.equal(await talk(live, "one"), "one");
  // HTTP fields never match in ALLOW on TCP: nobody is let in by this one.
  const closed = closeOf(live);
  live.on("error", () => {});
  await mesh.apply(
    policy("ledger", {
      selector: { matchLabels: { app: "ledger" } },
      rules: [{ to: [{ operation: { methods: ["GET"] } }] }],
    }),
  );
  await closed;
  const refused = connect(ledger);
  refused.on("error", () => {});
  refused.write("two");
  await closeOf(refused);
  await mesh.apply(
    policy("ledger", {
      selector: { matchLabels: { app: "ledger" } },
      rules: [{ from: [{ source: { principals: [CLIENT] } }] }],
    }),
  );
  const again = connect(ledger);
  assert.equal(await talk(again, "three"), "three");
  again.destroy();
  await remove("ledger");
});

test("a WebSocket ends when policy no longer allows it, and another one stays", async () => {
  const open = async (path: string): Promise<Socket> => {
    const socket = connect(catalog);
    socket.on("error", () => {});
    const lines = [`GET ${path} HTTP/1.1`, "host: catalog", "connection: Upgrade"];
    lines.push("upgrade: websocket", "sec-websocket-version: 13");
    lines.push("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "", "");
    assert.match(await talk(socket, lines.join("\r\n")), /^HTTP\/1.1 101/);
    return socket;
  };
  const [ended, stays] = [await open("/ended"), await open("/stays")];
  assert.equal(await talk(ended, "one"), "one");
  const closed = closeOf(ended);
  await mesh.apply(
    policy("no-sockets", {
      action: "DENY",
      rules: [{ to: [{ operation: { paths: ["/ended"] } }] }],
    }),
  );
  await closed;
  assert.equal(await talk(stays, "two"), "two");
  stays.destroy();
  await remove("no-sockets");
});

test("what is wrong in an AuthorizationPolicy is told by field", async () => {
  const { code, output } = await mesh.tryApply(
    policy("wrong", {
      targetRefs: [{ name: "catalog" }],
      action: "CUSTOM",
      rules: [
        {
          from: [{ source: {} }, { source: { ipBlocks: ["10.0.0.0/33"] } }],
          to: [{ operation: { paths: ["items", "/a/{**}/{*}"], ports: ["99999"] } }],
          when: [
            { key: "request.size", values: ["1"] },
            { key: "source.ip", values: ["here"] },
          ],
        },
      ],
      bindings: [{ role: "reader", subjects: [{ principals: ["a"] }] }],
    }),
  );
  assert.notEqual(code, 0);
  for (const path of [
    "spec.targetRefs",
    "spec.provider",
    "spec.rules[0].from[0].source",
    "spec.rules[0].from[1].source.ipBlocks[0]",
    "spec.rules[0].to[0].operation.paths[0]",
    "spec.rules[0].to[0].operation.paths[1]",
    "spec.rules[0].to[0].operation.ports[0]",
    "spec.rules[0].when[0].key",
    "spec.rules[0].when[1].values[0]",
    "spec.bindings[0].role",
  ]) {
    assert.ok(output.includes(path), `${path} is not in ${output}`);
  }
});
