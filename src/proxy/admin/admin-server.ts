/** The admin port: read-only views for everybody on the loopback address, changes by POST only. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { MeshError } from "../../core/errors.ts";
import { socketFailure } from "../../net/node-error.ts";
import { nodeHttp } from "../../net/node-http.ts";

export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface AdminPage {
  readonly method: "GET" | "POST";
  readonly summary: string;
  readonly run: (query: URLSearchParams) => AdminResponse | Promise<AdminResponse>;
}

export class AdminServer {
  readonly #pages: ReadonlyMap<string, AdminPage>;
  readonly #server: Server;

  constructor(pages: ReadonlyMap<string, AdminPage>) {
    this.#pages = pages;
    this.#server = nodeHttp.createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        send(response, textResponse(500, `${String(error)}\n`));
      });
    });
  }

  /** Resolves with the bound port. Throws MeshError with code `listen-failed`. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) => {
        const { reason } = socketFailure(error);
        const address = `${host}:${port}`;
        const detail = { code: "listen-failed" as const, address, reason };
        reject(
          new MeshError(detail, `the admin port cannot listen on ${address}: ${reason}`, error),
        );
      });
      this.#server.listen(port, host, resolve);
    });
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    const url = new URL(request.url ?? "/", "http://admin.invalid");
    const page = this.#pages.get(url.pathname);
    if (page === undefined) {
      send(response, textResponse(404, `no such page: ${url.pathname}\n\n${this.#index()}`));
    } else if (page.method === "POST" && request.method !== "POST") {
      // A link or an image on some web page must not be able to change anything.
      response.setHeader("allow", "POST");
      send(response, textResponse(405, `${url.pathname} changes something: use POST\n`));
    } else if (page.method === "POST" && request.headers.origin !== undefined) {
      // Nor must a form or a script: browsers name the page that a POST comes from.
      send(response, textResponse(403, "requests from web pages are refused\n"));
    } else {
      send(response, await page.run(url.searchParams));
    }
  }

  #index(): string {
    const lines = [...this.#pages].map(([path, { summary, method }]) => {
      return `  ${path.padEnd(20)} ${method === "POST" ? "(POST) " : ""}${summary}\n`;
    });
    return `pages of this admin port:\n${lines.join("")}`;
  }
}

export function textResponse(status: number, body: string): AdminResponse {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

export function jsonResponse(value: unknown): AdminResponse {
  return {
    status: 200,
    contentType: "application/json",
    body: `${JSON.stringify(value, null, 2)}\n`,
  };
}

function send(response: ServerResponse, { status, contentType, body }: AdminResponse): void {
  response.writeHead(status, {
    "content-type": contentType,
    "cache-control": "no-cache, max-age=0",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
