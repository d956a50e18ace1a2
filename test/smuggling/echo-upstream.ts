/**
 * Upstreams that note every request which they really saw and answer it with its path: over HTTP/1.1 with a
 * strict reader that takes down whatever is in doubt, over HTTP/2 with Node's own server.
 */
import { once } from "node:events";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { doubtAbout, readStrictly } from "./strict-http1.ts";

export type Version = "HTTP/1.1" | "HTTP/2";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** One character a byte. */
  readonly body: string;
}

/** Before the path in every answer, so that no answer of the proxy's own is taken for one. */
export const SAW = "the upstream saw ";

export class EchoUpstream {
  readonly requests: SeenRequest[] = [];
  /** Bytes that another server could read otherwise, with the reason. */
  readonly doubts: string[] = [];
  readonly #server: Server | Http2Server;
  readonly #sockets = new Set<Socket>();

  /** Ends with the test. */
  static async start(context: TestContext, version: Version): Promise<EchoUpstream> {
    const upstream = new EchoUpstream(version);
    context.after(() => upstream.#close());
    upstream.#server.listen(0, "127.0.0.1");
    await once(upstream.#server, "listening");
    return upstream;
  }

  private constructor(version: Version) {
    this.#server = version === "HTTP/1.1" ? createServer() : createHttp2Server();
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      if (version === "HTTP/1.1") this.#serve(socket);
    });
    if (version === "HTTP/1.1") return;
    (this.#server as Http2Server).on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => {});
      buffer(stream).then(
        (body) => {
          // Node ends the body of HEAD in good order when the stream was reset.
          if (stream.aborted || stream.rstCode !== 0) return;
          const path = String(headers[":path"] ?? "");
          const method = String(headers[":method"]);
          this.requests.push({ method, path, body: body.toString("latin1") });
          if (stream.destroyed) return;
          stream.respond({ ":status": 200, "x-saw": path });
          // Node itself has ended the response to HEAD.
          if (method !== "HEAD") stream.end(SAW + path);
        },
        // It was reset before its end: no request.
        () => {},
      );
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: Socket): void {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      const { requests, end, stop } = readStrictly(text);
      const doubt = end === 0 ? undefined : doubtAbout(text);
      if (doubt !== undefined) this.doubts.push(`${doubt}: ${JSON.stringify(text)}`);
      if (stop === "malformed" || stop === "tunnel") {
        this.doubts.push(`${stop}: ${JSON.stringify(text.slice(end))}`);
        socket.destroy();
      }
      text = text.slice(end);
      for (const { method, target, body } of requests) {
        this.requests.push({ method, path: target, body });
        const answer = SAW + target;
        const head = `HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\nX-Saw: ${target}\r\n\r\n`;
        socket.write(method === "HEAD" ? head : head + answer, "latin1");
      }
    });
  }

  #close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
