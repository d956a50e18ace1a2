/** The Location of a redirect route (Envoy's RedirectAction). */

import type { RequestView } from "../decision/request-view.ts";
import type { RedirectRule } from "../decision/route.ts";

export function redirectLocation(rule: RedirectRule, request: RequestView): string {
  const scheme = rule.scheme ?? request.scheme;
  const path = rule.rewritePath === undefined ? request.path : rule.rewritePath(request.path);
  const hasQuery = request.query !== "" && !rule.stripsQuery && !path.includes("?");
  return `${scheme}://${authorityOf(rule, request, scheme)}${path}${hasQuery ? `?${request.query}` : ""}`;
}

function authorityOf(rule: RedirectRule, request: RequestView, scheme: string): string {
  const portAt = request.authority.search(/:\d*$/);
  const host = rule.host ?? (portAt < 0 ? request.authority : request.authority.slice(0, portAt));
  if (rule.port !== undefined)
    return isDefaultPort(scheme, rule.port) ? host : `${host}:${rule.port}`;
  if (portAt < 0) return host;
  const port = Number(request.authority.slice(portAt + 1));
  // Envoy drops the port when the scheme changes away from the one whose default it is.
  const isOldDefault = rule.scheme !== undefined && isDefaultPort(request.scheme, port);
  return isOldDefault ? host : `${host}:${port}`;
}

function isDefaultPort(scheme: string, port: number): boolean {
  return (scheme === "http" && port === 80) || (scheme === "https" && port === 443);
}
