/** Apps that write down which fields they get, and clients that send fields as they are, by either version of HTTP. */
import { once } from "node:events";
import { connect, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { RawClient } from "./raw-client.ts";
import { RawUpstream } from "./raw-upstream.ts";

export interface FieldApp {
  readonly port: number;
  /** Fields by lower-case name; an authority is a `host`. */
  readonly requests: readonly Readonly<Record<string, string>>[];
}

export interface FieldQuestion {
  readonly host: string;
  /** `name: value`. */
  readonly lines: readonly string[];
}

export async function http1FieldApp(context: TestContext): Promise<FieldApp> {
  const requests: Record<string, string>[] = [];
  const app = await RawUpstream.start(context, {
    onRequest: (request) => {
      const pairs = request.lines.map(pairOf);
      requests.push(Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value])));
      request.reply();
    },
  });
  return { port: app.port, requests };
}

/** With prior knowledge. */
export async function http2FieldApp(context: TestContext): Promise<FieldApp> {
  const requests: Record<string, string>[] = [];
  const server = createServer((request, response) => {
    const { ":authority": host = "", ...fields } = request.headers;
    requests.push({ ...(fields as Record<string, string>), host });
    response.end();
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests };
}

/** Returns the status. The connection ends. */
export async function askByHttp1(client: RawClient, question: FieldQuestion): Promise<number> {
  const { host, lines } = question;
  client.send(["GET / HTTP/1.1", `Host: ${host}`, ...lines, "", ""].join("\r\n"));
  const { status } = await client.response();
  client.close();
  return status;
}

/** With prior knowledge. Returns the status, 0 for a stream that was reset. */
export async function askByHttp2(port: number, { host, lines }: FieldQuestion): Promise<number> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const fields = Object.fromEntries(lines.map(pairOf));
  const stream = session.request({ ":path": "/", ":authority": host, ...fields });
  let status = 0;
  stream.on("response", (headers) => {
    status = headers[":status"] ?? 0;
  });
  stream.on("error", () => {});
  stream.resume();
  await new Promise<void>((resolve) => stream.once("close", resolve));
  session.destroy();
  return status;
}

function pairOf(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}
