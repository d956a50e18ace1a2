/**
 * Upstreams that write down every request they get and answer as the case under way says, byte by byte.
 * All of them share one record; each has a label, by which a test knows where a request went.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { type Act, HELLO, type OracleCase, type UpstreamAnswer } from "./case.ts";
import { Http1Translation } from "./http1-translation.ts";
import { Http2Peer } from "./http2-peer.ts";
import { fieldOf, MessageReader, type RawMessage } from "./message-reader.ts";

export interface ReceivedRequest {
  /** Of the upstream that got it. */
  readonly label: string;
  /** The SPIFFE ID that the proxy proved, "" without TLS. */
  readonly peer: string;
  readonly message: RawMessage;
}

/** A request that only asks whether a connection lives has this header; it is not recorded. */
export const PROBE_HEADER = "x-oracle-probe";

/** What upstreams see of one case, and how they answer it. */
export class UpstreamSession {
  readonly received: ReceivedRequest[] = [];
  readonly #answers: readonly UpstreamAnswer[];
  #resets = 0;
  #wake: () => void = () => {};

  constructor(answers: readonly UpstreamAnswer[]) {
    this.#answers = answers;
  }

  /** Resolves when that many requests have come, at least as far as their head. */
  async whenReceived(count: number): Promise<void> {
    await this.#until(() => this.received.length >= count);
  }

  /** Resolves when a stream of HTTP/2 was reset. */
  async whenReset(): Promise<void> {
    await this.#until(() => this.#resets > 0);
  }

  record(request: ReceivedRequest): UpstreamAnswer {
    const answer = this.#answers[Math.min(this.received.length, this.#answers.length - 1)];
    this.received.push(request);
    this.#wake();
    return answer ?? HELLO;
  }

  recordReset(): void {
    this.#resets += 1;
    this.#wake();
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export class RecordingUpstream {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  /** By the name that requests of the case carry. */
  readonly #sessions = new Map<string, UpstreamSession>();
  /** Gets requests without a name. */
  #latest = new UpstreamSession([HELLO]);

  /**
   * Opens a port on loopback, for clients of HTTP/1.1 and of HTTP/2 with prior knowledge. With `tls`, they must show a
   * certificate.
   */
  async open(label: string, tls?: TlsOptions): Promise<number> {
    const onSocket = (socket: Socket): void => {
      this.#keep(socket);
      socket.once("data", (bytes: Buffer) => {
        if (bytes.toString("latin1", 0, 3) === "PRI") this.#serveHttp2(socket, label, bytes);
        else this.#serve(socket, label, bytes);
      });
    };
    const server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket);
    server.on("tlsClientError", () => {});
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  /** From now on, what this case brings is answered as it says. Requests of no open case are late, and not recorded. */
  begin({ id, answers = [HELLO] }: OracleCase): UpstreamSession {
    this.#latest = new UpstreamSession(answers);
    this.#sessions.set(id, this.#latest);
    return this.#latest;
  }

  end({ id }: OracleCase): void {
    this.#sessions.delete(id);
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
  }

  #serveHttp2(socket: Socket, label: string, firstBytes: Buffer): void {
    const answers = new Map<number, Http2Answer>();
    const peer = new Http2Peer(socket, "server", {
      onHead: (streamId, message) => {
        const session = this.#sessionOf(message);
        const answer = session?.record({ label, peer: peerOf(socket), message }) ?? HELLO;
        const [method = ""] = message.startLine.split(" ");
        const options = { answer, label, method, session };
        answers.set(streamId, new Http2Answer(peer, streamId, options));
      },
      onEnd: (streamId) => answers.get(streamId)?.give(),
      onReset: (streamId) => answers.get(streamId)?.session?.recordReset(),
      onGoaway: () => {},
    });
    socket.on("data", (bytes: Buffer) => peer.feed(bytes));
    peer.feed(firstBytes);
  }

  #serve(socket: Socket, label: string, firstBytes: Buffer): void {
    const peer = peerOf(socket);
    const reader = new MessageReader("request");
    let answer: UpstreamAnswer = HELLO;
    reader.onHead = (message) => {
      answer = this.#sessionOf(message)?.record({ label, peer, message }) ?? HELLO;
      if (typeof answer.onHead === "string") socket.write(filledIn(answer.onHead, label));
    };
    reader.onEnd = () => give(socket, answer, label);
    socket.on("data", (bytes: Buffer) => reader.feed(bytes));
    reader.feed(firstBytes);
  }

  /** Undefined for probes, and for requests that a proxy sends when their client has given them up and gone. */
  #sessionOf(message: RawMessage): UpstreamSession | undefined {
    if (fieldOf(message, PROBE_HEADER) !== undefined) return undefined;
    const id = fieldOf(message, "x-case");
    return id === undefined ? this.#latest : this.#sessions.get(id);
  }
}

function peerOf(socket: Socket): string {
  if (!("getPeerX509Certificate" in socket)) return "";
  const { getPeerX509Certificate } = socket as import("node:tls").TLSSocket;
  const names = getPeerX509Certificate.call(socket)?.subjectAltName ?? "";
  return names.replace(/^URI:/, "");
}

interface Http2AnswerOptions {
  readonly answer: UpstreamAnswer;
  readonly label: string;
  readonly method: string;
  readonly session: UpstreamSession | undefined;
}

/** What an upstream of HTTP/2 does on one stream. */
class Http2Answer {
  readonly #peer: Http2Peer;
  readonly #streamId: number;
  readonly #answer: UpstreamAnswer;
  readonly #label: string;
  readonly #translation: Http1Translation;
  readonly session: UpstreamSession | undefined;

  constructor(
    peer: Http2Peer,
    streamId: number,
    { answer, label, method, session }: Http2AnswerOptions,
  ) {
    this.session = session;
    this.#peer = peer;
    this.#streamId = streamId;
    this.#answer = answer;
    this.#label = label;
    this.#translation = new Http1Translation("response", [method]);
    const { onHead = [] } = answer;
    for (const item of typeof onHead === "string" ? [onHead] : onHead) this.#do(item);
  }

  give(): void {
    const { write, ending = "keep" } = this.#answer;
    for (const item of write) this.#do(item);
    if (ending === "end") for (const { acts } of this.#translation.finish()) this.#perform(acts);
    if (ending !== "keep") this.#perform([{ ending }]);
  }

  #do(item: string | Act): void {
    if (typeof item === "string") {
      const text = item.replaceAll("{label}", this.#label);
      for (const { acts } of this.#translation.feed(text)) this.#perform(acts);
    } else {
      this.#perform([item]);
    }
  }

  #perform(acts: readonly Act[]): void {
    for (const act of acts) this.#peer.perform(this.#streamId, act);
  }
}

function give(socket: Socket, answer: UpstreamAnswer, label: string): void {
  for (const text of answer.write) {
    if (typeof text !== "string") throw new Error("acts are for HTTP/2");
    socket.write(filledIn(text, label));
  }
  // The last bytes must be out before the connection ends.
  if (answer.ending === "end") socket.end();
  else if (answer.ending === "reset") socket.write("", () => socket.resetAndDestroy());
}

function filledIn(text: string, label: string): Buffer {
  return Buffer.from(text.replaceAll("{label}", label), "latin1");
}
