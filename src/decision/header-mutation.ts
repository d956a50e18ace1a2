/** Header changes of routes and virtual hosts, compiled from Envoy's HeaderValueOption lists. */

import { wireText } from "../core/wire-text.ts";
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOption,
} from "../gen/envoy/config/core/v3/base_pb.js";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import type { FieldError } from "./field-error.ts";
import type { HttpVersion } from "./request-view.ts";

/** A field whose value tells the client's HTTP version (`%PROTOCOL%`), ready for each of them. */
type VersionedField = Readonly<Record<HttpVersion, HeaderField>>;

type Mutation =
  | { readonly kind: "remove"; readonly name: HeaderName }
  | { readonly kind: "add" | "set"; readonly field: HeaderField }
  | { readonly kind: "add-versioned" | "set-versioned"; readonly fields: VersionedField }
  | {
      readonly kind: "choose";
      readonly lowerName: string;
      /** What is done when the header is there, and when it is not. */
      readonly whenPresent: HeaderMutations;
      readonly whenAbsent: HeaderMutations;
    };

/** Changes in the order in which they apply. */
export type HeaderMutations = readonly Mutation[];

export const NO_MUTATIONS: HeaderMutations = [];

/** Names that no route may change: they route and frame the message. */
const FORBIDDEN = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);

/** Messages that carry header changes have these four lists. */
export interface MutationLists {
  readonly requestHeadersToAdd: readonly HeaderValueOption[];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: readonly HeaderValueOption[];
  readonly responseHeadersToRemove: readonly string[];
}

export interface MessageMutations {
  readonly requestMutations: HeaderMutations;
  readonly responseMutations: HeaderMutations;
}

/** `path` is where the message stands, empty for the root. */
export function compileMutations(
  lists: MutationLists,
  path: string,
  errors: FieldError[],
): MessageMutations {
  const prefix = path === "" ? "" : `${path}.`;
  const { requestHeadersToAdd, requestHeadersToRemove } = lists;
  const { responseHeadersToAdd, responseHeadersToRemove } = lists;
  return {
    requestMutations: compileList(
      requestHeadersToAdd,
      requestHeadersToRemove,
      `${prefix}request`,
      errors,
    ),
    responseMutations: compileList(
      responseHeadersToAdd,
      responseHeadersToRemove,
      `${prefix}response`,
      errors,
    ),
  };
}

/** `version` is the client's, for values that tell it. */
export function applyMutations(
  mutations: HeaderMutations,
  headers: HeaderBlock,
  version: HttpVersion = "HTTP/1.1",
): void {
  for (let i = 0; i < mutations.length; i++) {
    const mutation = mutations[i]!;
    switch (mutation.kind) {
      case "remove":
        headers.remove(mutation.name);
        break;
      case "add":
        headers.add(mutation.field);
        break;
      case "set":
        headers.set(mutation.field);
        break;
      case "add-versioned":
        headers.add(mutation.fields[version]);
        break;
      case "set-versioned":
        headers.set(mutation.fields[version]);
        break;
      case "choose": {
        const isPresent = headers.get(mutation.lowerName) !== undefined;
        applyMutations(isPresent ? mutation.whenPresent : mutation.whenAbsent, headers, version);
        break;
      }
    }
  }
}

type Action = "append" | "add-if-absent" | "set" | "set-if-present";

interface Addition {
  readonly action: Action;
  readonly name: HeaderName;
  /** One field for every version, unless the value tells the version. */
  readonly field: HeaderField | VersionedField;
}

/**
 * Envoy's order within one list: removals first, then every condition is judged on what is left, then
 * values are replaced, then added. Only additions to the same header can meet, so each header's are one step.
 */
function compileList(
  options: readonly HeaderValueOption[],
  removals: readonly string[],
  prefix: string,
  errors: FieldError[],
): HeaderMutations {
  if (options.length === 0 && removals.length === 0) return NO_MUTATIONS;
  const mutations: Mutation[] = removals.map((name, index) => {
    checkName(name, `${prefix}_headers_to_remove[${index}]`, errors);
    return { kind: "remove", name: new HeaderName(name) };
  });
  const byName = new Map<string, Addition[]>();
  for (const [index, option] of options.entries()) {
    const addition = compileAddition(option, `${prefix}_headers_to_add[${index}]`, errors);
    const { name, field } = addition;
    const others = byName.get(name.lower);
    // keep_empty_value is not implemented: an empty value changes nothing.
    if (field instanceof HeaderField && field.value === "") continue;
    if (others === undefined) byName.set(name.lower, [addition]);
    else others.push(addition);
  }
  for (const [lowerName, additions] of byName) mutations.push(...stepsFor(lowerName, additions));
  return mutations;
}

function compileAddition(option: HeaderValueOption, path: string, errors: FieldError[]): Addition {
  const name = option.header?.key ?? "";
  checkName(name, `${path}.header.key`, errors);
  if (option.append !== undefined && option.appendAction !== Append.APPEND_IF_EXISTS_OR_ADD) {
    errors.push({ path: `${path}.append`, message: "cannot stand together with append_action" });
  }
  const headerName = new HeaderName(name);
  const template = compileTemplate(option.header?.value ?? "", `${path}.header.value`, errors);
  const fieldFor = (version: HttpVersion): HeaderField =>
    new HeaderField(headerName, wireText(template.join(version)));
  const field =
    template.length === 1
      ? fieldFor("HTTP/1.1")
      : {
          "HTTP/1.0": fieldFor("HTTP/1.0"),
          "HTTP/1.1": fieldFor("HTTP/1.1"),
          "HTTP/2": fieldFor("HTTP/2"),
        };
  return { action: actionOf(option), name: headerName, field };
}

function stepsFor(lowerName: string, additions: readonly Addition[]): HeaderMutations {
  const whenPresent = stepsIf(additions, (action) => action !== "add-if-absent");
  const whenAbsent = stepsIf(additions, (action) => action !== "set-if-present");
  const isConditional = additions.some(
    ({ action }) => action === "add-if-absent" || action === "set-if-present",
  );
  return isConditional ? [{ kind: "choose", lowerName, whenPresent, whenAbsent }] : whenPresent;
}

function stepsIf(
  additions: readonly Addition[],
  happens: (action: Action) => boolean,
): HeaderMutations {
  const happening = additions.filter(({ action }) => happens(action));
  const isSet = ({ action }: Addition): boolean => action === "set" || action === "set-if-present";
  const sets = happening.filter(isSet).slice(-1);
  const adds = happening.filter((addition) => !isSet(addition));
  return [
    ...sets.map(({ field }) => mutation("set", field)),
    ...adds.map(({ field }) => mutation("add", field)),
  ];
}

function mutation(kind: "add" | "set", field: HeaderField | VersionedField): Mutation {
  return field instanceof HeaderField
    ? { kind, field }
    : { kind: `${kind}-versioned`, fields: field };
}

function actionOf(option: HeaderValueOption): Action {
  if (option.append === false) return "set";
  switch (option.appendAction) {
    case Append.ADD_IF_ABSENT:
      return "add-if-absent";
    case Append.OVERWRITE_IF_EXISTS_OR_ADD:
      return "set";
    case Append.OVERWRITE_IF_EXISTS:
      return "set-if-present";
    default:
      return "append";
  }
}

function checkName(name: string, path: string, errors: FieldError[]): void {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    errors.push({ path, message: `"${name}" is not a header name` });
  } else if (FORBIDDEN.has(name.toLowerCase())) {
    errors.push({ path, message: `${name} cannot be changed by a route` });
  }
}

/** The one command operator that is implemented. */
const PROTOCOL_COMMAND = "%PROTOCOL%";

/**
 * Envoy reads `%…%` as a command. The literal parts of the value, between which the client's HTTP version
 * stands; `%%` is a percent sign.
 */
function compileTemplate(value: string, path: string, errors: FieldError[]): readonly string[] {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) {
      errors.push({ path, message: "the value has a control character" });
      break;
    }
  }
  const parts: string[] = [];
  let literal = "";
  for (let at = 0; at < value.length; ) {
    if (value.startsWith(PROTOCOL_COMMAND, at)) {
      parts.push(literal);
      literal = "";
      at += PROTOCOL_COMMAND.length;
    } else if (value.startsWith("%%", at)) {
      literal += "%";
      at += 2;
    } else if (value[at] === "%") {
      const message =
        "of the command operators (%…%) only %PROTOCOL% is implemented; write %% for a percent sign";
      errors.push({ path, message });
      break;
    } else {
      literal += value[at];
      at++;
    }
  }
  return [...parts, literal];
}
