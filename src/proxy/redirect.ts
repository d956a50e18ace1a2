/** The Location of a redirect route (Envoy's RedirectAction). */
import type { RedirectRule } from "../decision/redirect-rule.ts";
import type { RequestView } from "../decision/request-view.ts";

/** `search` is the request's query with its `?`, or empty. */
export function redirectLocation(rule: RedirectRule, request: RequestView, search: string): string {
  const scheme = rule.scheme ?? request.scheme;
  const path = rule.rewritePath === undefined ? request.path : rule.rewritePath(request.path);
  return `${scheme}://${authorityOf(rule, request)}${path}${rule.stripsQuery ? "" : search}`;
}

function authorityOf(rule: RedirectRule, request: RequestView): string {
  const suffix = rule.port === undefined ? "" : `:${rule.port}`;
  if (rule.host !== undefined) return rule.host + suffix;
  const { authority } = request;
  const portAt = authority.search(/:\d*$/);
  if (portAt < 0) return authority + suffix;
  if (rule.port !== undefined) return authority.slice(0, portAt) + suffix;
  // A port that is the default of the scheme that is left would be wrong for the new one.
  const isLeftBehind =
    rule.scheme !== undefined &&
    rule.scheme !== request.scheme &&
    isDefaultPort(request.scheme, authority.slice(portAt + 1));
  return isLeftBehind ? authority.slice(0, portAt) : authority;
}

function isDefaultPort(scheme: string, port: string): boolean {
  return (scheme === "http" && port === "80") || (scheme === "https" && port === "443");
}
