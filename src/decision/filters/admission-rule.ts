/**
 * Which class a request is of when an app gets more than it can do. A filter of ours, which Envoy passes over: it
 * only says what the concurrency limit behind it looks at.
 */
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { messageOf } from "../../core/errors.ts";
import {
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileHeaderMatcher, type RequestTest } from "../header-matcher.ts";
import { compileQueryMatcher } from "../query-matcher.ts";
import type { RequestView } from "../request-view.ts";
import { passesTests, type RequestCaller } from "./rate-limit-descriptor.ts";
import { listIn, refuseUnknownFields, structOf } from "./typed-struct.ts";

export const PRIORITY_CLASSES_TYPE_URL =
  "type.googleapis.com/tulle.filters.http.admission.v1.PriorityClasses";

/** From the one that is served longest to the one that is given up first: the number is the index. */
export const PRIORITY_NAMES = ["critical", "default", "sheddable"] as const;

export const PRIORITY_DEFAULT = 1;

export interface AdmissionRule {
  readonly kind: "admission";
  readonly classes: readonly PriorityClass[];
}

export interface PriorityClass {
  /** Index into PRIORITY_NAMES. */
  readonly priority: number;
  /** All must hold. */
  readonly tests: readonly RequestTest[];
  /** SPIFFE id of the caller, empty for any. */
  readonly caller: string;
}

/** The class of the first that the request matches. */
export function priorityOf(
  { classes }: AdmissionRule,
  request: RequestView,
  { peerPrincipal }: RequestCaller,
): number {
  for (let i = 0; i < classes.length; i++) {
    const { priority, tests, caller } = classes[i]!;
    if (caller !== "" && caller !== peerPrincipal) continue;
    if (passesTests(tests, request)) return priority;
  }
  return PRIORITY_DEFAULT;
}

/** Undefined for other messages. */
export function compileAdmission(
  config: Any,
  path: string,
  errors: FieldError[],
): AdmissionRule | undefined {
  const struct = structOf(config, PRIORITY_CLASSES_TYPE_URL);
  if (struct === undefined) return undefined;
  refuseUnknownFields(struct, ["classes"], path, errors);
  const classes = listIn(struct, "classes", path, errors).map((json, index) =>
    compileClass(json, `${path}.value.classes[${index}]`, errors),
  );
  return { kind: "admission", classes };
}

const FIELDS = ["priority", "caller", "headers", "query_parameters"];

function compileClass(json: JsonValue, path: string, errors: FieldError[]): PriorityClass {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    errors.push({ path, message: "must be an object" });
    return { priority: PRIORITY_DEFAULT, tests: [], caller: "" };
  }
  for (const name of Object.keys(json)) {
    if (FIELDS.includes(name)) continue;
    errors.push({ path: `${path}.${name}`, message: `unknown; known are ${FIELDS.join(", ")}` });
  }
  const { priority: name, caller = "" } = json;
  const priority = (PRIORITY_NAMES as readonly unknown[]).indexOf(name);
  if (priority < 0) {
    errors.push({ path: `${path}.priority`, message: `must be ${PRIORITY_NAMES.join(", ")}` });
  }
  if (typeof caller !== "string") {
    errors.push({ path: `${path}.caller`, message: "must be a SPIFFE id" });
  }
  const headers = compileAll(json["headers"], `${path}.headers`, errors, (item, at) =>
    compileHeaderMatcher(fromJson(HeaderMatcherSchema, item), at, errors),
  );
  const query = compileAll(
    json["query_parameters"],
    `${path}.query_parameters`,
    errors,
    (item, at) => compileQueryMatcher(fromJson(QueryParameterMatcherSchema, item), at, errors),
  );
  return { priority, tests: [...headers, ...query], caller: String(caller) };
}

function compileAll(
  list: JsonValue | undefined,
  path: string,
  errors: FieldError[],
  compile: (item: JsonValue, path: string) => RequestTest,
): readonly RequestTest[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) {
    errors.push({ path, message: "must be a list" });
    return [];
  }
  return list.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    try {
      return [compile(item, at)];
    } catch (error) {
      errors.push({ path: at, message: messageOf(error) });
      return [];
    }
  });
}
