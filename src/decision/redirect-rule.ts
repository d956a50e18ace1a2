/** A route that answers with a redirect, compiled from Envoy's RedirectAction. */
import {
  type RedirectAction,
  RedirectAction_RedirectResponseCode as RedirectCode,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import { isAuthority } from "../http/authority.ts";
import type { FieldError } from "./field-error.ts";
import { checkPathText, type PathRewrite, prefixRewrite, regexRewrite } from "./path-rewrite.ts";

export interface RedirectRule {
  readonly kind: "redirect";
  readonly status: number;
  readonly scheme: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly rewritePath: PathRewrite | undefined;
  /** The request's query is not passed on: the rule says so, or its path brings its own. */
  readonly stripsQuery: boolean;
}

const PORT_MAX = 65_535;

/** `matchedPart` is what the route's match says a prefix rewrite replaces. */
export function compileRedirect(
  action: RedirectAction,
  matchedPart: string | undefined,
  path: string,
  errors: FieldError[],
): RedirectRule {
  const { hostRedirect: host, portRedirect: port } = action;
  if (host !== "" && !isAuthority(host)) {
    errors.push({ path: `${path}.host_redirect`, message: `"${host}" is not a host` });
  }
  if (port > PORT_MAX) {
    errors.push({ path: `${path}.port_redirect`, message: `${port} is not a port` });
  }
  return {
    kind: "redirect",
    status: redirectStatus(action.responseCode),
    scheme: compileScheme(action, path, errors),
    host: host === "" ? undefined : host,
    port: port === 0 ? undefined : port,
    rewritePath: compileRewrite(action, matchedPart, path, errors),
    stripsQuery: action.stripQuery || hasOwnQuery(action),
  };
}

function compileScheme(
  action: RedirectAction,
  path: string,
  errors: FieldError[],
): string | undefined {
  const specifier = action.schemeRewriteSpecifier;
  switch (specifier.case) {
    case "httpsRedirect":
      return specifier.value ? "https" : undefined;
    case "schemeRedirect":
      if (specifier.value === "") return undefined;
      // RFC 3986 section 3.1.
      if (!/^[a-z][a-z0-9+.-]*$/i.test(specifier.value)) {
        const message = `"${specifier.value}" is not a scheme`;
        errors.push({ path: `${path}.scheme_redirect`, message });
      }
      return specifier.value;
    case undefined:
      return undefined;
  }
}

function hasOwnQuery({ pathRewriteSpecifier: specifier }: RedirectAction): boolean {
  return specifier.case === "pathRedirect" && specifier.value.includes("?");
}

function compileRewrite(
  action: RedirectAction,
  matchedPart: string | undefined,
  path: string,
  errors: FieldError[],
): PathRewrite | undefined {
  const specifier = action.pathRewriteSpecifier;
  if (specifier.value === "") return undefined;
  switch (specifier.case) {
    case "pathRedirect": {
      const target = specifier.value.startsWith("/") ? specifier.value : `/${specifier.value}`;
      checkPathText(target, `${path}.path_redirect`, errors);
      return () => target;
    }
    case "prefixRewrite":
      return prefixRewrite(matchedPart, specifier.value, `${path}.prefix_rewrite`, errors);
    case "regexRewrite":
      return regexRewrite(specifier.value, `${path}.regex_rewrite`, errors);
    case undefined:
      return undefined;
  }
}

function redirectStatus(code: RedirectCode): number {
  switch (code) {
    case RedirectCode.FOUND:
      return 302;
    case RedirectCode.SEE_OTHER:
      return 303;
    case RedirectCode.TEMPORARY_REDIRECT:
      return 307;
    case RedirectCode.PERMANENT_REDIRECT:
      return 308;
    default:
      return 301;
  }
}
