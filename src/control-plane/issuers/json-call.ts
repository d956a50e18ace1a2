/** One call of an HTTP API that speaks JSON: bounded in size, never redirected, ended by a signal. */
import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

/** Certificates with their chains take a few kilobytes. */
const BODY_BYTES_MAX = 1024 * 1024;

export interface JsonCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  /** May hold secrets: they appear in no message. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object;
  /** PEM of who may have signed the server's certificate; undefined for the web's authorities. */
  readonly ca: string | undefined;
  /** Keeps the connection for calls that follow soon; undefined: one connection for this call. */
  readonly agent?: Agent | undefined;
  /** PEM of the caller's own certificate. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** The name in the server's certificate, where that is not the URL's. */
  readonly serverName?: string | undefined;
  readonly signal: AbortSignal;
}

export interface JsonAnswer {
  readonly status: number;
  /** Undefined when it is no JSON. */
  readonly value: unknown;
}

/** Rejects with the error of the socket, or one that says what is wrong with the answer. */
export function callJson(call: JsonCall): Promise<JsonAnswer> {
  const { method, url, headers, body, ca, signal, agent = false, certificate, serverName } = call;
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const isSecure = new URL(url).protocol === "https:";
    const options = {
      ...{ method, signal, agent },
      headers: {
        ...headers,
        accept: "application/json",
        ...(text === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      },
    };
    const outgoing = isSecure
      ? httpsRequest(url, {
          ...options,
          ...(ca === undefined ? {} : { ca }),
          ...certificate,
          ...(serverName === undefined ? {} : { servername: serverName }),
        })
      : httpRequest(url, options);
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      readAll(response).then((bytes) => {
        resolve({ status: response.statusCode ?? 0, value: parsed(bytes) });
      }, reject);
    });
    outgoing.end(text);
  });
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Error(`the answer is larger than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
