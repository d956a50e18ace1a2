/**
 * Which requests have their stream broken off instead of an answer. A fault of ours, which Envoy does not have: its
 * settings are a TypedStruct in an entry of `http_filters` that says `is_optional`, so that Envoy passes over it.
 */
import { type DescMessage, fromJson, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { messageOf } from "../../core/errors.ts";
import { HeaderMatcherSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { FractionalPercentSchema } from "../../gen/envoy/type/v3/percent_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileHeaderMatcher, type RequestTest } from "../header-matcher.ts";
import { compileShare, type FaultShare } from "./fault-rule.ts";
import { listIn, refuseUnknownFields, structOf } from "./typed-struct.ts";

export const FAULT_RESET_TYPE_URL = "type.googleapis.com/tulle.filters.http.fault_reset.v1.Reset";

export interface FaultResetRule {
  readonly kind: "fault-reset";
  readonly share: FaultShare;
  /** Only requests that pass all of them. */
  readonly tests: readonly RequestTest[];
}

/** Undefined for other messages. */
export function compileFaultReset(
  config: Any,
  path: string,
  errors: FieldError[],
): FaultResetRule | undefined {
  const struct = structOf(config, FAULT_RESET_TYPE_URL);
  if (struct === undefined) return undefined;
  refuseUnknownFields(struct, ["percentage", "headers"], path, errors);
  const at = `${path}.value`;
  const { percentage } = struct;
  const share =
    percentage === undefined
      ? undefined
      : parsed(FractionalPercentSchema, percentage, `${at}.percentage`, errors);
  const tests = listIn(struct, "headers", path, errors).flatMap((json, index) => {
    const place = `${at}.headers[${index}]`;
    const matcher = parsed(HeaderMatcherSchema, json, place, errors);
    return matcher === undefined ? [] : [compileHeaderMatcher(matcher, place, errors)];
  });
  return { kind: "fault-reset", share: compileShare(share), tests };
}

function parsed<Desc extends DescMessage>(
  schema: Desc,
  json: JsonValue,
  path: string,
  errors: FieldError[],
): MessageShape<Desc> | undefined {
  try {
    return fromJson(schema, json);
  } catch (error) {
    errors.push({ path, message: messageOf(error) });
    return undefined;
  }
}
