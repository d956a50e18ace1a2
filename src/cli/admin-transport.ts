/**
 * JSON over HTTP to the control plane's admin API, by TCP or its unix socket. It turns what can go wrong into
 * `CliError`s: nothing listening is CLI_CANNOT_CONNECT, a refusal is an {@link AdminApiError} with its body.
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { ApiErrorBody, ApiErrorCode } from "../control-plane/api-error-types.ts";
import { messageOf } from "../core/errors.ts";
import type { AdminCredentials } from "./access/credentials.ts";
import { adminTlsOptions } from "./admin-tls.ts";
import { CliError } from "./errors.ts";
import type { AdminAddress } from "./find-control-plane.ts";
import { serverSentEvents } from "./server-sent-events.ts";

/** A whole answer is small; one larger than this is not from our control plane. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
/** An answer that has not begun after this time will not come. */
const ANSWER_TIMEOUT_MS = 30_000;

export interface AdminRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Begins with a slash; segments are already escaped. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly body?: object;
  readonly signal?: AbortSignal;
  /** How long to wait for the answer, in milliseconds. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface AdminTransport {
  /** For messages: `http://127.0.0.1:7700` or `unix:/…`. */
  readonly address: string;
  /** The parsed JSON of a 2xx answer. The caller names its type. */
  request<T>(request: AdminRequest): Promise<T>;
  /** The data of server-sent events, parsed. Ends when the request's signal aborts; throws when the stream breaks off. */
  follow<T>(request: AdminRequest): AsyncIterable<T>;
}

/** The control plane understood the request and answered with an error. */
export class AdminApiError extends CliError {
  readonly status: number;
  /** Undefined when the answer is not from a Tulle control plane. */
  readonly apiCode: ApiErrorCode | undefined;
  readonly details: ApiErrorBody["error"]["details"];

  constructor(status: number, error: ApiErrorBody["error"] | undefined) {
    const message = error?.message ?? `the control plane answered with status ${status}`;
    super("CLI_FAILED", message, error?.hint);
    this.status = status;
    this.apiCode = error?.code;
    this.details = error?.details;
  }
}

/** `trace` gets a line per answered request, for `--verbose`. */
export function createAdminTransport(
  address: AdminAddress,
  trace: (line: string) => void = () => {},
  credentials: AdminCredentials = {},
): AdminTransport {
  const shown = address.kind === "unix" ? `unix:${address.path}` : address.url;
  return {
    address: shown,
    async request<T>(request: AdminRequest): Promise<T> {
      const response = await send(address, request, credentials);
      const text = await readAll(response, shown);
      const status = response.statusCode ?? 0;
      trace(`${shown}: ${request.method} ${request.path}: ${status}, ${text.length} bytes`);
      const body = parseBody(text, response);
      if (status < 200 || status > 299) throw new AdminApiError(status, errorOf(body));
      if (typeof body === "object") return body as T;
      throw notOurs(shown);
    },
    async *follow<T>(request: AdminRequest): AsyncIterable<T> {
      const response = await open(request);
      try {
        for await (const { event, data } of serverSentEvents(response)) {
          if (event === "error") throw new AdminApiError(200, errorOf(JSON.parse(data)));
          yield JSON.parse(data) as T;
        }
      } catch (error) {
        if (request.signal?.aborted === true) return;
        throw error instanceof CliError ? error : connectError(shown, asError(error));
      } finally {
        response.destroy();
      }
      if (request.signal?.aborted === true) return;
      throw new CliError("CLI_CANNOT_CONNECT", `${shown} ended the stream`, "try it again");
    },
  };

  /** The stream of an answer of events. */
  async function open(request: AdminRequest): Promise<IncomingMessage> {
    const response = await send(address, request, credentials);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) {
      throw new AdminApiError(status, errorOf(parseBody(await readAll(response, shown), response)));
    }
    if (/^text\/event-stream\b/.test(response.headers["content-type"] ?? "")) return response;
    response.destroy();
    throw notOurs(shown);
  }
}

function notOurs(shown: string): CliError {
  return new CliError(
    "CLI_CANNOT_CONNECT",
    `${shown} answers, but not as a Tulle control plane`,
    "check the address given with --control-plane or TULLE_CONTROL_PLANE",
  );
}

function send(
  address: AdminAddress,
  request: AdminRequest,
  credentials: AdminCredentials,
): Promise<IncomingMessage> {
  const shown = address.kind === "unix" ? `unix:${address.path}` : address.url;
  const path = request.path + queryString(request.query ?? {});
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers: Record<string, string> = { accept: "application/json" };
  if (credentials.token !== undefined) headers["authorization"] = `Bearer ${credentials.token}`;
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    headers["content-length"] = String(Buffer.byteLength(body));
  }
  const target =
    address.kind === "unix"
      ? { socketPath: address.path, path, headers: { ...headers, host: "localhost" } }
      : { ...urlParts(address.url), path, headers };
  const isTls = address.kind === "tcp" && address.url.startsWith("https:");
  const timeoutMs = request.timeoutMs ?? ANSWER_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const outgoing = (isTls ? httpsRequest : httpRequest)({
      agent: false,
      ...target,
      ...(isTls ? adminTlsOptions(credentials) : {}),
      method: request.method,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      timeout: timeoutMs,
    });
    outgoing.on("response", resolve);
    outgoing.on("timeout", () => {
      outgoing.destroy();
      reject(
        new CliError("CLI_CANNOT_CONNECT", `${shown} did not answer within ${timeoutMs / 1000} s`),
      );
    });
    outgoing.on("error", (error) => reject(connectError(shown, error)));
    outgoing.end(body);
  });
}

function urlParts(url: string): { readonly hostname: string; readonly port: string } {
  const parsed = new URL(url);
  return {
    hostname: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port || (parsed.protocol === "https:" ? "443" : "80"),
  };
}

function queryString(query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, value);
  }
  return parameters.size === 0 ? "" : `?${parameters.toString()}`;
}

/** Says what is likely wrong for the errors that users meet. */
function connectError(shown: string, error: Error): CliError {
  const code = (error as NodeJS.ErrnoException).code;
  const start =
    "start it with `tulle control-plane`, or name another with --control-plane URL|unix:PATH";
  switch (code) {
    case "ECONNREFUSED":
    case "ENOENT":
      return new CliError(
        "CLI_CANNOT_CONNECT",
        `no control plane answers at ${shown}`,
        start,
        error,
      );
    case "EACCES":
      return new CliError(
        "CLI_CANNOT_CONNECT",
        `you may not open ${shown}`,
        "only the user who started the control plane may; run as that user, or use its http address",
        error,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new CliError(
        "CLI_CANNOT_CONNECT",
        `the host name in ${shown} is unknown`,
        "check the address given with --control-plane or TULLE_CONTROL_PLANE",
        error,
      );
    case "ABORT_ERR":
      return new CliError("CLI_FAILED", "interrupted", undefined, error);
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return new CliError(
        "CLI_CANNOT_CONNECT",
        `the certificate of ${shown} comes from no root that is trusted here`,
        "--ca-file or TULLE_CA_FILE names the mesh's roots: ca.crt in the control plane's state folder",
        error,
      );
    default:
      return new CliError(
        "CLI_CANNOT_CONNECT",
        `the connection to ${shown} failed: ${messageOf(error)}`,
        "is it a Tulle control plane's admin address, and is the process healthy?",
        error,
      );
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

async function readAll(response: IncomingMessage, shown: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > ANSWER_BYTES_MAX) throw new Error(`more than ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectError(shown, asError(error));
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseBody(text: string, response: IncomingMessage): unknown {
  if (!(response.headers["content-type"] ?? "").includes("json")) return text;
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

function errorOf(body: unknown): ApiErrorBody["error"] | undefined {
  const error = (body as Partial<ApiErrorBody> | undefined)?.error;
  return typeof error?.message === "string" ? error : undefined;
}
