/**
 * Passes the context of a trace on in a Node app that does not do so itself: `node --import tulle/propagate app.js`. What a
 * request came with goes on with every call that is made while it is served, over node:http, node:https, node:http2
 * and fetch (undici). A header that the app sets itself stays. Plain JavaScript for Node 20 and newer: it runs in apps.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";

/** What ties the requests of one trace together, in all formats that are in use. */
const NAMES = [
  ...["traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "x-request-id"],
  ...["x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"],
];
/** Twice would be once too often: the flag is shared by all copies of this file in the process. */
const DONE = Symbol.for("tulle.propagate");

/** Of the request that is being served: pairs of name and value. */
const served = new AsyncLocalStorage();

if (globalThis[DONE] !== true) {
  globalThis[DONE] = true;
  patchServers();
  patchHttpClient(http);
  patchHttpClient(https);
  patchHttp2Client();
  subscribe("undici:request:create", onFetch);
  syncBuiltinESMExports();
}

/** `headers` as Node's servers have them: lower-case names. */
function contextOf(headers) {
  const context = [];
  for (const name of NAMES) {
    const value = headers[name];
    if (typeof value === "string") context.push([name, value]);
  }
  return context;
}

function patchServers() {
  wrapEmit(http.Server.prototype, "request", ([message]) => message.headers);
  wrapEmit(https.Server.prototype, "request", ([message]) => message.headers);
  // Servers of HTTP/2 have no public class. Those of gRPC listen to streams, others to requests.
  for (const name of ["createServer", "createSecureServer"]) {
    const create = http2[name];
    http2[name] = (...args) => {
      const server = create(...args);
      wrapEmit(server, "stream", ([, headers]) => headers);
      wrapEmit(server, "request", ([message]) => message.headers);
      return server;
    };
  }
}

/** What listens to the event runs within the context of its request. */
function wrapEmit(target, event, headersOf) {
  const { emit } = target;
  target.emit = function emitWithin(name, ...args) {
    if (name !== event) return emit.call(this, name, ...args);
    return served.run(contextOf(headersOf(args) ?? {}), () => emit.call(this, name, ...args));
  };
}

function patchHttpClient(module) {
  const { request } = module;
  const patched = (...args) => request(...withContext(args));
  module.request = patched;
  module.get = (...args) => {
    const sent = patched(...args);
    sent.end();
    return sent;
  };
}

/** Arguments of `request` are [url], [options], [callback], of which the first or the second must be there. */
function withContext(args) {
  const context = served.getStore();
  if (context === undefined || context.length === 0) return args;
  const hasUrl = typeof args[0] === "string" || args[0] instanceof URL;
  const at = hasUrl ? 1 : 0;
  const hasOptions = typeof args[at] === "object" && args[at] !== null;
  const options = hasOptions ? args[at] : {};
  // Options may be an object of a class: what it inherits counts, too.
  const changed = Object.assign(Object.create(Object.getPrototypeOf(options)), options);
  changed.headers = merged(options.headers, context);
  return [...args.slice(0, at), changed, ...args.slice(hasOptions ? at + 1 : at)];
}

/** Headers as an object, as a flat list, or as a list of pairs: all that Node takes. */
function merged(headers, context) {
  if (Array.isArray(headers)) {
    const isFlat = headers.length > 0 && !Array.isArray(headers[0]);
    const names = isFlat ? headers.filter((_, index) => index % 2 === 0) : headers.map(([name]) => name);
    const missing = missingOf(context, names);
    return [...headers, ...(isFlat ? missing.flat() : missing)];
  }
  const missing = missingOf(context, Object.keys(headers ?? {}));
  return { ...headers, ...Object.fromEntries(missing) };
}

function missingOf(context, names) {
  const present = new Set(names.map((name) => String(name).toLowerCase()));
  return context.filter(([name]) => !present.has(name));
}

function patchHttp2Client() {
  const { connect } = http2;
  http2.connect = (...args) => {
    const session = connect(...args);
    const { request } = session;
    session.request = function requestWithin(headers, ...rest) {
      const context = served.getStore();
      if (context === undefined || context.length === 0) return request.call(this, headers, ...rest);
      return request.call(this, merged(headers, context), ...rest);
    };
    return session;
  };
}

/** Built into Node, or from npm: both tell of each request before it is sent. */
function onFetch({ request }) {
  const context = served.getStore();
  if (context === undefined) return;
  const { headers } = request;
  const names =
    typeof headers === "string"
      ? headers.split("\r\n").map((line) => line.slice(0, Math.max(0, line.indexOf(":"))))
      : (headers ?? []).filter((_, index) => index % 2 === 0);
  for (const [name, value] of missingOf(context, names)) request.addHeader(name, value);
}
