/** What a listener adds to the answers that the proxy gives itself: Envoy's LocalReplyConfig, by response flag. */

import type { FieldError } from "../../decision/field-error.ts";
import { compileMutations, type HeaderMutations } from "../../decision/header-mutation.ts";
import type { AccessLogFilter } from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { LocalReplyConfig } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { RESPONSE_FLAGS } from "../../telemetry/response-flag.ts";

/** Header changes by the index of a response flag. */
export type LocalReplyMutations = ReadonlyMap<number, HeaderMutations>;

export function compileLocalReplies(
  config: LocalReplyConfig | undefined,
  path: string,
  errors: FieldError[],
): LocalReplyMutations {
  const mutations = new Map<number, HeaderMutations>();
  for (const [index, { filter, headersToAdd }] of (config?.mappers ?? []).entries()) {
    const at = `${path}.mappers[${index}]`;
    const lists = {
      requestHeadersToAdd: [],
      requestHeadersToRemove: [],
      responseHeadersToRemove: [],
    };
    const headerErrors: FieldError[] = [];
    const { responseMutations } = compileMutations(
      { ...lists, responseHeadersToAdd: headersToAdd },
      "",
      headerErrors,
    );
    for (const error of headerErrors) {
      const field = error.path.replace("response_headers_to_add", "headers_to_add");
      errors.push({ ...error, path: `${at}.${field}` });
    }
    for (const flag of flagsOf(filter, `${at}.filter`, errors)) {
      // The first mapper whose filter fits is the only one that acts, as in Envoy.
      if (!mutations.has(flag)) mutations.set(flag, responseMutations);
    }
  }
  return mutations;
}

function flagsOf(
  filter: AccessLogFilter | undefined,
  path: string,
  errors: FieldError[],
): readonly number[] {
  const specifier = filter?.filterSpecifier;
  if (specifier?.case !== "responseFlagFilter" || specifier.value.flags.length === 0) {
    errors.push({ path, message: "a response_flag_filter with flags is required" });
    return [];
  }
  return specifier.value.flags.map((name, index) => {
    const flag = (RESPONSE_FLAGS as readonly string[]).indexOf(name);
    if (flag <= 0) {
      const message = `"${name}" is not implemented; use ${RESPONSE_FLAGS.slice(1).join(", ")}`;
      errors.push({ path: `${path}.response_flag_filter.flags[${index}]`, message });
    }
    return flag;
  });
}
