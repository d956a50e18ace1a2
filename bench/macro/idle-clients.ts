/** Clients that hold connections, as those of a connection pool do: first silent, then asked on once. */
import { once } from "node:events";
import { connect as connect2 } from "node:http2";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { SMALL_ANSWER } from "./backends.ts";
import type { Protocol } from "./scenarios.ts";

/** Connections that open at the same time. */
const BATCH = 20;

interface IdleClient {
  readonly isOpen: boolean;
  /** Sends a request and reads the answer, which must be a 200. */
  ask(): Promise<void>;
  close(): void;
}

export class IdleClients {
  readonly #clients: IdleClient[] = [];

  async open(port: number, protocol: Protocol, count: number): Promise<void> {
    const open = protocol === "http1" ? openHttp1 : openHttp2;
    while (this.#clients.length < count) {
      const batch = Array.from({ length: Math.min(BATCH, count - this.#clients.length) });
      this.#clients.push(...(await Promise.all(batch.map(() => open(port)))));
    }
  }

  async ask(): Promise<void> {
    for (let at = 0; at < this.#clients.length; at += BATCH) {
      await Promise.all(this.#clients.slice(at, at + BATCH).map((client) => client.ask()));
    }
  }

  /** Those that the server has not closed. */
  get openCount(): number {
    return this.#clients.filter((client) => client.isOpen).length;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

async function openHttp1(port: number): Promise<IdleClient> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return {
    get isOpen() {
      return !socket.destroyed;
    },
    async ask() {
      socket.write(`GET ${SMALL_ANSWER.path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
      const [data] = await once(socket, "data");
      if (!data.toString("latin1").startsWith("HTTP/1.1 200 ")) throw new Error(`not 200: ${data}`);
    },
    close: () => socket.destroy(),
  };
}

async function openHttp2(port: number): Promise<IdleClient> {
  const session = connect2(`http://127.0.0.1:${port}`);
  await once(session, "remoteSettings");
  // What a server closes is counted by openCount.
  session.on("error", () => undefined);
  return {
    get isOpen() {
      return !session.destroyed;
    },
    async ask() {
      const stream = session.request({ ":path": SMALL_ANSWER.path });
      const [headers] = await once(stream, "response");
      if (headers[":status"] !== 200) throw new Error(`not 200: ${headers[":status"]}`);
      await buffer(stream);
    },
    close: () => session.destroy(),
  };
}
