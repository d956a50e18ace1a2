/** The client's side of a case: sends its bytes over one connection, and reports all that came back. */
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Field } from "../support/raw-http2-client.ts";
import { type Act, HTTP1_BOTH, type OracleCase, type Step } from "./case.ts";
import { Http1Translation } from "./http1-translation.ts";
import { Http2Peer } from "./http2-peer.ts";
import { fieldOf, MessageReader, type RawMessage } from "./message-reader.ts";
import { PROBE_HEADER, type UpstreamSession } from "./recording-upstream.ts";

/** A proxy that has answered nothing by then never will. */
const ANSWER_MS_MAX = 10_000;
/** The same for copies of a request, which no answer waits for. */
const COPY_MS_MAX = 3_000;

const PROBE = `GET / HTTP/1.1\r\nhost: shop.example\r\n${PROBE_HEADER}: 1\r\n\r\n`;

export interface Target {
  readonly port: number;
  /** What the client shows in a TLS handshake; absent for plain text. */
  readonly tls?: ConnectionOptions;
}

export interface Transcript {
  /** Final and interim responses, in order, the last one maybe incomplete. */
  readonly responses: readonly RawMessage[];
  /**
   * `closed`: the proxy ended the connection, or said that it will. `refused`: it ended the connection without
   * a byte. `unknown`: the case forbids to ask.
   */
  readonly connection: "open" | "closed" | "refused" | "unknown";
  /** The error code of a GOAWAY, by its name. */
  readonly goaway?: string | undefined;
}

/** How the two versions of HTTP differ for a client. */
interface Protocol {
  readonly messages: RawMessage[];
  readonly goaway: string | undefined;
  onFinal: (message: RawMessage) => void;
  feed(bytes: Buffer): void;
  /** The other side has ended the connection. */
  finish(): void;
  send(bytes: string | Buffer): void;
  act(act: Act, stream: number): void;
  probe(): void;
}

export async function runCase(
  { id, versions = HTTP1_BOTH, steps, methods, received = 0, probes = true }: OracleCase,
  target: Target,
  upstream: UpstreamSession,
): Promise<Transcript> {
  const socket = open(target);
  const protocol =
    versions.downstream === 1
      ? new Http1Protocol(socket, methods ?? [methodOf(steps)])
      : new Http2Protocol(socket);
  const client = new Client(socket, protocol);
  const guard = setTimeout(() => client.fail(`${id}: no answer`), ANSWER_MS_MAX);
  try {
    for (const step of steps) await client.take(step, id, upstream);
    if (!steps.some((step) => "await" in step || "awaitUpstreamReset" in step)) {
      await client.responses(1);
    }
    if (received > 0) await Promise.race([upstream.whenReceived(received), patience()]);
    const connection = await client.connectionState(probes);
    return { responses: protocol.messages, connection, goaway: protocol.goaway };
  } finally {
    clearTimeout(guard);
    client.destroy();
  }
}

function open({ port, tls }: Target): Socket {
  const address = { host: "127.0.0.1", port };
  return tls === undefined
    ? connect(address)
    : connectTls({ ...address, ...tls, rejectUnauthorized: false, minVersion: "TLSv1.3" });
}

class Http1Protocol implements Protocol {
  readonly messages: RawMessage[] = [];
  readonly goaway = undefined;
  readonly #socket: Socket;
  readonly #reader: MessageReader;
  onFinal: (message: RawMessage) => void = () => {};

  constructor(socket: Socket, methods: readonly string[]) {
    this.#socket = socket;
    this.#reader = new MessageReader("response", methods);
    this.#reader.onHead = (message) => this.messages.push(message);
    this.#reader.onEnd = (message) => this.onFinal(message);
  }

  feed(bytes: Buffer): void {
    this.#reader.feed(bytes);
  }

  finish(): void {
    this.#reader.finish();
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes, "latin1");
  }

  act(): void {
    throw new Error("acts are for HTTP/2");
  }

  probe(): void {
    this.#socket.write(PROBE);
  }
}

/** Requests written as HTTP/1.1 become streams, in order. */
class Http2Protocol implements Protocol {
  readonly messages: RawMessage[] = [];
  goaway: string | undefined;
  readonly #socket: Socket;
  readonly #peer: Http2Peer;
  readonly #translation = new Http1Translation("request");
  #streamCount = 0;
  /** Of `messages`. */
  readonly #streamIds: number[] = [];
  onFinal: (message: RawMessage) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#peer = new Http2Peer(socket, "client", {
      onHead: (streamId, message) => this.#add(streamId, message),
      onEnd: (_, message) => this.onFinal(message),
      onReset: (_, message) => {
        // NO_ERROR behind a whole answer: the rest of the request is not wanted (RFC 9113 section 8.1).
        if (!message.isComplete) this.onFinal(message);
      },
      onGoaway: (code) => {
        this.goaway = code;
      },
    });
  }

  /** In the order of their requests: streams race each other. */
  #add(streamId: number, message: RawMessage): void {
    const at = this.#streamIds.findIndex((other) => other > streamId);
    const index = at < 0 ? this.#streamIds.length : at;
    this.#streamIds.splice(index, 0, streamId);
    this.messages.splice(index, 0, message);
  }

  feed(bytes: Buffer): void {
    this.#peer.feed(bytes);
  }

  finish(): void {}

  send(bytes: string | Buffer): void {
    if (typeof bytes !== "string") {
      this.#socket.write(bytes);
      return;
    }
    for (const { index, acts } of this.#translation.feed(bytes)) {
      for (const act of acts) this.act(act, index);
    }
  }

  act(act: Act, stream: number): void {
    this.#streamCount = Math.max(this.#streamCount, stream + 1);
    this.#peer.perform(2 * stream + 1, act);
  }

  probe(): void {
    const stream = this.#streamCount;
    for (const { acts } of new Http1Translation("request").feed(PROBE)) {
      for (const act of acts) this.act(act, stream);
    }
  }
}

class Client {
  readonly #socket: Socket;
  readonly #protocol: Protocol;
  readonly failed: Promise<never>;
  readonly #fail: (error: Error) => void;
  #finals = 0;
  #interims = 0;
  #awaitedFinals = 0;
  #awaitedInterims = 0;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(socket: Socket, protocol: Protocol) {
    this.#socket = socket;
    this.#protocol = protocol;
    let fail: (error: Error) => void = () => {};
    this.failed = new Promise((_, reject) => {
      fail = reject;
    });
    this.failed.catch(() => {});
    this.#fail = fail;
    protocol.onFinal = (message) => {
      if (isInterim(message)) this.#interims += 1;
      else this.#finals += 1;
      this.#wake();
    };
    socket.on("data", (bytes: Buffer) => {
      protocol.feed(bytes);
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("end", () => protocol.finish());
    socket.on("close", () => this.#end());
    socket.on("end", () => this.#end());
  }

  fail(message: string): void {
    const got = JSON.stringify(this.#protocol.messages.map(({ startLine }) => startLine));
    this.#fail(new Error(`${message}; got ${got}`));
  }

  async take(step: Step, id: string, upstream: UpstreamSession): Promise<void> {
    if ("send" in step) {
      const { send } = step;
      this.#protocol.send(typeof send === "string" ? send.replaceAll("{case}", id) : send);
    } else if ("act" in step) {
      this.#protocol.act(withCase(step.act, id), step.stream ?? 0);
    } else if ("end" in step) {
      this.#socket.end();
    } else if ("awaitUpstream" in step) {
      await Promise.race([upstream.whenReceived(step.awaitUpstream), this.failed]);
    } else if ("awaitUpstreamReset" in step) {
      await Promise.race([upstream.whenReset(), this.failed]);
    } else if (step.await === "interim") {
      this.#awaitedInterims += 1;
      await this.#until(() => this.#interims >= this.#awaitedInterims || this.#finals > 0);
    } else {
      await this.responses(1);
    }
  }

  /** Waits for so many more final responses, or the end. */
  async responses(count: number): Promise<void> {
    this.#awaitedFinals += count;
    await this.#until(() => this.#finals >= this.#awaitedFinals);
  }

  async connectionState(probes: boolean): Promise<Transcript["connection"]> {
    const { messages } = this.#protocol;
    if (messages.length === 0 && this.#isEnded) return "refused";
    if (this.#isEnded || messages.some(announcesClose)) return "closed";
    if (this.#protocol.goaway !== undefined) return "closed";
    if (!probes) return "unknown";
    const count = messages.length;
    this.#protocol.probe();
    await this.#until(() => messages.length > count || this.#protocol.goaway !== undefined);
    // The answer to the probe says only that there is one.
    const [answer] = messages.splice(count);
    return answer !== undefined && answer.reset === undefined ? "open" : "closed";
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone() && !this.#isEnded) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, this.failed]);
    }
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, COPY_MS_MAX).unref());
}

function isInterim({ startLine }: RawMessage): boolean {
  return / 1\d\d\b/.test(startLine);
}

function withCase(act: Act, id: string): Act {
  if (!("fields" in act)) return act;
  const fields = act.fields.map(([name, value]): Field => [name, value.replaceAll("{case}", id)]);
  return { ...act, fields };
}

function announcesClose(message: RawMessage): boolean {
  return fieldOf(message, "connection")?.toLowerCase() === "close";
}

function methodOf(steps: readonly Step[]): string {
  const [first] = steps;
  const text = first !== undefined && "send" in first ? first.send.toString("latin1") : "";
  return text.split(" ", 1)[0] ?? "GET";
}
