/** Sends the cases of TCP through both proxies: what came back, who got what, and how the connection ended. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { keyPair, rootOf } from "../support/proxy-identities.ts";
import type { TcpCase } from "./corpus/tcp.ts";
import type { Observation } from "./observation.ts";
import { type ForBoth, forBoth, listenerPorts, PROXIES, startPair } from "./proxy-pair.ts";
import { HASHED_NAMES, TCP_LISTENER_COUNT, tcpOracleBootstrap } from "./tcp-bootstrap.ts";

/** Nothing ever listens there. */
const DEAD_PORT = 1;
/** A connection that has done nothing for so long stays open. */
const OPEN_MS = 300;

const SHOWN_MAX = 200;
/** The type of the first frame of HTTP/2. */
const SETTINGS = "\x04";

type Serve = (socket: Socket, note: (text: string) => void) => void;

const echo: Serve = (socket, note) => {
  let count = 0;
  socket.on("data", (bytes: Buffer) => {
    count += bytes.length;
    socket.write(bytes);
  });
  socket.on("end", () => {
    note(`${count} bytes`);
    socket.end();
  });
};

const SERVERS: Readonly<Record<string, Serve>> = {
  opaque: echo,
  greeting: (socket) => socket.end("220 ready\r\n"),
  closing: (socket) => socket.once("data", () => socket.end("bye")),
  resetting: (socket) => socket.once("data", () => socket.resetAndDestroy()),
  web: (socket) =>
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")),
};

class Upstreams {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  /** Who was connected to by the case under way, and what it had of it. */
  notes: string[] = [];

  async open(name: string, serve: Serve): Promise<number> {
    return await this.#listen(
      createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket, name, serve)),
    );
  }

  /** One that says its name within TLS. */
  async openTls(name: string): Promise<number> {
    const { cert, key } = keyPair(rootOf(), ["spiffe://oracle/upstream"]);
    const server = createTlsServer({ cert, key }, (socket) => {
      this.notes.push(name);
      socket.on("error", () => {});
      socket.end(name);
    });
    server.on("connection", (socket: Socket) => this.#keep(socket));
    server.on("tlsClientError", () => {});
    return await this.#listen(server);
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
  }

  #serve(socket: Socket, name: string, serve: Serve): void {
    this.#keep(socket);
    this.notes.push(name);
    const { notes } = this;
    serve(socket, (text) => notes.push(`${name}: ${text}`));
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }
}

export async function runTcp(
  envoyBinary: string,
  cases: readonly TcpCase[],
): Promise<ReadonlyMap<string, ForBoth<Observation>>> {
  const upstreams = new Upstreams();
  try {
    const ports: Record<string, number> = { dead: DEAD_PORT };
    for (const [name, serve] of Object.entries(SERVERS)) {
      ports[name] = await upstreams.open(name, serve);
    }
    for (const name of HASHED_NAMES) ports[name] = await upstreams.open(name, echo);
    for (const name of ["tls-a", "tls-b"]) ports[name] = await upstreams.openTls(name);
    const proxies = await startPair(envoyBinary, tcpOracleBootstrap(ports));
    try {
      const bound = await forBoth((name) => listenerPorts(proxies[name], TCP_LISTENER_COUNT));
      const found = {
        envoy: new Map<string, Observation>(),
        tulle: new Map<string, Observation>(),
      };
      for (const name of PROXIES) {
        for (const wanted of cases) {
          upstreams.notes = [];
          const seen = await observed(wanted, bound[name].get(wanted.listener) ?? 0);
          found[name].set(wanted.id, new Map([...seen, ["upstreams", upstreams.notes.join(", ")]]));
        }
      }
      return new Map(
        cases.map(({ id }) => [
          id,
          { envoy: found.envoy.get(id) ?? new Map(), tulle: found.tulle.get(id) ?? new Map() },
        ]),
      );
    } finally {
      await forBoth((name) => proxies[name].stop());
    }
  } finally {
    upstreams.close();
  }
}

async function observed(wanted: TcpCase, port: number): Promise<ReadonlyMap<string, string>> {
  const { serverName, sends = [], ends = false, from } = wanted;
  const plain = {
    ...{ host: "127.0.0.1", port, allowHalfOpen: true },
    ...(from === undefined ? {} : { localAddress: from }),
  };
  const socket =
    serverName === undefined
      ? connect(plain)
      : connectTls({
          ...plain,
          rejectUnauthorized: false,
          ...(serverName === "" ? {} : { servername: serverName }),
        });
  const parts: Buffer[] = [];
  let end = "open";
  const over = new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, 10 * OPEN_MS);
    socket.on("data", (bytes: Buffer) => {
      parts.push(bytes);
      clearTimeout(timer);
      timer = setTimeout(resolve, OPEN_MS);
    });
    const finish = (how: string): void => {
      if (end === "open") end = how;
      clearTimeout(timer);
      resolve();
    };
    socket.on("end", () => finish("ended"));
    socket.on("error", () => finish("broken"));
    socket.on("close", () => finish("closed"));
  });
  for (const text of sends) {
    await new Promise((resolve) => socket.write(text, "latin1", resolve));
    // So that the parts are read apart.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (ends) socket.end();
  await over;
  socket.destroy();
  const answer = Buffer.concat(parts).toString("latin1");
  return new Map([
    ["answer", shown(answer)],
    // FIN or RST behind nothing at all is a race with bytes that nobody has read.
    ["end", answer === "" && end !== "open" ? "over" : end],
  ]);
}

/** What the HTTP of a proxy says is compared by other cases. */
function shown(answer: string): string {
  if (answer.startsWith("HTTP/1.1 ")) return answer.slice(0, 12);
  if (answer.startsWith("\0\0") && answer[3] === SETTINGS) return "SETTINGS";
  return answer.length > SHOWN_MAX ? `${answer.length} bytes` : answer;
}
