/** RequestRedirect as an xDS redirect, with the Gateway API's rules for the port of the new location. */
import { create } from "@bufbuild/protobuf";
import {
  type RedirectAction,
  RedirectActionSchema,
  RedirectAction_RedirectResponseCode as ResponseCode,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { HttpRouteFilter } from "../../resource/kinds/http-route-filter.ts";
import type { DeepReadonly } from "../../resource/object.ts";
import { replacePath } from "./path-modifier.ts";
import type { RuleMatch } from "./precedence.ts";

export type RequestRedirect = DeepReadonly<
  Extract<HttpRouteFilter, { readonly type: "RequestRedirect" }>["requestRedirect"]
>;

const RESPONSE_CODE: Readonly<Record<RequestRedirect["statusCode"], ResponseCode>> = {
  301: ResponseCode.MOVED_PERMANENTLY,
  302: ResponseCode.FOUND,
  303: ResponseCode.SEE_OTHER,
  307: ResponseCode.TEMPORARY_REDIRECT,
  308: ResponseCode.PERMANENT_REDIRECT,
};

const WELL_KNOWN_PORT = { http: 80, https: 443 } as const;

/** The redirect, or why it cannot be made. */
export function translateRedirect(
  redirect: RequestRedirect,
  match: RuleMatch,
  servicePort: number,
): RedirectAction | { readonly error: string } {
  const path = redirect.path === undefined ? undefined : replacePath(redirect.path, match);
  if (path !== undefined && "error" in path) return path;
  const action = create(RedirectActionSchema, {
    hostRedirect: redirect.hostname ?? "",
    portRedirect: redirectPort(redirect, servicePort),
    responseCode: RESPONSE_CODE[redirect.statusCode],
  });
  if (redirect.scheme !== undefined) {
    action.schemeRewriteSpecifier = { case: "schemeRedirect", value: redirect.scheme };
  }
  switch (path?.kind) {
    case "full":
      action.pathRewriteSpecifier = { case: "pathRedirect", value: path.path };
      break;
    case "prefix":
      action.pathRewriteSpecifier = { case: "prefixRewrite", value: path.prefix };
      break;
    case "regex":
      action.pathRewriteSpecifier = { case: "regexRewrite", value: path.regex };
      break;
    case undefined:
      break;
  }
  return action;
}

/**
 * HTTPRequestRedirect.port: as given, else the scheme's, else the listener's, which for a mesh is the
 * Service's port. 0 leaves the authority as it is: a new host without a port, or the request's own with the
 * port that it names. A well-known port is left out where that is possible ("SHOULD NOT add the port number").
 */
function redirectPort(redirect: RequestRedirect, servicePort: number): number {
  const { scheme, hostname, port } = redirect;
  const wanted = port ?? (scheme === undefined ? undefined : WELL_KNOWN_PORT[scheme]);
  if (hostname === undefined) return wanted ?? 0;
  const listenerPort = wanted ?? servicePort;
  return listenerPort === WELL_KNOWN_PORT[scheme ?? "http"] ? 0 : listenerPort;
}
