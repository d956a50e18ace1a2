/** A log record with the fields of the Elastic Common Schema (ECS 9), and Filebeat's names for what is Envoy's own. */
import { isIP } from "node:net";
import {
  ACCESS_ATTRIBUTE,
  ACCESS_EVENT,
  REQUEST_HEADER_PREFIX,
  RESPONSE_HEADER_PREFIX,
} from "../../../../telemetry/otlp/access-log-attributes.ts";
import type { AttributeValue, LogEvent } from "../../telemetry-record.ts";
import {
  isoTime,
  type LogLine,
  messageOf,
  numberAt,
  numberOf,
  severityText,
} from "../log-document.ts";

const ECS_VERSION = "9.3.0";
const NS_PER_MS = 1_000_000;

interface Tree {
  [key: string]: unknown;
}
type Put = (path: string, value: unknown) => void;

/** Attributes that become one field as they are. Numbers that Envoy writes as text become numbers. */
const FIELDS: Readonly<Record<string, string>> = {
  [ACCESS_ATTRIBUTE.method]: "http.request.method",
  [ACCESS_ATTRIBUTE.responseCode]: "http.response.status_code",
  [ACCESS_ATTRIBUTE.bytesReceived]: "http.request.bytes",
  [ACCESS_ATTRIBUTE.bytesSent]: "http.response.bytes",
  [ACCESS_ATTRIBUTE.userAgent]: "user_agent.original",
  [ACCESS_ATTRIBUTE.requestId]: "http.request.id",
  [ACCESS_ATTRIBUTE.requestedServerName]: "tls.client.server_name",
  [ACCESS_ATTRIBUTE.sourcePrincipal]: "tls.client.x509.subject.common_name",
  [ACCESS_ATTRIBUTE.destinationService]: "service.target.name",
  [ACCESS_ATTRIBUTE.responseFlags]: "envoyproxy.response_flags",
  [ACCESS_ATTRIBUTE.responseCodeDetails]: "tulle.response_code_details",
  [ACCESS_ATTRIBUTE.connectionTerminationDetails]: "tulle.connection_termination_details",
  [ACCESS_ATTRIBUTE.failureReason]: "error.message",
  [ACCESS_ATTRIBUTE.grpcStatus]: "tulle.grpc_status",
  [ACCESS_ATTRIBUTE.attempts]: "tulle.attempts",
  [ACCESS_ATTRIBUTE.routeName]: "tulle.route.name",
  [ACCESS_ATTRIBUTE.upstreamCluster]: "tulle.upstream.cluster",
  [ACCESS_ATTRIBUTE.destinationHost]: "tulle.destination.host",
  [ACCESS_ATTRIBUTE.destinationNamespace]: "tulle.destination.namespace",
  [ACCESS_ATTRIBUTE.reporter]: "tulle.reporter",
  [ACCESS_ATTRIBUTE.policy]: "rule.name",
  [ACCESS_ATTRIBUTE.policyRule]: "rule.id",
  [ACCESS_ATTRIBUTE.policyReason]: "event.reason",
  [ACCESS_ATTRIBUTE.requestBody]: "http.request.body.content",
  [ACCESS_ATTRIBUTE.responseBody]: "http.response.body.content",
};
const NUMBERS: ReadonlySet<string> = new Set([
  ACCESS_ATTRIBUTE.responseCode,
  ACCESS_ATTRIBUTE.bytesReceived,
  ACCESS_ATTRIBUTE.bytesSent,
  ACCESS_ATTRIBUTE.grpcStatus,
  ACCESS_ATTRIBUTE.attempts,
]);
/** Those that become several fields, or change their unit. */
const SPLIT: Readonly<Record<string, (value: string, put: Put) => void>> = {
  [ACCESS_ATTRIBUTE.path]: putPath,
  [ACCESS_ATTRIBUTE.authority]: (value, put) => {
    put("url.domain", hostOf(value).host);
    put("envoyproxy.authority", value);
  },
  [ACCESS_ATTRIBUTE.protocol]: (value, put) => {
    const version = /^HTTP\/(.+)$/.exec(value)?.[1];
    put("network.protocol", version === undefined ? value.toLowerCase() : "http");
    if (version !== undefined) put("http.version", version);
  },
  [ACCESS_ATTRIBUTE.duration]: (value, put) => put("event.duration", nanoseconds(value)),
  [ACCESS_ATTRIBUTE.upstreamServiceTime]: (value, put) => {
    put("envoyproxy.upstream_service_time", nanoseconds(value));
  },
  [ACCESS_ATTRIBUTE.downstreamRemoteAddress]: (value, put) => {
    putAddress("source", value, put);
    putAddress("client", value, put);
  },
  [ACCESS_ATTRIBUTE.upstreamHost]: (value, put) => putAddress("destination", value, put),
  [ACCESS_ATTRIBUTE.downstreamLocalAddress]: (value, put) => putAddress("server", value, put),
  [ACCESS_ATTRIBUTE.forwardedFor]: (value, put) => {
    const first = value.split(",")[0]?.trim() ?? "";
    if (isIp(first)) put("network.forwarded_ip", first);
    put("tulle.x_forwarded_for", value);
  },
  [ACCESS_ATTRIBUTE.startTime]: () => undefined,
  [ACCESS_ATTRIBUTE.eventName]: () => undefined,
};

export function ecsDocument({ event, document }: LogLine): Tree {
  const tree: Tree = {};
  const put: Put = (path, value) => putAt(tree, path, value);
  putCommon(event, put);
  for (const [name, value] of Object.entries(event.attributes)) putAttribute(name, value, put);
  const isAudit = event.eventName.startsWith("tulle.audit.");
  if (isAudit) {
    put("event.category", ["configuration"]);
    put("event.action", String(event.attributes["tulle.audit.action"] ?? ""));
    put("event.original", JSON.stringify(document));
  } else if (event.eventName === ACCESS_EVENT) {
    put("event.category", ["web", "network"]);
    put("event.type", ["access"]);
  }
  put("event.outcome", outcomeOf(event, isAudit));
  return tree;
}

function putCommon(event: LogEvent, put: Put): void {
  const { resource, eventName } = event;
  put("@timestamp", isoTime(event.timeNs));
  put("ecs.version", ECS_VERSION);
  put("event.kind", "event");
  put("event.dataset", eventName.startsWith("tulle.audit.") ? "tulle.audit" : eventName);
  put("event.module", "tulle");
  put("log.level", severityText(event.severity).toLowerCase());
  put("message", messageOf(event));
  put("service.name", resource.service);
  put("service.namespace", resource.namespace);
  if (resource.version !== "") put("service.version", resource.version);
  if (resource.instance !== "") put("service.node.name", resource.instance);
  if (event.traceId !== "") put("trace.id", event.traceId);
  if (event.spanId !== "") put("span.id", event.spanId);
}

function putAttribute(name: string, value: AttributeValue, put: Put): void {
  const split = SPLIT[name];
  if (split !== undefined) {
    split(String(value), put);
    return;
  }
  const field = FIELDS[name];
  if (field !== undefined) put(field, NUMBERS.has(name) ? numberOf(value) : value);
  else if (name.startsWith(REQUEST_HEADER_PREFIX) || name.startsWith(RESPONSE_HEADER_PREFIX)) {
    // One field for all (`flattened` in the template): header names are endless.
    const isRequest = name.startsWith(REQUEST_HEADER_PREFIX);
    const prefix = isRequest ? REQUEST_HEADER_PREFIX : RESPONSE_HEADER_PREFIX;
    put(
      `tulle.${isRequest ? "request" : "response"}_headers\u{0}${name.slice(prefix.length)}`,
      value,
    );
  } else
    put(
      `labels\u{0}${name.replaceAll(".", "_")}`,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    );
}

/** ECS: failure for what a caller would call one. */
function outcomeOf(event: LogEvent, isAudit: boolean): "success" | "failure" {
  const { attributes } = event;
  if (isAudit) return attributes["tulle.audit.outcome"] === "ok" ? "success" : "failure";
  const status = numberAt(attributes, ACCESS_ATTRIBUTE.responseCode) ?? 0;
  const grpc = numberAt(attributes, ACCESS_ATTRIBUTE.grpcStatus) ?? 0;
  const flags = String(attributes[ACCESS_ATTRIBUTE.responseFlags] ?? "").replace(/^-$/, "");
  return status >= 500 || grpc !== 0 || flags !== "" ? "failure" : "success";
}

function putPath(value: string, put: Put): void {
  put("url.original", value);
  const question = value.indexOf("?");
  put("url.path", question < 0 ? value : value.slice(0, question));
  if (question >= 0) put("url.query", value.slice(question + 1));
}

function putAddress(field: string, value: string, put: Put): void {
  const { host, port } = hostOf(value);
  put(`${field}.address`, value);
  if (isIp(host)) put(`${field}.ip`, host);
  if (port !== undefined) put(`${field}.port`, port);
}

function hostOf(value: string): { readonly host: string; readonly port: number | undefined } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(value);
  if (match === null) return { host: value.replace(/^\[(.*)\]$/, "$1"), port: undefined };
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}

/** A field of the type `ip` refuses the whole document for anything else. */
function isIp(text: string): boolean {
  return isIP(text) !== 0;
}

function nanoseconds(ms: string): number {
  return Math.round(Number(ms) * NS_PER_MS);
}

/** Dots lead down; after a zero character the rest is one key. */
function putAt(tree: Tree, path: string, value: unknown): void {
  const [dotted = "", last] = path.split("\u{0}");
  const keys = [...dotted.split("."), ...(last === undefined ? [] : [last])];
  let current = tree;
  for (const key of keys.slice(0, -1)) {
    current[key] ??= {};
    current = current[key] as Tree;
  }
  current[keys.at(-1) ?? ""] = value;
}
