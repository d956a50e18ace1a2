/** The request that is explained, as routes see it. */
import type { RequestView } from "../../decision/request-view.ts";
import type { HttpConnectionManager } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { HttpConnectionManager_PathWithEscapedSlashesAction as Slashes } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { normalizePath, type PathNormalization } from "../../http/path-normalization.ts";
import { badRequest } from "./explain-error.ts";
import type { ExplainedRequest, ExplainProtocol, ExplainRequest } from "./explain-types.ts";
import { claimsMetadata } from "./supposed-claims.ts";

/** Where a request is sent, before any proxy has looked at it. */
export interface Target {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** With the port where the URL names one. */
  readonly authority: string;
  /** As it is sent, without the query. */
  readonly path: string;
  readonly query: string;
}

const DEFAULT_PORT = { http: 80, https: 443 } as const;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const URL_FORM = /^(https?):\/\/([^/?#]+)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/i;
const HOST_FORM = /^(\[[0-9a-fA-F:.]+\]|[^:@]+)(?::(\d{1,5}))?$/;

/** Throws `bad_request`. A URL without a scheme is one of http. */
export function parseTarget(url: string): Target {
  const full = url.includes("://") ? url : `http://${url}`;
  const [, schemeText = "", authority = "", path = "", query = ""] = URL_FORM.exec(full) ?? [];
  const [, host, portText] = HOST_FORM.exec(authority) ?? [];
  const scheme = schemeText.toLowerCase() === "https" ? "https" : "http";
  if (host === undefined) {
    throw badRequest(`${JSON.stringify(url)} is no URL`, "write it as http://catalog/items/7");
  }
  const port = portText === undefined ? DEFAULT_PORT[scheme] : Number(portText);
  if (port < 1 || port > 65_535) throw badRequest(`${port} in ${url} is no port`);
  return {
    scheme,
    host: host.toLowerCase(),
    port,
    authority,
    path: path === "" ? "/" : path,
    query,
  };
}

/** Canonical as the listener's rules say. Throws `bad_request` for what the proxy would refuse. */
export function explainedRequest(
  asked: ExplainRequest,
  target: Target,
  manager: HttpConnectionManager,
): ExplainedRequest {
  const method = asked.method.toUpperCase();
  if (!TOKEN.test(method)) throw badRequest(`${JSON.stringify(asked.method)} is no method`);
  const protocol = asked.protocol ?? "http";
  const given = (asked.headers ?? []).map(([name, value]) => {
    if (TOKEN.test(name)) return [name.toLowerCase(), value.trim()] as const;
    throw badRequest(`${JSON.stringify(name)} is no name of a header`, "write it as 'x-user: 5'");
  });
  const host = given.find(([name]) => name === "host")?.[1];
  const headers = [
    ...given.filter(([name]) => name !== "host"),
    ...implied(asked, protocol, given),
  ];
  return {
    method,
    authority: host ?? target.authority,
    path: canonical(target.path, manager),
    query: target.query,
    protocol,
    headers,
    ...(asked.claims === undefined ? {} : { claims: asked.claims }),
  };
}

/** What clients add to a request of this kind by themselves. */
function implied(
  { bodySizeBytes }: ExplainRequest,
  protocol: ExplainProtocol,
  given: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const has = (wanted: string): boolean => given.some(([name]) => name === wanted);
  const isGrpc = protocol === "grpc";
  return [
    ...(isGrpc && !has("content-type") ? [["content-type", "application/grpc"] as const] : []),
    ...(isGrpc && !has("te") ? [["te", "trailers"] as const] : []),
    ...(bodySizeBytes !== undefined && !isGrpc && !has("content-length")
      ? [["content-length", String(bodySizeBytes)] as const]
      : []),
  ];
}

function canonical(path: string, manager: HttpConnectionManager): string {
  const normalized = normalizePath(path, normalizationOf(manager));
  switch (normalized.kind) {
    case "path":
      return normalized.path;
    case "refused":
      throw badRequest(`the proxy refuses the path ${path} with 400: it has no canonical form`);
    case "redirect":
      throw badRequest(`the proxy answers ${path} with a redirect to ${normalized.path}`);
  }
}

function normalizationOf(manager: HttpConnectionManager): PathNormalization {
  const escapedSlashes = {
    [Slashes.IMPLEMENTATION_SPECIFIC_DEFAULT]: "keep",
    [Slashes.KEEP_UNCHANGED]: "keep",
    [Slashes.REJECT_REQUEST]: "reject",
    [Slashes.UNESCAPE_AND_REDIRECT]: "redirect",
    [Slashes.UNESCAPE_AND_FORWARD]: "unescape",
  } as const;
  return {
    normalizes: manager.normalizePath ?? false,
    mergesSlashes: manager.mergeSlashes,
    escapedSlashes: escapedSlashes[manager.pathWithEscapedSlashesAction],
  };
}

/** What the decision module looks at. Header values are as on the wire: one character a byte. */
export function requestView(request: ExplainedRequest, target: Target): RequestView {
  const headers = request.headers.map(
    ([name, value]) => [name, Buffer.from(value).toString("latin1")] as const,
  );
  const headerValues = (lowerName: string): readonly string[] =>
    headers.filter(([name]) => name === lowerName).map(([, value]) => value);
  return {
    method: request.method,
    path: request.method === "CONNECT" ? "" : request.path,
    query: request.query,
    authority: request.authority,
    scheme: target.scheme,
    httpVersion: request.protocol === "http" ? "HTTP/1.1" : "HTTP/2",
    header: (lowerName) => {
      const values = headerValues(lowerName);
      return values.length === 0 ? undefined : values.join(",");
    },
    headerValues,
    metadata: request.claims === undefined ? undefined : claimsMetadata(request.claims),
  };
}
