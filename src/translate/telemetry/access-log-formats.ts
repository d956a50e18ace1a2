/** What access logs say, as Envoy's format strings: the default line, captured parts of requests, and what is never written. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type FormatOperator, parseFormat } from "../../core/substitution-format.ts";
import type { AccessLogSpec } from "../../resource/kinds/access-log-settings.ts";
import { CAPTURE_NAMESPACE } from "../../telemetry/access-log/capture-names.ts";
import { ISTIO_JSON_FORMAT } from "../../telemetry/access-log/istio-format.ts";
import {
  ACCESS_ATTRIBUTE,
  ACCESS_EVENT,
  REQUEST_HEADER_PREFIX,
  RESPONSE_HEADER_PREFIX,
} from "../../telemetry/otlp/access-log-attributes.ts";

/** Instead of a value that policies forbid to write. */
const REDACTED = "[redacted]";
const PATH_WITHOUT_QUERY: FormatOperator = {
  name: "PATH",
  argument: "NQ:ORIG_OR_PATH",
  charsMax: undefined,
};
const PATH_HEADERS: ReadonlySet<string> = new Set([":path", "x-envoy-original-path"]);

export interface Redaction {
  /** Lower-case names, beside those that are always removed. */
  readonly headers: ReadonlySet<string>;
  readonly isQueryRemoved: boolean;
}

/** The line as an object. */
export function jsonFormat(log: AccessLogSpec, redaction: Redaction): JsonObject {
  const written = (log.format?.json as JsonObject | undefined) ?? ISTIO_JSON_FORMAT;
  return redactedValue({ ...written, ...captured(log) }, redaction) as JsonObject;
}

/** The line as text, with its end. */
export function textFormat(text: string, redaction: Redaction): string {
  const line = text.endsWith("\n") ? text : `${text}\n`;
  return redactedText(line, redaction);
}

function captured({ capture, redact }: AccessLogSpec): JsonObject {
  const headers = (names: readonly string[], operator: string): JsonObject =>
    Object.fromEntries(names.map((name) => [name.toLowerCase(), `%${operator}(${name})%`]));
  const fields = redact?.bodyFields ?? [];
  const { requestHeaders, responseHeaders, requestBody, responseBody } = capture ?? {};
  return {
    ...(requestHeaders && { request_headers: headers(requestHeaders, "REQ") }),
    ...(responseHeaders && { response_headers: headers(responseHeaders, "RESP") }),
    ...(requestBody && { request_body: bodyFormat("request", requestBody.maxBytes, fields) }),
    ...(responseBody && { response_body: bodyFormat("response", responseBody.maxBytes, fields) }),
  };
}

/** Attributes of a record for the control plane, by name. */
export function recordAttributes(
  log: AccessLogSpec,
  reporter: "source" | "destination",
  redaction: Redaction,
): readonly (readonly [string, string])[] {
  const { capture, redact } = log;
  const fields = redact?.bodyFields ?? [];
  const { requestHeaders = [], responseHeaders = [], requestBody, responseBody } = capture ?? {};
  const all: readonly (readonly [string, string])[] = [
    [ACCESS_ATTRIBUTE.eventName, ACCESS_EVENT],
    [ACCESS_ATTRIBUTE.reporter, reporter],
    ...RECORD_FORMATS,
    ...requestHeaders.map((name) => header(REQUEST_HEADER_PREFIX, name, "REQ")),
    ...responseHeaders.map((name) => header(RESPONSE_HEADER_PREFIX, name, "RESP")),
    ...(requestBody === undefined
      ? []
      : [
          [
            ACCESS_ATTRIBUTE.requestBody,
            bodyFormat("request", requestBody.maxBytes, fields),
          ] as const,
        ]),
    ...(responseBody === undefined
      ? []
      : [
          [
            ACCESS_ATTRIBUTE.responseBody,
            bodyFormat("response", responseBody.maxBytes, fields),
          ] as const,
        ]),
  ];
  return all.map(([name, format]) => [name, redactedText(format, redaction)]);
}

const RECORD_FORMATS: readonly (readonly [string, string])[] = [
  [ACCESS_ATTRIBUTE.method, "%REQ(:METHOD)%"],
  [ACCESS_ATTRIBUTE.path, "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"],
  [ACCESS_ATTRIBUTE.authority, "%REQ(:AUTHORITY)%"],
  [ACCESS_ATTRIBUTE.protocol, "%PROTOCOL%"],
  [ACCESS_ATTRIBUTE.responseCode, "%RESPONSE_CODE%"],
  [ACCESS_ATTRIBUTE.grpcStatus, "%GRPC_STATUS_NUMBER%"],
  [ACCESS_ATTRIBUTE.responseFlags, "%RESPONSE_FLAGS%"],
  [ACCESS_ATTRIBUTE.responseCodeDetails, "%RESPONSE_CODE_DETAILS%"],
  [ACCESS_ATTRIBUTE.connectionTerminationDetails, "%CONNECTION_TERMINATION_DETAILS%"],
  [ACCESS_ATTRIBUTE.failureReason, "%UPSTREAM_TRANSPORT_FAILURE_REASON%"],
  [ACCESS_ATTRIBUTE.duration, "%DURATION%"],
  [ACCESS_ATTRIBUTE.upstreamServiceTime, "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"],
  [ACCESS_ATTRIBUTE.bytesReceived, "%BYTES_RECEIVED%"],
  [ACCESS_ATTRIBUTE.bytesSent, "%BYTES_SENT%"],
  [ACCESS_ATTRIBUTE.attempts, "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"],
  [ACCESS_ATTRIBUTE.routeName, "%ROUTE_NAME%"],
  [ACCESS_ATTRIBUTE.upstreamCluster, "%UPSTREAM_CLUSTER_RAW%"],
  [ACCESS_ATTRIBUTE.upstreamHost, "%UPSTREAM_HOST%"],
  [ACCESS_ATTRIBUTE.downstreamLocalAddress, "%DOWNSTREAM_LOCAL_ADDRESS%"],
  [ACCESS_ATTRIBUTE.downstreamRemoteAddress, "%DOWNSTREAM_REMOTE_ADDRESS%"],
  [ACCESS_ATTRIBUTE.requestedServerName, "%REQUESTED_SERVER_NAME%"],
  [ACCESS_ATTRIBUTE.userAgent, "%REQ(USER-AGENT)%"],
  [ACCESS_ATTRIBUTE.forwardedFor, "%REQ(X-FORWARDED-FOR)%"],
  [ACCESS_ATTRIBUTE.requestId, "%REQ(X-REQUEST-ID)%"],
  [ACCESS_ATTRIBUTE.sourcePrincipal, "%DOWNSTREAM_PEER_URI_SAN%"],
  // Envoy finds nothing behind the list, and leaves these out.
  [ACCESS_ATTRIBUTE.destinationHost, "%METADATA(CLUSTER:istio:services:0:host)%"],
  [ACCESS_ATTRIBUTE.destinationService, "%METADATA(CLUSTER:istio:services:0:name)%"],
  [ACCESS_ATTRIBUTE.destinationNamespace, "%METADATA(CLUSTER:istio:services:0:namespace)%"],
];

function header(prefix: string, name: string, operator: string): readonly [string, string] {
  return [`${prefix}${name.toLowerCase()}`, `%${operator}(${name})%`];
}

/** Envoy finds no metadata of this name, and writes nothing. */
function bodyFormat(
  which: "request" | "response",
  maxBytes: number,
  fields: readonly string[],
): string {
  const more = fields.length === 0 ? "" : `:${fields.join(",")}`;
  return `%DYNAMIC_METADATA(${CAPTURE_NAMESPACE}:${which}_body:${maxBytes}${more})%`;
}

function redactedValue(value: JsonValue, redaction: Redaction): JsonValue {
  if (typeof value === "string") return redactedText(value, redaction);
  if (Array.isArray(value)) return value.map((item) => redactedValue(item, redaction));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, redactedValue(item, redaction)]),
  );
}

function redactedText(format: string, { headers, isQueryRemoved }: Redaction): string {
  if (headers.size === 0 && !isQueryRemoved) return format;
  return parseFormat(format, () => {})
    .map((part) => {
      if (typeof part === "string") return part.replaceAll("%", "%%");
      const names = headerNames(part);
      if (names.some((name) => headers.has(name))) return REDACTED;
      const isPath = part.name === "PATH" || names.some((name) => PATH_HEADERS.has(name));
      return operatorText(
        isPath && isQueryRemoved ? { ...PATH_WITHOUT_QUERY, charsMax: part.charsMax } : part,
      );
    })
    .join("");
}

function headerNames({ name, argument = "" }: FormatOperator): readonly string[] {
  return ["REQ", "RESP", "TRAILER"].includes(name) ? argument.toLowerCase().split("?") : [];
}

function operatorText({ name, argument, charsMax }: FormatOperator): string {
  const inner = argument === undefined ? "" : `(${argument})`;
  return `%${name}${inner}${charsMax === undefined ? "" : `:${charsMax}`}%`;
}
