/**
 * Asks for one target after the other, written as it is, by HTTP/1.1 or HTTP/2, on connections that are kept; and an app
 * of HTTP/2 that answers with what it is asked for.
 */
import { once } from "node:events";
import { type ClientHttp2Session, connect, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { RawClient } from "./raw-client.ts";

export interface PathAnswer {
  /** 0 where the stream or the connection was reset. */
  readonly status: number;
  readonly body: string;
}

export interface PathClient {
  ask(target: string): Promise<PathAnswer>;
  close(): void;
}

export function http1PathClient(port: number): PathClient {
  let client: RawClient | undefined;
  return {
    async ask(target) {
      client ??= await RawClient.connect(port);
      const answer = await client.get(target).response();
      if (RawClient.closes(answer)) {
        client.close();
        client = undefined;
      }
      return { status: answer.status, body: answer.body };
    },
    close: () => client?.close(),
  };
}

/** With prior knowledge. */
export function http2PathClient(port: number): PathClient {
  let session: ClientHttp2Session | undefined;
  return {
    async ask(target) {
      if (session === undefined || session.closed || session.destroyed) {
        session = connect(`http://127.0.0.1:${port}`);
        session.on("error", () => {});
        await once(session, "connect");
      }
      const stream = session.request({ ":path": target, ":authority": "app" });
      let status = 0;
      let body = "";
      stream.setEncoding("latin1");
      stream.on("response", (headers) => {
        status = headers[":status"] ?? 0;
      });
      stream.on("data", (text: string) => {
        body += text;
      });
      stream.on("error", () => {});
      await new Promise<void>((resolve) => stream.once("close", resolve));
      return { status, body };
    },
    close: () => session?.destroy(),
  };
}

/** Returns its port. */
export async function http2PathApp(context: TestContext): Promise<number> {
  const server = createServer((request, response) => response.end(request.url));
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
