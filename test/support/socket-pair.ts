/** Both ends of a real connection, for tests of what stands between. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import tls from "node:tls";
import { idFor, keyPair, rootOf } from "./proxy-identities.ts";

/** Both ends of a connection. */
export async function socketPair(context: TestContext): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = await once(server, "connection");
  context.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

/** All that comes, once it is so long. */
export function received(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  return new Promise((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      got += chunk.length;
      if (got >= length) resolve(Buffer.concat(chunks));
    });
  });
}

/** The same over TLS. */
export async function tlsSocketPair(context: TestContext): Promise<[Socket, Socket]> {
  const { cert, key } = keyPair(rootOf(), [idFor("a")]);
  const server = tls.createServer({ cert, key });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const near = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  const [[far]] = await Promise.all([
    once(server, "secureConnection"),
    once(near, "secureConnect"),
  ]);
  context.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}
