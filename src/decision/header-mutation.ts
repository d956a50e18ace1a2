/** Header changes of routes and virtual hosts, compiled from Envoy's HeaderValueOption lists. */
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOption,
} from "../gen/envoy/config/core/v3/base_pb.js";
import type { FieldError } from "./field-error.ts";

/** The part of a header list that changes need. */
export interface MutableHeaders {
  get(lowerName: string): string | undefined;
  add(name: string, value: string): void;
  set(name: string, value: string): void;
  remove(lowerName: string): void;
}

type Mutation =
  | { readonly kind: "remove"; readonly lowerName: string }
  | {
      readonly kind: "add" | "add-if-absent" | "set" | "set-if-present";
      readonly lowerName: string;
      readonly name: string;
      readonly value: string;
    };

/** Changes in the order in which they apply. Empty lists share one frozen value. */
export type HeaderMutations = readonly Mutation[];

export const NO_MUTATIONS: HeaderMutations = [];

/** Names that no route may change: they route and frame the message. */
const FORBIDDEN = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "te",
]);

export function compileMutations(
  additions: readonly HeaderValueOption[],
  removals: readonly string[],
  path: string,
  direction: "request" | "response",
  errors: FieldError[],
): HeaderMutations {
  if (additions.length === 0 && removals.length === 0) return NO_MUTATIONS;
  const prefix = path === "" ? direction : `${path}.${direction}`;
  const mutations: Mutation[] = removals.map((name, index) => {
    checkName(name, `${prefix}_headers_to_remove[${index}]`, errors);
    return { kind: "remove", lowerName: name.toLowerCase() };
  });
  for (const [index, option] of additions.entries()) {
    const at = `${prefix}_headers_to_add[${index}]`;
    const name = option.header?.key ?? "";
    checkName(name, `${at}.header.key`, errors);
    const value = literalValue(option.header?.value ?? "", `${at}.header.value`, errors);
    mutations.push({ kind: kindOf(option), lowerName: name.toLowerCase(), name, value });
  }
  return mutations;
}

export function applyMutations(mutations: HeaderMutations, headers: MutableHeaders): void {
  for (const mutation of mutations) {
    switch (mutation.kind) {
      case "remove":
        headers.remove(mutation.lowerName);
        break;
      case "add":
        headers.add(mutation.name, mutation.value);
        break;
      case "set":
        headers.set(mutation.name, mutation.value);
        break;
      case "add-if-absent":
        if (headers.get(mutation.lowerName) === undefined)
          headers.add(mutation.name, mutation.value);
        break;
      case "set-if-present":
        if (headers.get(mutation.lowerName) !== undefined)
          headers.set(mutation.name, mutation.value);
        break;
    }
  }
}

function kindOf(option: HeaderValueOption): "add" | "add-if-absent" | "set" | "set-if-present" {
  // The older boolean wins where it is given, as in Envoy.
  if (option.append !== undefined) return option.append ? "add" : "set";
  switch (option.appendAction) {
    case Append.ADD_IF_ABSENT:
      return "add-if-absent";
    case Append.OVERWRITE_IF_EXISTS_OR_ADD:
      return "set";
    case Append.OVERWRITE_IF_EXISTS:
      return "set-if-present";
    default:
      return "add";
  }
}

function checkName(name: string, path: string, errors: FieldError[]): void {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    errors.push({ path, message: `"${name}" is not a header name` });
  } else if (FORBIDDEN.has(name.toLowerCase())) {
    errors.push({ path, message: `${name} cannot be changed by a route` });
  }
}

/** Envoy reads `%…%` as a command; only the escaped percent sign is implemented. */
function literalValue(value: string, path: string, errors: FieldError[]): string {
  const literal = value.replaceAll("%%", "");
  if (literal.includes("%")) {
    errors.push({
      path,
      message: "command operators (%…%) are not implemented; write %% for a percent sign",
    });
  }
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) {
      errors.push({ path, message: "the value has a control character or one outside Latin-1" });
      break;
    }
  }
  return value.replaceAll("%%", "%");
}
