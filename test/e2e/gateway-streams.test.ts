/**
 * What a gateway does with connections that carry no HTTP of its own: TCP by TCPRoutes, TLS by the server names of TLSRoutes,
 * passed through or ended, beside HTTPS at the same port.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { freePort } from "../support/free-port.ts";
import { askGateway } from "../support/gateway-client.ts";
import { type ServerCertificate, writeServerCertificate } from "../support/server-certificate.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

/** Says its name to whoever connects and gives back what comes; over TLS of its own where it has a certificate. */
const APP = `
const { APP, PORT, CERTIFICATE, KEY } = process.env;
const { readFileSync } = require("node:fs");
const serve = (socket) => { socket.on("error", () => {}); socket.write(APP + " "); socket.pipe(socket); };
if (APP === "catalog") require("node:http").createServer((_, response) => response.end(APP)).listen(PORT, "127.0.0.1");
else if (CERTIFICATE) require("node:tls").createServer({ cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) }, serve).listen(PORT, "127.0.0.1");
else require("node:net").createServer(serve).listen(PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const GATEWAY_API = "gateway.networking.k8s.io";
const folder = mkdtempSync(join(tmpdir(), "tulle-streams-"));

let mesh: CatalogMesh;
let tcp: number;
let tls: number;
let shop: ServerCertificate;
let vault: ServerCertificate;

const object = (version: string, kind: string, name: string, spec: object): object => ({
  apiVersion: `${GATEWAY_API}/${version}`,
  kind,
  metadata: { name },
  spec,
});

function gatewayObject(): object {
  const options = {
    "mesh.tulle.dev/certificate-file": shop.certificateFile,
    "mesh.tulle.dev/key-file": shop.keyFile,
  };
  return object("v1", "Gateway", "edge", {
    listeners: [
      { name: "tcp", port: tcp, protocol: "TCP" },
      { name: "https", port: tls, protocol: "HTTPS", hostname: "shop.example", tls: { options } },
      { name: "through", port: tls, protocol: "TLS", tls: { mode: "Passthrough" } },
      {
        ...{ name: "ended", port: tls, protocol: "TLS", hostname: "*.ended.example" },
        tls: { options },
      },
    ],
  });
}

const route = (kind: "TCPRoute" | "TLSRoute", name: string, section: string, more: object) =>
  object(kind === "TCPRoute" ? "v1alpha2" : "v1", kind, name, {
    parentRefs: [{ name: "edge", sectionName: section }],
    ...more,
  });

const to = (name: string) => ({ rules: [{ backendRefs: [{ name, port: 80 }] }] });

before(async () => {
  [tcp, tls] = [await freePort(), await freePort()];
  shop = writeServerCertificate(folder, "shop", ["shop.example", "*.ended.example"]);
  vault = writeServerCertificate(folder, "vault", ["vault.example"]);
  const own = { CERTIFICATE: vault.certificateFile, KEY: vault.keyFile };
  mesh = await CatalogMesh.start({
    name: "streams",
    app: APP,
    services: {
      catalog: { env: { APP: "catalog" } },
      ledger: { env: { APP: "ledger" }, port: "tcp=auto" },
      vault: { env: { APP: "vault", ...own }, port: "tls=auto" },
    },
    gateways: { edge: { workers: 1 } },
  });
  await mesh.apply(
    gatewayObject(),
    object("v1", "HTTPRoute", "shop", { parentRefs: [{ name: "edge" }], ...to("catalog") }),
    route("TLSRoute", "vault", "through", {
      hostnames: ["vault.example", "shop.example"],
      ...to("vault"),
    }),
    route("TLSRoute", "ended", "ended", { hostnames: ["a.ended.example"], ...to("ledger") }),
    route("TCPRoute", "ledger", "tcp", to("ledger")),
  );
});

after(async () => {
  await mesh?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** What comes back of a word, or "" when the connection is closed before. */
async function said(socket: Socket, wanted: string): Promise<string> {
  let heard = "";
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    heard += String(bytes);
  });
  socket.write("hello");
  const closed = once(socket, "close").catch(() => {});
  while (heard.length < wanted.length && !socket.closed) {
    await Promise.race([once(socket, "data").catch(() => {}), closed]);
  }
  socket.destroy();
  return heard;
}

const overTcp = () => said(connect(tcp, "127.0.0.1"), "ledger hello");

function overTls(servername: string, ca: string, wanted: string) {
  return said(connectTls({ port: tls, host: "127.0.0.1", servername, ca }), wanted);
}

test("TCP goes where a TCPRoute says", async () => {
  assert.equal(await overTcp(), "ledger hello");
});

test("TLS is passed through by its server name: the app shows its own certificate", async () => {
  assert.equal(await overTls("vault.example", vault.pem, "vault hello"), "vault hello");
  assert.equal(await overTls("nobody.example", vault.pem, "vault hello"), "");
});

test("TLS is ended where the listener says so", async () => {
  assert.equal(await overTls("a.ended.example", shop.pem, "ledger hello"), "ledger hello");
  assert.equal(await overTls("b.ended.example", shop.pem, "ledger hello"), "");
});

test("HTTPS has the same port, and its host, whatever a TLSRoute names", async () => {
  const answer = await askGateway(tls, "shop.example", "/", { ca: [shop.pem] });
  assert.deepEqual([answer.status, answer.body], [200, "catalog"]);
});

test("policies for the gateway judge connections, too", async () => {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "edge" },
    spec: {
      selector: { matchLabels: { "gateway.networking.k8s.io/gateway-name": "edge" } },
      action: "DENY",
      rules: [{ to: [{ operation: { ports: [String(tcp)] } }] }],
    },
  });
  assert.equal(await overTcp(), "");
  assert.equal(await overTls("vault.example", vault.pem, "vault hello"), "vault hello");
  await mesh.tulle("delete", "authorizationpolicy", "edge", "--wait");
});

test("statuses say what is attached, and of which kind", async () => {
  await mesh.tryApply(
    object("v1", "HTTPRoute", "lost", {
      parentRefs: [{ name: "edge", sectionName: "tcp" }],
      ...to("catalog"),
    }),
  );
  const get = async (kind: string, name: string) =>
    JSON.parse(await mesh.tulle("get", kind, name, "-o", "json")).status;
  interface Listener {
    readonly name: string;
    readonly attachedRoutes: number;
    readonly supportedKinds: readonly { readonly kind: string }[];
  }
  const { listeners } = await get("gateway", "edge");
  assert.deepEqual(
    listeners.map(({ name, attachedRoutes, supportedKinds }: Listener) => [
      name,
      attachedRoutes,
      supportedKinds.map(({ kind }) => kind).join(),
    ]),
    [
      ["tcp", 1, "TCPRoute"],
      ["https", 1, "HTTPRoute,GRPCRoute"],
      ["through", 1, "TLSRoute"],
      ["ended", 1, "TLSRoute"],
    ],
  );
  const parent = (status: { parents?: { conditions: { type: string; reason: string }[] }[] }) =>
    status.parents?.[0]?.conditions.find(({ type }) => type === "Accepted")?.reason;
  for (let tries = 0; ; tries++) {
    const reason = parent((await get("httproute", "lost")) ?? {});
    if (reason === "NotAllowedByListeners") break;
    assert.ok(tries < 50, String(reason));
  }
  assert.equal(parent(await get("tlsroute", "vault")), "Accepted");
});

test("without a route connections are closed", async () => {
  await mesh.tulle("delete", "tcproute", "ledger", "--wait");
  assert.equal(await overTcp(), "");
});

test("wrong fields are refused by name", async () => {
  const refusal = async (listener: object) => {
    const wrong = await mesh.tryApply(
      object("v1", "Gateway", "wrong", { listeners: [{ name: "a", port: 443, ...listener }] }),
    );
    assert.notEqual(wrong.code, 0);
    return wrong.output;
  };
  const through = { tls: { mode: "Passthrough" } };
  assert.match(await refusal({ protocol: "TCP", hostname: "a.example" }), /hostname.*TCP/);
  assert.match(await refusal({ protocol: "TCP", ...through }), /tls.*must not be set for TCP/);
  assert.match(await refusal({ protocol: "HTTPS", ...through }), /tls\.mode.*Terminate for HTTPS/);
  assert.match(await refusal({ protocol: "TLS" }), /tls.*is missing; TLS needs it/);
  assert.match(await refusal({ protocol: "TLS", tls: {} }), /certificate-file.*is missing/);
  assert.match(await refusal({ protocol: "UDP" }), /protocol/);
});
