/** An HTTP/1.1 server on raw sockets that tests command: what it got, byte by byte, and what it answers. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { headerOf, parseHead, parseMessage, type RawMessage } from "./raw-message.ts";

export class UpstreamConnection {
  readonly socket: Socket;
  /** In the order in which connections came, from 0. */
  readonly index: number;
  /** Requests that came on it so far. */
  requestCount = 0;
  hasEnded = false;

  constructor(socket: Socket, index: number) {
    this.socket = socket;
    this.index = index;
  }

  send(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }
}

export interface UpstreamRequest extends RawMessage {
  readonly method: string;
  readonly target: string;
  readonly connection: UpstreamConnection;
  /** An answer with a length. */
  reply(body?: string, lines?: readonly string[], status?: string): void;
}

export interface RawUpstreamOptions {
  /** Called when the head is there, before the body. */
  readonly onHead?: (head: RawMessage, connection: UpstreamConnection) => void;
  /** Called when the request is complete; without it, tests take requests with `next`. */
  readonly onRequest?: (request: UpstreamRequest) => void;
  readonly tls?: TlsOptions;
}

export class RawUpstream {
  readonly #server: Server;
  readonly #options: RawUpstreamOptions;
  readonly connections: UpstreamConnection[] = [];
  readonly requests: UpstreamRequest[] = [];
  #taken = 0;
  #onChange = new Set<() => void>();

  /** Ends with the test. */
  static async start(context: TestContext, options: RawUpstreamOptions = {}): Promise<RawUpstream> {
    const upstream = new RawUpstream(options);
    context.after(() => upstream.close());
    upstream.#server.listen(0, "127.0.0.1");
    await once(upstream.#server, "listening");
    return upstream;
  }

  /** One that answers every request with its target. */
  static echo(context: TestContext): Promise<RawUpstream> {
    return RawUpstream.start(context, { onRequest: (request) => request.reply(request.target) });
  }

  private constructor(options: RawUpstreamOptions) {
    this.#options = options;
    const onSocket = (socket: Socket): void => this.#accept(socket);
    this.#server =
      options.tls === undefined
        ? createServer({ allowHalfOpen: true }, onSocket)
        : createTlsServer(options.tls, onSocket);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get openCount(): number {
    return this.connections.filter(({ hasEnded }) => !hasEnded).length;
  }

  /** The next request that no test has taken yet. */
  async next(): Promise<UpstreamRequest> {
    for (;;) {
      const request = this.requests[this.#taken];
      if (request !== undefined) {
        this.#taken += 1;
        return request;
      }
      await this.change();
    }
  }

  /** Resolves when a connection opens or closes, or a request comes. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange.add(resolve);
    });
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await this.change();
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.connections) socket.destroy();
  }

  #accept(socket: Socket): void {
    const connection = new UpstreamConnection(socket, this.connections.length);
    this.connections.push(connection);
    let text = "";
    let isHeadTold = false;
    socket.on("error", () => {});
    socket.on("close", () => this.#ended(connection));
    socket.on("end", () => this.#ended(connection));
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      for (;;) {
        const head = isHeadTold ? undefined : parseHead(text, 0);
        if (head !== undefined) {
          isHeadTold = true;
          this.#options.onHead?.(head.message, connection);
        }
        const parsed = parseMessage(text, 0, "empty", false);
        if (parsed === undefined) break;
        text = text.slice(parsed.end);
        isHeadTold = false;
        this.#onRequest(parsed.message, connection);
      }
    });
    this.#changed();
  }

  #onRequest(message: RawMessage, connection: UpstreamConnection): void {
    const [method = "", target = ""] = message.start.split(" ");
    connection.requestCount += 1;
    const request: UpstreamRequest = {
      ...message,
      method,
      target,
      connection,
      reply: (body = "", lines = [], status = "200 OK") => {
        const length = `content-length: ${body.length}`;
        connection.send([`HTTP/1.1 ${status}`, length, ...lines, "", body].join("\r\n"));
      },
    };
    this.requests.push(request);
    this.#options.onRequest?.(request);
    this.#changed();
  }

  #ended(connection: UpstreamConnection): void {
    connection.hasEnded = true;
    // Nothing here is ever half-open on purpose, unless a test holds the socket.
    if (!connection.socket.destroyed && this.#options.tls === undefined) connection.socket.end();
    this.#changed();
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = new Set();
    for (const resolve of waiting) resolve();
  }
}

/** The body of a request that says who it is, for upstreams that echo. */
export function idOf(message: RawMessage): string {
  return headerOf(message, "x-id") ?? "";
}
