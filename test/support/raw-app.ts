/** An app on raw sockets whose connections tests hold themselves: nothing is answered or ended for them. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { TestContext } from "node:test";
import { RawClient } from "./raw-client.ts";

export class RawApp {
  readonly #server: Server = createServer({ allowHalfOpen: true });
  readonly #connections: RawClient[] = [];
  #taken = 0;

  /** Ends with the test. */
  static async start(context: TestContext): Promise<RawApp> {
    const app = new RawApp();
    context.after(() => app.#close());
    app.#server.on("connection", (socket) => app.#connections.push(new RawClient(socket)));
    app.#server.listen(0, "127.0.0.1");
    await once(app.#server, "listening");
    return app;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.#connections.length;
  }

  /** The next connection that no test has taken yet. */
  async next(): Promise<RawClient> {
    while (this.#connections.length === this.#taken) await once(this.#server, "connection");
    this.#taken += 1;
    return this.#connections[this.#taken - 1]!;
  }

  #close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.close();
  }
}
