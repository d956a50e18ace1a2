/**
 * Upstreams that write down every request they get and answer as the case under way says, byte by byte.
 * All of them share one record; each has a label, by which a test knows where a request went.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { HELLO, type OracleCase, type UpstreamAnswer } from "./case.ts";
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

export class RecordingUpstream {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #caseId = "";
  #answers: readonly UpstreamAnswer[] = [HELLO];
  #received: ReceivedRequest[] = [];

  /** Opens a port on loopback. With `tls`, its clients must show a certificate. */
  async open(label: string, tls?: TlsOptions): Promise<number> {
    const onSocket = (socket: Socket): void => this.#serve(socket, label);
    const server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket);
    server.on("tlsClientError", () => {});
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  /** Forgets what came so far and answers what this case brings as it says. */
  begin({ id, answers = [HELLO] }: OracleCase): void {
    this.#caseId = id;
    this.#answers = answers;
    this.#received = [];
    this.#waiting.length = 0;
  }

  get received(): readonly ReceivedRequest[] {
    return this.#received;
  }

  /** Resolves when that many requests have come, at least as far as their head. */
  whenReceived(count: number): Promise<void> {
    if (this.#received.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket, label: string): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    const peer = peerOf(socket);
    const reader = new MessageReader("request");
    let answer: UpstreamAnswer = HELLO;
    reader.onHead = (message) => {
      const isProbe = message.headers.some(([name]) => name === PROBE_HEADER);
      answer = isProbe || this.#isLate(message) ? HELLO : this.#record({ label, peer, message });
      if (answer.onHead !== undefined) socket.write(filledIn(answer.onHead, label));
    };
    reader.onEnd = () => give(socket, answer, label);
    socket.on("data", (bytes: Buffer) => reader.feed(bytes));
  }

  /** A proxy may send a request that its client has given up when the next case is under way. */
  #isLate(message: RawMessage): boolean {
    const id = fieldOf(message, "x-case");
    return id !== undefined && id !== this.#caseId;
  }

  #record(request: ReceivedRequest): UpstreamAnswer {
    const answer = this.#answers[Math.min(this.#received.length, this.#answers.length - 1)];
    this.#received.push(request);
    for (const { count, resolve } of this.#waiting) if (this.#received.length >= count) resolve();
    return answer ?? HELLO;
  }
}

function peerOf(socket: Socket): string {
  if (!("getPeerX509Certificate" in socket)) return "";
  const { getPeerX509Certificate } = socket as import("node:tls").TLSSocket;
  const names = getPeerX509Certificate.call(socket)?.subjectAltName ?? "";
  return names.replace(/^URI:/, "");
}

function give(socket: Socket, answer: UpstreamAnswer, label: string): void {
  for (const text of answer.write) {
    socket.write(filledIn(text, label));
  }
  // The last bytes must be out before the connection ends.
  if (answer.ending === "end") socket.end();
  else if (answer.ending === "reset") socket.write("", () => socket.resetAndDestroy());
}

function filledIn(text: string, label: string): Buffer {
  return Buffer.from(text.replaceAll("{label}", label), "latin1");
}
