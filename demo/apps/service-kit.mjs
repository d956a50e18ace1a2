/**
 * What every Node service of the shop shares: a small JSON-over-HTTP server and a client for the other services.
 * It knows nothing about a mesh: it reads *_SERVICE_HOST and *_SERVICE_PORT, keeps its connections open and passes
 * the tracing headers on, as any application would.
 */
import http from "node:http";

/** Headers that tie the requests of one page view together. An app that wants traces has to pass them on. */
const PROPAGATED_HEADERS = ["x-request-id", "traceparent", "tracestate", "b3", "baggage"];
const BODY_BYTES_MAX = 64 * 1024;
const CALL_TIMEOUT_MS = 10_000;
/** Longer than a proxy keeps idle connections, so that the proxy closes first and no request meets a closing socket. */
const KEEP_ALIVE_MS = 10 * 60 * 1000;

const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

/** An answer other than 200 that a handler wants to give. */
export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Where a service is: from the variables that `tulle run` sets (Kubernetes sets the same ones). */
function addressOf(service) {
  const prefix = service.toUpperCase().replaceAll("-", "_");
  const host = process.env[`${prefix}_SERVICE_HOST`];
  const port = process.env[`${prefix}_SERVICE_PORT`];
  if (!host || !port) throw new HttpError(500, `${prefix}_SERVICE_HOST and ${prefix}_SERVICE_PORT are not set`);
  return { host, port };
}

/**
 * One request to another service. Resolves with { status, headers, text }, whatever the status is.
 * `context.headers` are the headers of the request being served: the tracing ones are passed on.
 */
export function request(context, service, method, path, options = {}) {
  const { host, port } = addressOf(service);
  const headers = { host: service, ...options.headers };
  for (const name of PROPAGATED_HEADERS) {
    const value = context?.headers?.[name];
    if (value !== undefined) headers[name] = value;
  }
  if (options.body !== undefined) {
    headers["content-type"] ??= "application/json";
    headers["content-length"] = Buffer.byteLength(options.body);
  }
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ host, port, method, path, headers, agent, timeout: CALL_TIMEOUT_MS });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)));
    outgoing.on("error", (error) => reject(new HttpError(502, `${service}: ${error.message}`)));
    outgoing.on("response", (incoming) => {
      const chunks = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", (error) => reject(new HttpError(502, `${service}: ${error.message}`)));
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode, headers: incoming.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    outgoing.end(options.body);
  });
}

/** A JSON call: resolves with the decoded body, rejects with an HttpError on any status from 400. */
export async function call(context, service, method, path, body) {
  const options = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await request(context, service, method, path, options);
  if (answer.status < 400) return answer.text === "" ? undefined : JSON.parse(answer.text);
  const status = answer.status === 404 ? 404 : 502;
  throw new HttpError(status, `${service} answered ${answer.status} to ${method} ${path}: ${answer.text.slice(0, 200)}`);
}

function compile(routes) {
  return Object.entries(routes).map(([key, handler]) => {
    const [method, pattern] = key.split(" ");
    return { method, segments: pattern.split("/"), handler };
  });
}

function find(table, method, path) {
  const segments = path.split("/");
  for (const route of table) {
    if (route.method !== method || route.segments.length !== segments.length) continue;
    const params = {};
    const matches = route.segments.every((expected, index) => {
      if (!expected.startsWith(":")) return expected === segments[index];
      params[expected.slice(1)] = decodeURIComponent(segments[index]);
      return true;
    });
    if (matches) return { handler: route.handler, params };
  }
  return undefined;
}

async function readBody(incoming) {
  const chunks = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new HttpError(413, "body too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function sendJsonError(outgoing, status, message) {
  sendJson(outgoing, status, { error: message });
}

/** Answers JSON. A handler that answers by itself (HTML, redirects) returns undefined after writing. */
function sendJson(outgoing, status, value) {
  const text = JSON.stringify(value);
  outgoing.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  outgoing.end(text);
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, "the body is not JSON");
  }
}

async function answer(table, incoming, outgoing) {
  const url = new URL(incoming.url, "http://service");
  const route = find(table, incoming.method, url.pathname);
  if (route === undefined) throw new HttpError(404, `nothing at ${incoming.method} ${url.pathname}`);
  const text = await readBody(incoming);
  const isJson = incoming.headers["content-type"]?.startsWith("application/json");
  const body = isJson && text !== "" ? parseJson(text) : text;
  const context = { headers: incoming.headers, params: route.params, query: url.searchParams, body, outgoing };
  const value = await route.handler(context);
  if (value !== undefined) sendJson(outgoing, 200, value);
}

/**
 * Serves `routes` ({ "GET /things/:id": handler }) on PORT until SIGTERM or SIGINT, then finishes the requests in
 * flight, waits for `onStop` and exits. `renderError` may answer in another form than JSON.
 */
export function serve(name, routes, { onStop, renderError = sendJsonError } = {}) {
  const table = compile({ "GET /healthz": () => ({ status: "ok" }), ...routes });
  let inFlight = 0;
  let stopping = false;
  const server = http.createServer(async (incoming, outgoing) => {
    inFlight += 1;
    outgoing.on("close", () => {
      inFlight -= 1;
      if (stopping && inFlight === 0) server.closeAllConnections();
    });
    try {
      await answer(table, incoming, outgoing);
    } catch (error) {
      const status = error.status ?? 500;
      if (status >= 500) console.error(`${incoming.method} ${incoming.url}: ${error.message}`);
      if (outgoing.headersSent) outgoing.destroy();
      else renderError(outgoing, status, error.message);
    }
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(Number(process.env.PORT), process.env.HOST ?? "127.0.0.1", () => {
    console.log(`${name} listens on ${server.address().address}:${server.address().port}`);
  });
  const stop = () => {
    if (stopping) return;
    stopping = true;
    const closed = new Promise((resolve) => server.close(resolve));
    // Kept-open connections without a request on them would hold the server for minutes.
    if (inFlight === 0) server.closeAllConnections();
    Promise.all([closed, onStop?.()]).then(() => {
      agent.destroy();
      process.exit(process.exitCode ?? 0);
    });
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  return server;
}
