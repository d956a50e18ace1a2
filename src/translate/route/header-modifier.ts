/**
 * Header modifiers of a rule and of its backends, joined into the one list of changes that xDS has per
 * destination. A backend's modifier comes after its rule's and wins.
 */
import { create } from "@bufbuild/protobuf";
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
} from "../../gen/envoy/config/core/v3/base_pb.js";
import type { HttpRouteFilter } from "../../resource/kinds/http-route-filter.ts";
import type { DeepReadonly } from "../../resource/object.ts";
import { type FindingPlace, type Findings, within } from "../findings.ts";

export type HeaderModifier = DeepReadonly<
  Extract<HttpRouteFilter, { readonly type: "RequestHeaderModifier" }>["requestHeaderModifier"]
>;

/** What happens to one header. */
interface HeaderChange {
  /** As written by the author. */
  readonly name: string;
  /** Whether values from before are dropped. */
  readonly replaces: boolean;
  /** Values to add, in order. */
  readonly values: readonly string[];
}

/** Changes by lower-case name, in the order in which they were first written. */
export type HeaderChanges = ReadonlyMap<string, HeaderChange>;

/** The form that routes and weighted clusters share. */
export interface HeaderMutations {
  readonly toAdd: HeaderValueOption[];
  readonly toRemove: string[];
}

export const NO_HEADER_CHANGES: HeaderChanges = new Map();

/** Fields that frame the message or belong to one connection (RFC 9110 section 7.6.1): changing them breaks both. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Where a modifier stands, and where to say what is wrong with it. */
export interface ModifierContext {
  readonly message: "request" | "response";
  readonly place: FindingPlace;
  readonly findings: Findings;
}

/** The filters that change headers. */
export type ModifierFilter = DeepReadonly<
  Extract<HttpRouteFilter, { readonly type: "RequestHeaderModifier" | "ResponseHeaderModifier" }>
>;

/** Changes of both messages. */
export interface MessageChanges {
  readonly requestChanges: HeaderChanges;
  readonly responseChanges: HeaderChanges;
}

/** `before`, then what the filter at `place` does. */
export function applyModifierFilter(
  before: MessageChanges,
  filter: ModifierFilter,
  place: FindingPlace,
  findings: Findings,
): MessageChanges {
  const { requestChanges, responseChanges } = before;
  if (filter.type === "RequestHeaderModifier") {
    const at = within(place, ".requestHeaderModifier");
    const context = { message: "request", place: at, findings } as const;
    const changes = applyModifier(requestChanges, filter.requestHeaderModifier, context);
    return { requestChanges: changes, responseChanges };
  }
  const at = within(place, ".responseHeaderModifier");
  const context = { message: "response", place: at, findings } as const;
  const changes = applyModifier(responseChanges, filter.responseHeaderModifier, context);
  return { requestChanges, responseChanges: changes };
}

/** `before`, then what `modifier` does: removals, then sets, then additions. */
export function applyModifier(
  before: HeaderChanges,
  modifier: HeaderModifier,
  context: ModifierContext,
): HeaderChanges {
  const changes = new Map(before);
  const isAllowed = (name: string, field: string): boolean => {
    const lowerName = name.toLowerCase();
    const isHost = lowerName === "host";
    if (!FORBIDDEN.has(lowerName) && !(isHost && context.message === "response")) return true;
    const message = `${name} belongs to a connection or frames the message; it is left as it is`;
    context.findings.add("field-ignored", within(context.place, field), message);
    return false;
  };
  for (const [index, name] of (modifier.remove ?? []).entries()) {
    if (name.toLowerCase() === "host") {
      const place = within(context.place, `.remove[${index}]`);
      context.findings.add("field-ignored", place, "a message has exactly one Host; it is kept");
      continue;
    }
    if (!isAllowed(name, `.remove[${index}]`)) continue;
    changes.set(name.toLowerCase(), { name, replaces: true, values: [] });
  }
  for (const [index, { name, value }] of (modifier.set ?? []).entries()) {
    if (!isAllowed(name, `.set[${index}]`)) continue;
    changes.set(name.toLowerCase(), { name, replaces: true, values: [value] });
  }
  for (const [index, { name, value }] of (modifier.add ?? []).entries()) {
    if (!isAllowed(name, `.add[${index}]`)) continue;
    const earlier = changes.get(name.toLowerCase());
    changes.set(name.toLowerCase(), {
      name: earlier?.name ?? name,
      replaces: earlier?.replaces ?? false,
      values: [...(earlier?.values ?? []), value],
    });
  }
  return changes;
}

/**
 * Takes `Host` out of the changes, because xDS changes it by a rewrite of its own: the value that it gets,
 * if any. A request has exactly one Host (RFC 9112 section 3.2), so adding means setting.
 */
export function splitHost(changes: HeaderChanges): {
  readonly host: string | undefined;
  readonly others: HeaderChanges;
} {
  const host = changes.get("host")?.values.at(-1);
  const others = new Map([...changes].filter(([name]) => name !== "host"));
  return { host, others };
}

export function headerMutations(changes: HeaderChanges): HeaderMutations {
  const entries = [...changes.values()];
  return {
    toRemove: entries.filter((change) => change.values.length === 0).map((change) => change.name),
    toAdd: entries.flatMap(({ name, replaces, values }) =>
      values.map((value, index) => headerOption(name, value, replaces && index === 0)),
    ),
  };
}

/** Envoy reads `%…%` in values as a command; a percent sign of the author's is doubled. */
function headerOption(name: string, value: string, isOverwrite: boolean): HeaderValueOption {
  return create(HeaderValueOptionSchema, {
    header: { key: name, value: value.replaceAll("%", "%%") },
    appendAction: isOverwrite
      ? HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
      : HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD,
  });
}
