/**
 * Protocols through two real sidecars, as people get them with `tulle up`: HTTP, gRPC, WebSocket, a server that speaks first
 * on a port that nobody declared, opaque TCP by name, and TLS of the client's own, routed by server name.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { systemClock } from "../../src/core/clock.ts";
import { createTestAuthority, issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import { TulleHome } from "./tulle-process.ts";

const SERVICES = {
  web: { command: ["node", "app.js", "web"], port: "auto" },
  either: { command: ["node", "app.js", "either"], port: "plugin=auto" },
  greeter: { command: ["node", "app.js", "greeter"], port: "greeting=auto" },
  "redis-old": { command: ["node", "app.js", "echo", "old:"], port: "redis=auto" },
  "redis-new": { command: ["node", "app.js", "echo", "new:"], port: "redis=auto" },
  vault: { command: ["node", "app.js", "tls"], port: "tls=auto" },
  calls: { command: ["node", "app.js", "grpc"], port: "grpc=auto", replicas: 2 },
} as const;

/** One file for all apps. */
const APP = `
const { PORT, KEY, CERTIFICATE } = process.env;
const [mode, prefix = ""] = process.argv.slice(2);
const crypto = require("node:crypto"), net = require("node:net"), http = require("node:http"), tls = require("node:tls");
const web = http.createServer((request, response) => response.end(request.httpVersion + " " + request.url));
web.on("upgrade", (request, socket, head) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = crypto.createHash("sha1").update(key).digest("base64");
  socket.on("error", () => {});
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: websocket\\r\\n");
  socket.write("sec-websocket-accept: " + accept + "\\r\\n\\r\\n");
  socket.write(head);
  socket.pipe(socket);
});
const echo = (socket) => { socket.on("error", () => {}); socket.write(prefix); socket.pipe(socket); };
const greet = (socket) => { socket.on("error", () => {}); socket.write("220 ready\\r\\n"); socket.pipe(socket); };
const detect = (socket) => socket.once("data", (first) => {
  if (/HTTP/.test(first)) { web.emit("connection", socket); socket.unshift(first); }
  else { socket.write("raw " + first); socket.pipe(socket); }
});
// Protobuf is nobody's business here: messages are bytes.
const method = (path, responseStream) => ({
  path, requestStream: responseStream, responseStream,
  requestSerialize: (x) => x, requestDeserialize: (x) => x, responseSerialize: (x) => x, responseDeserialize: (x) => x,
});
const serveGrpc = () => {
  const grpc = require(process.env.GRPC);
  const server = new grpc.Server();
  const name = Buffer.from(process.env.TULLE_INSTANCE);
  server.addService({ Who: method("/test.Calls/Who", false), Chat: method("/test.Calls/Chat", true) }, {
    Who: (call, reply) => call.metadata.get("x-fail").length > 0 ? reply({ code: 9, details: "asked to" }) : reply(null, name),
    Chat: (stream) => stream.on("data", (bytes) => stream.write(bytes)).on("end", () => stream.end()),
  });
  server.bindAsync("127.0.0.1:" + PORT, grpc.ServerCredentials.createInsecure(), () => {});
  return { listen() {} };
};
const secure = { key: KEY?.replaceAll("|", "\\n"), cert: CERTIFICATE?.replaceAll("|", "\\n") };
const servers = {
  web: () => web,
  greeter: () => net.createServer(greet),
  echo: () => net.createServer(echo),
  grpc: serveGrpc,
  either: () => net.createServer(detect),
  tls: () => tls.createServer(secure, (socket) => socket.on("error", () => {}).end("inside")),
};
servers[mode]().listen(PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = `
for (const [name, value] of Object.entries(process.env)) {
  const service = /^(.*)_SERVICE_HOST$/.exec(name)?.[1];
  if (service) console.log("address " + service + " " + value + " " + process.env[service + "_SERVICE_PORT"]);
}
console.log("addresses end");
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;

const NOTHING = Buffer.alloc(0);
/** The chance that so many calls reach the same of two instances is nil. */
const CALLS_MAX = 200;

const parentRef = (name: string) => ({ group: "", kind: "Service", name });

/** TCP connections to redis-old go to redis-new; TLS to vault only under one name. */
const ROUTES = [
  {
    apiVersion: "gateway.networking.k8s.io/v1alpha2",
    kind: "TCPRoute",
    metadata: { name: "redis" },
    spec: {
      parentRefs: [parentRef("redis-old")],
      rules: [{ backendRefs: [{ name: "redis-new", port: 80 }] }],
    },
  },
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "TLSRoute",
    metadata: { name: "vault" },
    spec: {
      parentRefs: [parentRef("vault")],
      hostnames: ["*.vault.example"],
      rules: [{ backendRefs: [{ name: "vault", port: 80 }] }],
    },
  },
];

let home: TulleHome;
const addresses = new Map<string, { readonly host: string; readonly port: number }>();

before(async () => {
  home = await TulleHome.create();
  const { authority } = createTestAuthority("vault.example", systemClock);
  const own = issueTestSvid(authority, "spiffe://vault.example/ns/a/sa/a");
  const line = (pem: string): string => pem.replaceAll("\n", "|");
  const env = { KEY: line(own.privateKeyPem), CERTIFICATE: line(own.certificateChainPem) };
  const services = {
    ...SERVICES,
    vault: { ...SERVICES.vault, env },
    calls: { ...SERVICES.calls, env: { GRPC: import.meta.resolve("@grpc/grpc-js").slice(7) } },
    client: { command: ["node", "client.js"], dependsOn: Object.keys(SERVICES) },
  };
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify({ mesh: "protocols", services }));
  await writeFile(join(home.path, "app.js"), APP);
  await writeFile(join(home.path, "client.js"), CLIENT);
  const up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  await up.waitFor(/addresses end/);
  for (const [, name = "", host = "", port] of up.output.matchAll(/address (\S+) (\S+) (\d+)/g)) {
    addresses.set(name, { host, port: Number(port) });
  }
});

after(() => home?.remove());

function addressOf(service: string): { readonly host: string; readonly port: number } {
  const address = addresses.get(service);
  assert.ok(address !== undefined, `${service} of ${[...addresses.keys()].join(", ")}`);
  return address;
}

/** Reads until `length` bytes are there or the peer ends. */
async function read(socket: Socket, length: number): Promise<string> {
  let text = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.length >= length) break;
  }
  return text;
}

test("HTTP by the name, and HTTP that its first bytes tell", async () => {
  for (const service of ["WEB", "EITHER"]) {
    const { host, port } = addressOf(service);
    const answer = await fetch(`http://${host}:${port}/a?b=c`);
    assert.equal(await answer.text(), "1.1 /a?b=c", service);
  }
});

test("WebSocket", async () => {
  // The example of RFC 6455 section 1.3.
  const headers = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const opening = request({ ...addressOf("WEB"), headers });
  opening.end();
  const [response, socket] = await once(opening, "upgrade");
  assert.equal(response.statusCode, 101);
  assert.equal(response.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  socket.write("frames");
  assert.equal(await read(socket, 6), "frames");
  socket.end();
  await once(socket, "close");
});

test("gRPC: calls of one connection are balanced one by one; streams and status come through", async () => {
  const { host, port } = addressOf("CALLS");
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  const same = (bytes: Buffer): Buffer => bytes;
  const who = (metadata = new Metadata()): Promise<string> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest("/test.Calls/Who", same, same, NOTHING, metadata, (error, answer) => {
        if (error === null) resolve(String(answer));
        else reject(error);
      });
    });
  const names = new Set<string>();
  for (let call = 0; call < CALLS_MAX && names.size < 2; call++) names.add(await who());
  assert.equal(names.size, 2, [...names].join());
  const failing = new Metadata();
  failing.set("x-fail", "yes");
  await assert.rejects(who(failing), { code: status.FAILED_PRECONDITION, details: "asked to" });
  const chat = client.makeBidiStreamRequest("/test.Calls/Chat", same, same);
  for (const word of ["one", "two"]) {
    chat.write(Buffer.from(word));
    const [echoed] = await once(chat, "data");
    assert.equal(String(echoed), word);
  }
  chat.end();
  await once(chat, "end");
  client.close();
});

test("gRPC-Web, as a browser calls, on a port that is declared gRPC", async () => {
  const { host, port } = addressOf("CALLS");
  const answer = await fetch(`http://${host}:${port}/test.Calls/Who`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
    // One message without a byte.
    body: Buffer.alloc(5),
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/grpc-web+proto");
  const body = Buffer.from(await answer.arrayBuffer());
  const length = body.readUInt32BE(1);
  assert.match(body.toString("latin1", 5, 5 + length), /^calls-/);
  // The trailers are the last frame.
  assert.equal(body[5 + length], 0x80);
  assert.match(body.toString("latin1", 5 + length + 5), /^grpc-status:\s*0\r\n/m);
});

test("on one port, what is not HTTP is passed through", async () => {
  const socket = connect(addressOf("EITHER"));
  socket.write("\0binary");
  assert.equal(await read(socket, 11), "raw \0binary");
  socket.destroy();
});

test("a server that speaks first, on a port that nobody declared", async () => {
  const socket = connect(addressOf("GREETER"));
  assert.equal(await read(socket, 11), "220 ready\r\n");
  socket.write("EHLO");
  assert.equal(await read(socket, 4), "EHLO");
  socket.destroy();
});

test("opaque TCP by the port's name, then by a TCPRoute; TLS by server name", async () => {
  const ask = async (): Promise<string> => {
    const socket = connect(addressOf("REDIS_OLD"));
    socket.write("PING");
    const answer = await read(socket, "old:PING".length);
    socket.destroy();
    return answer;
  };
  assert.equal(await ask(), "old:PING");
  const file = join(home.path, "routes.yaml");
  await writeFile(file, ROUTES.map((route) => JSON.stringify(route)).join("\n---\n"));
  const applied = await home.start(["apply", "--wait", "-f", file]).ended;
  assert.equal(applied.code, 0, applied.output);
  assert.equal(await ask(), "new:PING");
  const inside = connectTls({
    ...addressOf("VAULT"),
    servername: "a.vault.example",
    rejectUnauthorized: false,
  });
  assert.equal(await read(inside, 6), "inside");
  const refused = connectTls({
    ...addressOf("VAULT"),
    servername: "vault.example",
    rejectUnauthorized: false,
  });
  await assert.rejects(once(refused, "secureConnect"));
});

test("what each port speaks, and who says so, is told by the proxy and by the control plane", async () => {
  const service = await home.start(["describe", "service", "greeter"]).ended;
  assert.match(service.output, /detected \(first bytes of each connection/);
  const split = await home.start(["split", "redis-old"]).ended;
  assert.match(split.output, /TCPRoute default\/redis/);
  const status = await home.start(["status"]).ended;
  const client = /^client-\S+/m.exec(status.output)?.[0] ?? "";
  const listeners = await home.start(["proxy", "config", client, "listeners"]).ended;
  assert.match(listeners.output, /detected/, listeners.output);
});
