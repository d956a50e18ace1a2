/** The Location of a redirect route (Envoy's RedirectAction). */

import type { RequestView } from "../decision/request-view.ts";
import type { RedirectRule } from "../decision/route.ts";

/** `search` is the request's query with its `?`, or empty. */
export function redirectLocation(rule: RedirectRule, request: RequestView, search: string): string {
  const scheme = rule.scheme ?? request.scheme;
  const path = rule.rewritePath === undefined ? request.path : rule.rewritePath(request.path);
  const keepsQuery = !rule.stripsQuery && !path.includes("?");
  return `${scheme}://${authorityOf(rule, request)}${path}${keepsQuery ? search : ""}`;
}

function authorityOf(rule: RedirectRule, request: RequestView): string {
  const suffix = rule.port === undefined ? "" : `:${rule.port}`;
  if (rule.host !== undefined) return rule.host + suffix;
  const { authority } = request;
  const portAt = authority.search(/:\d*$/);
  if (portAt < 0) return authority + suffix;
  // A port that is the default of the scheme that is left would be wrong for the new one.
  const isLeftBehind =
    rule.scheme !== undefined && isDefaultPort(request.scheme, authority.slice(portAt + 1));
  return rule.port === undefined && !isLeftBehind ? authority : authority.slice(0, portAt) + suffix;
}

function isDefaultPort(scheme: string, port: string): boolean {
  return (scheme === "http" && port === "80") || (scheme === "https" && port === "443");
}
