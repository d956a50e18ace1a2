/** What the filters of a rule add up to, for all of its backends. */
import type { RouteAction_RequestMirrorPolicy } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { type FindingPlace, within } from "../findings.ts";
import type { BackendContext } from "./backend.ts";
import { applyModifierFilter, type MessageChanges, NO_HEADER_CHANGES } from "./header-modifier.ts";
import { translateMirror } from "./mirror.ts";
import { type PathReplacement, replacePath } from "./path-modifier.ts";
import type { Candidate } from "./precedence.ts";
import type { RequestRedirect } from "./redirect.ts";

/** A rule's filters, joined. */
export interface RuleFilters extends MessageChanges {
  readonly host: string | undefined;
  readonly path: PathReplacement | undefined;
  readonly redirect: RequestRedirect | undefined;
  readonly mirrors: readonly RouteAction_RequestMirrorPolicy[];
}

/** A filter that cannot be expressed, which fails the rule. */
export interface FilterError {
  readonly error: string;
  readonly place: FindingPlace;
}

export function collectFilters(
  { rule, match }: Candidate,
  context: BackendContext,
): RuleFilters | FilterError {
  let changes: MessageChanges = {
    requestChanges: NO_HEADER_CHANGES,
    responseChanges: NO_HEADER_CHANGES,
  };
  let host: string | undefined;
  let path: PathReplacement | undefined;
  let redirect: RequestRedirect | undefined;
  const mirrors: RouteAction_RequestMirrorPolicy[] = [];
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
        findings.add("field-ignored", place, "CORS has no effect yet");
        break;
      case "ExtensionRef":
      case "ExternalAuth":
        // HTTPRouteFilter.type: a filter that cannot be resolved MUST NOT be skipped.
        return { error: `${filter.type} is not implemented`, place };
    }
  }
  return { ...changes, host, path, redirect, mirrors };
}
