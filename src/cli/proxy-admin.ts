/**
 * Talks to a proxy's own admin server, ours or a real Envoy's: the same paths, the same JSON. Where it
 * listens is known from the control plane.
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { messageOf } from "../core/errors.ts";
import type { AdminClient } from "./admin-client.ts";
import { AdminApiError } from "./admin-transport.ts";
import { CliError, failedError } from "./errors.ts";
import { nearest } from "./nearest.ts";

const ANSWER_TIMEOUT_MS = 10_000;
/** A configuration dump of a large mesh; more is not from a proxy. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

export interface ProxyAdmin {
  /** `host:port` of its admin server. */
  readonly address: string;
  /** A real Envoy, by what it calls itself. */
  readonly isEnvoy: boolean;
}

/** Throws when the address is unknown, or the proxy is. */
export async function findProxyAdmin(client: AdminClient, id: string): Promise<ProxyAdmin> {
  const { adminAddress, userAgent } = await client.proxy(id).catch(async (error: unknown) => {
    if (!(error instanceof AdminApiError) || error.status !== 404) throw error;
    throw await noSuchProxy(client, id);
  });
  if (adminAddress !== null) {
    return { address: adminAddress, isEnvoy: userAgent.startsWith("envoy") };
  }
  throw failedError(
    `the control plane does not know the admin address of ${id}`,
    "a proxy tells it in its node metadata when it connects",
  );
}

/** A name of a service is a likely slip: its instances are named. */
async function noSuchProxy(client: AdminClient, id: string): Promise<Error> {
  const { proxies } = await client.proxies();
  const ofService = proxies.filter((proxy) => proxy.service === id).map((proxy) => proxy.id);
  if (ofService.length > 0) {
    return failedError(
      `"${id}" is a service, not a proxy`,
      `its proxies are ${ofService.slice(0, 10).join(", ")}`,
    );
  }
  const close = nearest(
    id,
    proxies.map((proxy) => proxy.id),
  );
  const suffix = close === undefined ? "" : ` (did you mean "${close}"?)`;
  return failedError(`no proxy "${id}"${suffix}`, "`tulle status` lists them");
}

export interface ProxyAdminRequest {
  readonly method: "GET" | "POST";
  /** With its query. */
  readonly path: string;
  /** How long it may say nothing; default 10 s. */
  readonly timeoutMs?: number;
}

/** The body of a 200 answer. */
export async function askProxy(address: string, request: ProxyAdminRequest): Promise<string> {
  const response = await send(address, request);
  const text = await readAll(response, address);
  if (response.statusCode === 200) return text;
  throw failedError(
    `the proxy at ${address} answered ${request.path} with status ${response.statusCode}: ${text.trim().slice(0, 500)}`,
  );
}

/** The parsed JSON of a 200 answer. */
export async function askProxyJson(address: string, path: string): Promise<unknown> {
  const text = await askProxy(address, { method: "GET", path });
  try {
    return JSON.parse(text);
  } catch {
    throw failedError(`the proxy at ${address} answered ${path} with something that is no JSON`);
  }
}

function send(address: string, request: ProxyAdminRequest): Promise<IncomingMessage> {
  const url = `http://${address}${request.path}`;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, {
      method: request.method,
      agent: false,
      timeout: request.timeoutMs ?? ANSWER_TIMEOUT_MS,
      headers: { accept: "application/json", "content-length": "0" },
    });
    outgoing.on("response", resolve);
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", (error) => {
      const hint =
        "a proxy's admin server listens on loopback: run this on the machine of the proxy";
      reject(
        new CliError(
          "CLI_CANNOT_CONNECT",
          `the proxy's admin server at ${address} cannot be reached: ${messageOf(error)}`,
          hint,
          error,
        ),
      );
    });
    outgoing.end();
  });
}

async function readAll(response: IncomingMessage, address: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw failedError(`the answer of ${address} is too large`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
