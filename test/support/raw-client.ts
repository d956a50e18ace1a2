/** An HTTP/1.1 client on a raw socket: it sends exactly the bytes it is told to, and reads strictly. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { headerOf, parseHead, parseMessage, type RawMessage } from "./raw-message.ts";

export interface RawResponse extends RawMessage {
  readonly status: number;
  /** Answers 1xx that came before this one. */
  readonly interim: readonly RawMessage[];
}

export type Ending = "end" | "reset";

export class RawClient {
  readonly socket: Socket;
  /** What is not read yet, one character a byte. */
  #text = "";
  #ending: Ending | undefined;
  #onChange: (() => void) | undefined;

  static async connect(port: number, host = "127.0.0.1"): Promise<RawClient> {
    const socket = connect({ port, host, allowHalfOpen: true });
    const client = new RawClient(socket);
    await once(socket, "connect");
    return client;
  }

  /** Rejects when the handshake fails. With TLS 1.3 a server may refuse later. */
  static async connectTls(port: number, options: ConnectionOptions): Promise<RawClient> {
    const socket = connectTls({
      ...options,
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
    });
    const client = new RawClient(socket);
    await once(socket, "secureConnect");
    return client;
  }

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString("latin1");
      this.#onChange?.();
    });
    socket.on("end", () => this.#end("end"));
    socket.on("error", () => this.#end("reset"));
    socket.on("close", () => this.#end("reset"));
  }

  /** One character a byte. */
  send(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }

  get(path = "/", lines: readonly string[] = []): this {
    return this.send(`${[`GET ${path} HTTP/1.1`, "Host: app", ...lines].join("\r\n")}\r\n\r\n`);
  }

  /** The next final answer. Rejects when the connection ends before it is complete. */
  async response(method = "GET"): Promise<RawResponse> {
    const interim: RawMessage[] = [];
    for (;;) {
      const head = parseHead(this.#text, 0);
      const status = Number(head?.message.start.split(" ")[1] ?? 0);
      if (head !== undefined && status < 200) {
        interim.push(head.message);
        this.#text = this.#text.slice(head.end);
        continue;
      }
      const isBodiless = method === "HEAD" || status === 204 || status === 304;
      const parsed = isBodiless
        ? head
        : parseMessage(this.#text, 0, "until-end", this.#ending === "end");
      if (parsed !== undefined) {
        this.#text = this.#text.slice(parsed.end);
        return { ...parsed.message, status, interim };
      }
      if (this.#ending !== undefined) {
        throw new Error(`${this.#ending} within a response: ${JSON.stringify(this.#text)}`);
      }
      await this.#change();
    }
  }

  /** Resolves when the unread text matches, with that text. */
  async text(wanted: RegExp): Promise<string> {
    while (!wanted.test(this.#text)) {
      if (this.#ending !== undefined) throw new Error(`${this.#ending} after ${this.#text}`);
      await this.#change();
    }
    return this.#text;
  }

  /** Resolves with the unread text up to the end of the match, which is read by that. */
  async take(wanted: RegExp): Promise<string> {
    const text = await this.text(wanted);
    const match = wanted.exec(text);
    const end = (match?.index ?? 0) + (match?.[0].length ?? 0);
    this.#text = text.slice(end);
    return text.slice(0, end);
  }

  /** How the connection ends, with what was not read. */
  async ending(): Promise<{ readonly how: Ending; readonly unread: string }> {
    while (this.#ending === undefined) await this.#change();
    return { how: this.#ending, unread: this.#text };
  }

  /** Whether the last answer said that the connection ends. */
  static closes(response: RawMessage): boolean {
    return headerOf(response, "connection") === "close";
  }

  close(): void {
    this.socket.destroy();
  }

  #end(how: Ending): void {
    this.#ending ??= how;
    this.#onChange?.();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = resolve;
    });
  }
}
