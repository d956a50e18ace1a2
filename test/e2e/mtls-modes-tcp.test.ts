/** PeerAuthentication on a port of opaque TCP whose server speaks first: callers of the mesh, in plain text, with TLS of their own. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { CatalogMesh, type ServiceAddress } from "./catalog-mesh.ts";

/** Greets, then tells how what it gets begins. */
const APP = `
require("node:net").createServer((socket) => {
  socket.on("error", () => {});
  socket.write("hello;");
  socket.once("data", (bytes) => socket.end(bytes[0] === 22 ? "TLS" : String(bytes)));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;
let catalog: ServiceAddress;
let inbound: ServiceAddress;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "tcp-modes",
    app: APP,
    services: { catalog: { port: "db=auto/tcp" } },
  });
  catalog = await mesh.addressOf("catalog");
  const { items } = JSON.parse(await mesh.tulle("get", "workloads", "-o", "json"));
  const { spec } = items.find(({ metadata }: { metadata: { name: string } }) =>
    metadata.name.startsWith("catalog"),
  );
  inbound = { host: spec.address, port: spec.ports[0].inboundPort };
});

after(() => mesh?.remove());

const say = (mode: string): Promise<void> =>
  mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "PeerAuthentication",
    metadata: { name: "catalog" },
    spec: { selector: { matchLabels: { app: "catalog" } }, mtls: { mode } },
  });

/** Waits for the greeting before it says anything. */
async function talk(address: ServiceAddress): Promise<string> {
  const socket = connect(address);
  const told = everything(socket);
  socket.once("data", () => socket.write("me"));
  return told;
}

async function everything(socket: Socket): Promise<string> {
  let got = "";
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    got += text;
  });
  socket.on("error", () => {});
  await once(socket, "close");
  return got;
}

/** As a client of TLS begins. */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ port, host: "127.0.0.1" });
  client.on("error", () => {});
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  client.destroy();
  server.close();
  return bytes;
}

test("callers of the mesh are served whatever the mode", async () => {
  for (const mode of ["STRICT", "PERMISSIVE", "DISABLE", "PERMISSIVE", "STRICT"]) {
    await say(mode);
    assert.equal(await talk(catalog), "hello;me", mode);
  }
});

test("plain text is served where it may come, also of clients that wait for the server", async () => {
  await say("STRICT");
  const refused = connect(inbound);
  refused.write("a client that is not expected here");
  assert.equal(await everything(refused), "");
  for (const mode of ["PERMISSIVE", "DISABLE"]) {
    await say(mode);
    assert.equal(await talk(inbound), "hello;me", mode);
  }
});

test("TLS of a client's own is the app's business where plain text may come", async () => {
  const hello = await clientHello();
  for (const mode of ["PERMISSIVE", "DISABLE"]) {
    await say(mode);
    const socket = connect(inbound);
    socket.write(hello);
    assert.equal(await everything(socket), "hello;TLS", mode);
  }
});
