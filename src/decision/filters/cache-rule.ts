/**
 * What a CachePolicy says, compiled. Envoy's cache filter is work in progress and knows no policies: the settings are a
 * TypedStruct of ours, in an entry of `http_filters` that says `is_optional`, so that Envoy passes over it.
 */
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { messageOf } from "../../core/errors.ts";
import { HeaderMatcherSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileHeaderMatcher, type RequestTest } from "../header-matcher.ts";
import { listIn, refuseUnknownFields, structOf } from "./typed-struct.ts";

export const CACHE_TYPE_URL = "type.googleapis.com/tulle.filters.http.cache.v1.Cache";

/** Times in milliseconds, sizes in bytes. */
export interface CacheRule {
  readonly kind: "cache";
  /** Only requests that pass all of them. */
  readonly tests: readonly RequestTest[];
  /** Callers and users may get each other's responses. */
  readonly isShared: boolean;
  /** Of responses that do not say how long they stay fresh; 0 for none. */
  readonly defaultTtlMs: number;
  /** Such responses stay fresh for a tenth of their age since the last change. */
  readonly isHeuristic: boolean;
  /** Lower-case names of response fields that go before Cache-Control, the first one first (RFC 9213). */
  readonly targetedFields: readonly string[];
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly bytesMax: number;
  readonly objectBytesMax: number;
  /** How long requests wait for another one's response; 0: they do not. */
  readonly waitMs: number;
  /** Lower-case names of request fields that tell responses apart beside Vary. */
  readonly keyHeaders: readonly string[];
  /** Query parameters that make no difference. */
  readonly ignoredQuery: ReadonlySet<string>;
  /** Lower-case name of the response field with tags, or "". */
  readonly tagHeader: string;
  /** What is to be forgotten, once each. */
  readonly purges: readonly CachePurge[];
}

/** All of `path` and `tag` that are not empty say what goes. A path that ends in `*` is a prefix. */
export interface CachePurge {
  readonly id: string;
  readonly path: string;
  readonly tag: string;
}

const FIELDS = [
  ...["headers", "shared", "default_ttl_ms", "heuristic", "stale_while_revalidate_ms"],
  ...["stale_if_error_ms", "bytes_max", "object_bytes_max", "wait_ms", "key_headers"],
  ...["ignored_query", "tag_header", "purges", "targeted_fields"],
];

const DEFAULT_BYTES_MAX = 64 * 1024 * 1024;
const DEFAULT_OBJECT_BYTES_MAX = 1024 * 1024;
const DEFAULT_WAIT_MS = 5_000;
const DEFAULT_TARGETED_FIELDS = ["cdn-cache-control"];

/** Undefined for other messages. */
export function compileCache(
  config: Any,
  path: string,
  errors: FieldError[],
): CacheRule | undefined {
  const struct = structOf(config, CACHE_TYPE_URL);
  if (struct === undefined) return undefined;
  refuseUnknownFields(struct, FIELDS, path, errors);
  const at = `${path}.value`;
  const number = (name: string, fallback: number): number =>
    numberIn(struct, name, fallback, at, errors);
  return {
    kind: "cache",
    tests: testsIn(struct, path, errors),
    isShared: struct["shared"] === true,
    defaultTtlMs: number("default_ttl_ms", 0),
    isHeuristic: struct["heuristic"] === true,
    targetedFields:
      struct["targeted_fields"] === undefined
        ? DEFAULT_TARGETED_FIELDS
        : textsIn(struct, "targeted_fields", path, errors).map((name) => name.toLowerCase()),
    staleWhileRevalidateMs: number("stale_while_revalidate_ms", 0),
    staleIfErrorMs: number("stale_if_error_ms", 0),
    bytesMax: number("bytes_max", DEFAULT_BYTES_MAX),
    objectBytesMax: number("object_bytes_max", DEFAULT_OBJECT_BYTES_MAX),
    waitMs: number("wait_ms", DEFAULT_WAIT_MS),
    keyHeaders: textsIn(struct, "key_headers", path, errors).map((name) => name.toLowerCase()),
    ignoredQuery: new Set(textsIn(struct, "ignored_query", path, errors)),
    tagHeader: textOf(struct["tag_header"]).toLowerCase(),
    purges: listIn(struct, "purges", path, errors).map((purge) => ({
      id: textAt(purge, "id"),
      path: textAt(purge, "path"),
      tag: textAt(purge, "tag"),
    })),
  };
}

function testsIn(struct: JsonObject, path: string, errors: FieldError[]): RequestTest[] {
  return listIn(struct, "headers", path, errors).flatMap((json, index) => {
    const place = `${path}.value.headers[${index}]`;
    try {
      return [compileHeaderMatcher(fromJson(HeaderMatcherSchema, json), place, errors)];
    } catch (error) {
      errors.push({ path: place, message: messageOf(error) });
      return [];
    }
  });
}

function numberIn(
  struct: JsonObject,
  name: string,
  fallback: number,
  path: string,
  errors: FieldError[],
): number {
  const value = struct[name] ?? fallback;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  errors.push({ path: `${path}.${name}`, message: "must be a whole number, 0 or more" });
  return fallback;
}

function textsIn(
  struct: JsonObject,
  name: string,
  path: string,
  errors: FieldError[],
): readonly string[] {
  return listIn(struct, name, path, errors).map(textOf);
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function textAt(value: JsonValue, name: string): string {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? textOf(value[name]) : "";
}
