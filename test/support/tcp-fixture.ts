/** Listeners for TCP in the few words that a test needs, and servers and clients that speak in bytes. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { type ClusterSpec, clusterJson, listenerJson } from "./proxy-bootstrap.ts";

const TYPE = "type.googleapis.com/envoy.extensions";

export function tcpFilter(cluster: string, more: JsonObject = {}): JsonObject {
  return {
    name: "tcp",
    typed_config: {
      "@type": `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: "tcp",
      ...("weighted_clusters" in more ? {} : { cluster }),
      ...more,
    },
  };
}

/** An HttpConnectionManager that sends everything to one cluster. */
export function httpFilter(cluster: string, manager: JsonObject = {}): JsonObject {
  const { filter_chains } = listenerJson({ routes: cluster, manager });
  const [chain] = filter_chains as JsonObject[];
  const [filter] = (chain?.["filters"] ?? []) as JsonObject[];
  return filter ?? {};
}

export function listenerFilter(
  type: "tls_inspector" | "http_inspector" | "proxy_protocol",
  more: JsonObject = {},
): JsonObject {
  const name = { tls_inspector: "Tls", http_inspector: "Http", proxy_protocol: "Proxy" }[type];
  const message = type === "proxy_protocol" ? "ProxyProtocol" : `${name}Inspector`;
  const typed_config = { "@type": `${TYPE}.filters.listener.${type}.v3.${message}`, ...more };
  return { name: type, typed_config };
}

export function downstreamTls(tls: JsonObject): JsonObject {
  const type = `${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext`;
  return { name: "tls", typed_config: { "@type": type, ...tls } };
}

/** A bootstrap file with one listener, called main. */
export function tcpBootstrap(listener: JsonObject, clusters: readonly ClusterSpec[]): JsonObject {
  const address = { socket_address: { address: "127.0.0.1", port_value: 0 } };
  return {
    node: { id: "test", cluster: "test" },
    static_resources: {
      listeners: [{ name: "main", address, traffic_direction: "OUTBOUND", ...listener }],
      clusters: clusters.map(clusterJson),
    },
  };
}

/** Every connection to one cluster. */
export function opaque(cluster: string, more: JsonObject = {}): JsonObject {
  return { filter_chains: [{ filters: [tcpFilter(cluster, more)] }] };
}

/** A server on raw sockets. `serve` gets each connection. Ends with the test. */
export async function tcpServer(
  context: TestContext,
  serve: (socket: Socket) => void,
): Promise<{
  readonly port: number;
  readonly sockets: readonly Socket[];
  readonly server: Server;
}> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, sockets, server };
}

export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** A server that says this first, then echoes. */
export function greeting(text: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(text);
    socket.pipe(socket);
  };
}

/** A connected client, half-open where it wants. */
export async function tcpClient(context: TestContext, port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  context.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** Everything up to the peer's end. The socket may still be written to. */
export function readAll(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    socket.once("end", () => resolve(Buffer.concat(parts).toString("latin1")));
    socket.once("error", reject);
  });
}
