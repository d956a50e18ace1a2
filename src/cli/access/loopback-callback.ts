/** Waits on loopback for the browser to come back from an identity provider (RFC 8252 section 7.3). */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

const PATH = "/callback";
const PAGE =
  '<!doctype html><meta charset="utf-8"><title>tulle</title><p>You can close this page and go back to the terminal.';

export interface LoopbackCallback {
  /** Where the identity provider is to send the browser. */
  readonly redirectUri: string;
  /** The whole address that the browser came with. Rejects when `signal` aborts. */
  readonly arrived: Promise<URL>;
  close(): void;
}

/** Listens on 127.0.0.1, at any port. */
export async function listenForCallback(signal: AbortSignal): Promise<LoopbackCallback> {
  const server = createServer({ maxHeaderSize: 16 * 1024, requestTimeout: 10_000 });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const redirectUri = `http://127.0.0.1:${port}${PATH}`;
  const arrived = new Promise<URL>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    server.on("request", (request: IncomingMessage, response) => {
      const url = URL.parse(request.url ?? "", redirectUri);
      // A page elsewhere that guesses the port cannot know the state, which is checked later.
      if (request.method !== "GET" || url?.pathname !== PATH) {
        response.writeHead(404).end();
        return;
      }
      const headers = { "content-type": "text/html", "cache-control": "no-store" };
      response.writeHead(200, { ...headers, connection: "close" }).end(PAGE, () => resolve(url));
    });
  });
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { redirectUri, arrived, close };
}
