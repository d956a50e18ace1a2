/** What the filters of a rule add up to, for all of its backends. */
import type { Any } from "@bufbuild/protobuf/wkt";
import type { RouteAction_RequestMirrorPolicy } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteFilterSpec } from "../../resource/kinds/route-filter.ts";
import { CORS_FILTER, corsPolicy } from "../filters/cors-filter.ts";
import { type FindingPlace, within } from "../findings.ts";
import { type BackendContext, resolveTarget } from "./backend.ts";
import { routeAuthConfig } from "./external-auth.ts";
import { applyModifierFilter, type MessageChanges, NO_HEADER_CHANGES } from "./header-modifier.ts";
import { translateMirror } from "./mirror.ts";
import { type PathReplacement, replaceByRegex, replacePath } from "./path-modifier.ts";
import type { Candidate } from "./precedence.ts";
import type { RequestRedirect } from "./redirect.ts";
import { MESH_GROUP } from "./reference-kinds.ts";
import { routeFiltersOf } from "./rule-source.ts";

/** A rule's filters, joined. */
export interface RuleFilters extends MessageChanges {
  readonly host: string | undefined;
  readonly path: PathReplacement | undefined;
  readonly redirect: RequestRedirect | undefined;
  /** The sidecar's own answer. */
  readonly response: RouteFilterSpec["directResponse"];
  readonly mirrors: readonly RouteAction_RequestMirrorPolicy[];
  /** What HTTP filters are told, by their names. */
  readonly configs: Readonly<Record<string, Any>>;
}

/** A filter that cannot be expressed, which fails the rule. */
export interface FilterError {
  readonly error: string;
  readonly place: FindingPlace;
}

export function collectFilters(
  { route, rule, match }: Candidate,
  context: BackendContext,
): RuleFilters | FilterError {
  let changes: MessageChanges = {
    requestChanges: NO_HEADER_CHANGES,
    responseChanges: NO_HEADER_CHANGES,
  };
  let host: string | undefined;
  let path: PathReplacement | undefined;
  let redirect: RequestRedirect | undefined;
  let response: RuleFilters["response"];
  const mirrors: RouteAction_RequestMirrorPolicy[] = [];
  const configs: Record<string, Any> = {};
  const { findings } = context;
  for (const [index, filter] of (rule.filters ?? []).entries()) {
    const place = within(context.place, `.filters[${index}]`);
    switch (filter.type) {
      case "RequestHeaderModifier":
      case "ResponseHeaderModifier":
        changes = applyModifierFilter(changes, filter, place, findings);
        break;
      case "RequestMirror": {
        const mirrorPlace = within(place, ".requestMirror.backendRef");
        mirrors.push(...translateMirror(filter.requestMirror, { ...context, place: mirrorPlace }));
        break;
      }
      case "RequestRedirect":
        redirect = filter.requestRedirect;
        break;
      case "URLRewrite": {
        host = filter.urlRewrite.hostname;
        if (filter.urlRewrite.path === undefined) break;
        const replacement = replacePath(filter.urlRewrite.path, match);
        if ("error" in replacement) return { error: replacement.error, place };
        path = replacement;
        break;
      }
      case "CORS":
        configs[CORS_FILTER] = corsPolicy(filter.cors);
        break;
      case "ExtensionRef": {
        const [extension] = routeFiltersOf(route, { filters: [filter] }, context.index);
        // HTTPRouteFilter.type: a filter that cannot be resolved MUST NOT be skipped.
        if (extension === undefined) return { error: unresolved(filter.extensionRef), place };
        response = extension.spec.directResponse ?? response;
        const rewrite = extension.spec.pathRegexRewrite;
        if (rewrite === undefined) break;
        const replacement = replaceByRegex(rewrite);
        if ("error" in replacement) return { error: replacement.error, place };
        path = replacement;
        break;
      }
      case "ExternalAuth": {
        const { externalAuth } = filter;
        const authPlace = within(place, ".externalAuth.backendRef");
        const backend = resolveTarget(externalAuth.backendRef, "requests", {
          ...context,
          place: authPlace,
        });
        // HTTPRouteFilter.type: a filter that cannot be resolved MUST NOT be skipped.
        if (!backend.isValid) {
          return { error: "ExternalAuth has no authorization service to ask", place };
        }
        const { trustDomain } = context.index.snapshot;
        Object.assign(configs, routeAuthConfig(externalAuth, context.namespace, trustDomain));
        break;
      }
    }
  }
  return { ...changes, host, path, redirect, response, mirrors, configs };
}

function unresolved(ref: { readonly group: string; readonly kind: string; readonly name: string }) {
  const isOurs = ref.group === MESH_GROUP && ref.kind === "RouteFilter";
  return isOurs
    ? `there is no RouteFilter ${ref.name} in the route's namespace`
    : `${ref.kind} of ${ref.group} is no filter that the mesh knows; RouteFilter of ${MESH_GROUP} is`;
}
