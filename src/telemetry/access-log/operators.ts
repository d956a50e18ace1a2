/** Envoy's format operators, each compiled once to a function of what is known of a request. */
import type { FormatOperator } from "../../core/substitution-format.ts";
import { textFromWire } from "../../core/wire-text.ts";
import { grpcCamelName, grpcSnakeName } from "../grpc-status.ts";
import { RESPONSE_FLAGS } from "../response-flag.ts";
import { FLAG_EXPLANATIONS } from "../response-flag-explanations.ts";
import { CAPTURE_NAMESPACE } from "./capture-names.ts";
import type { AccessLogEntry } from "./log-entry.ts";
import {
  BodyRedaction,
  holdsUrl,
  isSecretHeader,
  isSecretName,
  REDACTED,
  withoutSecrets,
} from "./redaction.ts";
import { compileTime, IsoTime } from "./time-text.ts";

/** Structures come of metadata only. */
export type LogValue = string | number | boolean | object | undefined;
export type Operator = (entry: AccessLogEntry) => LogValue;
export type ReportFormat = (message: string) => void;

/** What formats may ask of the machine. */
export interface FormatSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
}

const SIMPLE: Readonly<Record<string, Operator>> = {
  ACCESS_LOG_TYPE: (entry) => entry.type,
  METHOD: (entry) => entry.method,
  PROTOCOL: (entry) => entry.protocol,
  RESPONSE_CODE: (entry) => entry.responseCode,
  RESPONSE_FLAGS: (entry) => RESPONSE_FLAGS[entry.flag],
  RESPONSE_FLAGS_LONG: (entry) => {
    const flag = RESPONSE_FLAGS[entry.flag];
    return flag === undefined || flag === "-" ? "-" : FLAG_EXPLANATIONS[flag].long;
  },
  RESPONSE_CODE_DETAILS: (entry) => entry.responseCodeDetails,
  CONNECTION_TERMINATION_DETAILS: (entry) => entry.connectionTerminationDetails,
  BYTES_RECEIVED: (entry) => entry.bytesReceived,
  BYTES_SENT: (entry) => entry.bytesSent,
  DOWNSTREAM_WIRE_BYTES_RECEIVED: (entry) => entry.wireBytesReceived,
  DOWNSTREAM_WIRE_BYTES_SENT: (entry) => entry.wireBytesSent,
  DURATION: (entry) => Math.round(entry.durationMs),
  REQUEST_DURATION: (entry) => rounded(entry.requestDurationMs),
  RESPONSE_DURATION: (entry) => rounded(entry.responseDurationMs),
  REQUEST_TX_DURATION: ({ responseDurationMs: head, upstreamServiceTimeMs: service }) =>
    head === undefined || service === undefined ? undefined : Math.round(head - service),
  RESPONSE_TX_DURATION: ({ durationMs, responseDurationMs: head }) =>
    head === undefined ? undefined : Math.round(durationMs) - Math.round(head),
  ROUTE_NAME: (entry) => entry.routeName,
  UPSTREAM_HOST: (entry) => entry.upstreamHost,
  UPSTREAM_REMOTE_ADDRESS: (entry) => entry.upstreamHost,
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ upstreamHost }) =>
    upstreamHost?.slice(0, Math.max(0, upstreamHost.lastIndexOf(":"))),
  UPSTREAM_REMOTE_PORT: ({ upstreamHost }) =>
    upstreamHost === undefined
      ? undefined
      : Number(upstreamHost.slice(upstreamHost.lastIndexOf(":") + 1)),
  UPSTREAM_CLUSTER: (entry) => entry.upstreamCluster,
  UPSTREAM_CLUSTER_RAW: (entry) => entry.upstreamCluster,
  UPSTREAM_LOCAL_ADDRESS: () => undefined,
  UPSTREAM_TRANSPORT_FAILURE_REASON: (entry) => entry.upstreamFailureReason,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (entry) => entry.attempts,
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (entry) => entry.localHost,
  DOWNSTREAM_LOCAL_PORT: (entry) => entry.localPort,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (entry) => entry.remoteHost,
  DOWNSTREAM_REMOTE_PORT: (entry) => entry.remotePort,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (entry) =>
    `${entry.directRemoteHost}:${entry.directRemotePort}`,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (entry) => entry.directRemoteHost,
  DOWNSTREAM_DIRECT_REMOTE_PORT: (entry) => entry.directRemotePort,
  REQUESTED_SERVER_NAME: (entry) => entry.requestedServerName,
  DOWNSTREAM_TLS_VERSION: (entry) => entry.tlsVersion,
  DOWNSTREAM_TLS_CIPHER: (entry) => entry.tlsCipher,
  DOWNSTREAM_PEER_URI_SAN: (entry) => entry.peerPrincipal,
  DOWNSTREAM_PEER_DNS_SAN: ({ peer }) => peer?.names.dnsNames.join(",") || undefined,
  DOWNSTREAM_PEER_SUBJECT: ({ peer }) => peer?.names.subject || undefined,
  DOWNSTREAM_PEER_ISSUER: ({ peer }) => peer?.names.issuer || undefined,
  DOWNSTREAM_PEER_SERIAL: ({ peer }) => peer?.names.serial || undefined,
  DOWNSTREAM_PEER_FINGERPRINT_256: ({ peer }) => peer?.digest,
  DOWNSTREAM_PEER_CERT: ({ peer }) => peer?.certificateText,
  GRPC_STATUS_NUMBER: (entry) => entry.grpcStatus,
  STREAM_ID: (entry) => entry.requestId,
  TRACE_ID: (entry) => entry.traceId,
  SPAN_ID: (entry) => entry.spanId,
};

/** Those of one connection are alike: their text is made once. */
const ADDRESSES: Readonly<Record<string, () => Operator>> = {
  DOWNSTREAM_LOCAL_ADDRESS: () =>
    address(
      (entry) => entry.localHost,
      (entry) => entry.localPort,
    ),
  DOWNSTREAM_REMOTE_ADDRESS: () =>
    address(
      (entry) => entry.remoteHost,
      (entry) => entry.remotePort,
    ),
};

function address(
  hostOf: (entry: AccessLogEntry) => string,
  portOf: (entry: AccessLogEntry) => number,
): Operator {
  let lastHost = "";
  let lastPort = -1;
  let text = "";
  return (entry) => {
    const host = hostOf(entry);
    const port = portOf(entry);
    if (port !== lastPort || host !== lastHost) {
      lastHost = host;
      lastPort = port;
      text = `${host}:${port}`;
    }
    return text;
  };
}

/** `report` is told what is wrong with the argument; the operator then says nothing. */
export function compileOperator(
  operator: FormatOperator,
  surroundings: FormatSurroundings,
  report: ReportFormat,
): Operator {
  const { name, argument, charsMax } = operator;
  const compiled =
    ADDRESSES[name]?.() ?? SIMPLE[name] ?? withArgument(name, argument ?? "", surroundings, report);
  if (charsMax === undefined) return compiled;
  return (entry) => {
    const value = compiled(entry);
    return value === undefined ? undefined : textOfValue(value).slice(0, charsMax);
  };
}

/** A structure as JSON. */
export function textOfValue(value: Exclude<LogValue, undefined>): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function withArgument(
  name: string,
  argument: string,
  surroundings: FormatSurroundings,
  report: ReportFormat,
): Operator {
  switch (name) {
    case "START_TIME":
      return startTime(argument, report);
    case "EMIT_TIME":
      return emitTime(argument, report);
    case "REQ":
      return requestHeader(argument, report);
    case "RESP":
      return responseHeader(argument, report);
    case "TRAILER":
      return trailer(argument, report);
    case "PATH":
      return path(argument, report);
    case "QUERY_PARAM":
      return queryParameter(argument);
    case "GRPC_STATUS":
      return grpcStatus(argument || "CAMEL_STRING", report);
    case "METADATA":
      return metadata(argument, report);
    case "DYNAMIC_METADATA":
      return dynamicMetadata(argument, report);
    case "ENVIRONMENT": {
      const value = surroundings.environment[argument];
      return () => value;
    }
    case "HOSTNAME":
      return () => surroundings.hostname;
    default:
      report(`the operator %${name}% is not implemented`);
      return () => undefined;
  }
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

function startTime(format: string, report: ReportFormat): Operator {
  if (format === "") {
    const iso = new IsoTime();
    return (entry) => iso.at(entry.startTimeMs);
  }
  const time = compileTime(format, report);
  return (entry) => time(entry.startTimeMs);
}

/** When the line is made: at the end. */
function emitTime(format: string, report: ReportFormat): Operator {
  const iso = new IsoTime();
  const time = format === "" ? (ms: number) => iso.at(ms) : compileTime(format, report);
  return (entry) => time(entry.startTimeMs + entry.durationMs);
}

/** `X?Y`: the field X, or Y where X is missing. */
function alternatives(
  operator: string,
  argument: string,
  compile: (lowerName: string) => Operator,
  report: ReportFormat,
): Operator {
  const [first = "", second, ...more] = argument.toLowerCase().split("?");
  if (first === "" || second === "" || more.length > 0) {
    report(`${operator} needs a header name, or two with ? between them`);
  }
  const read = compile(first);
  if (second === undefined) return read;
  const readOther = compile(second);
  return (entry) => read(entry) ?? readOther(entry);
}

function requestHeader(argument: string, report: ReportFormat): Operator {
  return alternatives("REQ", argument, requestField, report);
}

function requestField(lowerName: string): Operator {
  switch (lowerName) {
    case ":method":
      return (entry) => entry.method;
    case ":authority":
    case "host":
      return (entry) => entry.authority;
    case ":path":
      return wholePath;
    case ":scheme":
      return (entry) => entry.requestHeader(":scheme");
    default:
      return field(lowerName, (entry) => entry.requestHeader(lowerName));
  }
}

function responseHeader(argument: string, report: ReportFormat): Operator {
  return alternatives(
    "RESP",
    argument,
    (lowerName) => {
      if (lowerName === ":status") return (entry) => entry.responseCode || undefined;
      if (lowerName === "x-envoy-upstream-service-time") return serviceTime;
      return field(lowerName, (entry) => entry.responseHeader(lowerName));
    },
    report,
  );
}

/** The number that Envoy writes into the field, also where the field is suppressed. */
function serviceTime({ upstreamServiceTimeMs }: AccessLogEntry): LogValue {
  return rounded(upstreamServiceTimeMs);
}

function trailer(argument: string, report: ReportFormat): Operator {
  return alternatives(
    "TRAILER",
    argument,
    (lowerName) => field(lowerName, (entry) => entry.trailer(lowerName)),
    report,
  );
}

function field(lowerName: string, read: (entry: AccessLogEntry) => string | undefined): Operator {
  if (isSecretHeader(lowerName)) {
    return (entry) => (read(entry) === undefined ? undefined : REDACTED);
  }
  const isUrl = holdsUrl(lowerName);
  // Many requests in a row have the same value.
  let last: string | undefined;
  let text: string | undefined;
  return (entry) => {
    const value = read(entry);
    if (value === last) return text;
    last = value;
    text = value === undefined ? undefined : textFromWire(value);
    if (isUrl && text !== undefined) text = withoutSecrets(text);
    return text;
  };
}

/** As it was received, whatever a route made of it. */
function wholePath({ path: target }: AccessLogEntry): string | undefined {
  return target === undefined ? undefined : withoutSecrets(textFromWire(target));
}

/** Envoy's `PATH(X:Y)`: X is WQ with or NQ without query; Y says which path, and here it is always the original one. */
function path(argument: string, report: ReportFormat): Operator {
  const [query = "", which = "ORIG_OR_PATH"] = argument.split(":");
  const isKnown = ["", "WQ", "NQ"].includes(query);
  if (!isKnown || !["ORIG", "PATH", "ORIG_OR_PATH", ""].includes(which)) {
    report("PATH takes WQ or NQ, and ORIG, PATH or ORIG_OR_PATH behind a colon");
  }
  if (query !== "NQ") return wholePath;
  return ({ path: target }) => {
    if (target === undefined) return undefined;
    const question = target.indexOf("?");
    return textFromWire(question < 0 ? target : target.slice(0, question));
  };
}

function queryParameter(name: string): Operator {
  const isSecret = isSecretName(name);
  return ({ path: target }) => {
    const question = target?.indexOf("?") ?? -1;
    if (target === undefined || question < 0) return undefined;
    const value = new URLSearchParams(textFromWire(target.slice(question + 1))).get(name);
    if (value === null) return undefined;
    return isSecret ? REDACTED : value;
  };
}

/** Envoy's three ways to write a status of gRPC. */
function grpcStatus(style: string, report: ReportFormat): Operator {
  switch (style) {
    case "CAMEL_STRING":
      return ({ grpcStatus: code }) => (code === undefined ? undefined : grpcCamelName(code));
    case "SNAKE_STRING":
      return ({ grpcStatus: code }) => (code === undefined ? undefined : grpcSnakeName(code));
    case "NUMBER":
      return ({ grpcStatus: code }) => code;
    default:
      report("GRPC_STATUS takes CAMEL_STRING, SNAKE_STRING or NUMBER");
      return () => undefined;
  }
}

/** `METADATA(CLUSTER:istio:services)`, and behind it the place in the list and a field, which Envoy does not go into. */
function metadata(argument: string, report: ReportFormat): Operator {
  const [type = "", namespace = "", key, place, name, ...more] = argument.split(":");
  if (type === "DYNAMIC") return dynamicMetadata(argument.slice("DYNAMIC:".length), report);
  const isServices = type === "CLUSTER" && namespace === "istio" && key === "services";
  const isKnown = name === undefined || name === "host" || name === "name" || name === "namespace";
  if (!isServices || !isKnown || (place ?? "0") !== "0" || more.length > 0) {
    report("of METADATA only DYNAMIC and CLUSTER:istio:services are implemented");
    return () => undefined;
  }
  if (place === undefined) {
    return ({ service }) =>
      service && [{ host: service.host, name: service.name, namespace: service.namespace }];
  }
  if (name === undefined) return ({ service }) => service && { ...service };
  return ({ service }) => service?.[name];
}

function dynamicMetadata(argument: string, report: ReportFormat): Operator {
  const [namespace = "", ...keys] = argument.split(":");
  if (namespace === "") report("DYNAMIC_METADATA needs the name of a filter");
  if (namespace === CAPTURE_NAMESPACE) return capturedBody(keys, report);
  return (entry) => {
    const value = entry.metadata(namespace, keys);
    return value === null ? undefined : (value as LogValue);
  };
}

/** `request_body:1024:card,iban`. */
function capturedBody(keys: readonly string[], report: ReportFormat): Operator {
  const capture = parseCapture(keys);
  if (capture === undefined) {
    report("a captured body is request_body or response_body, with its bytes behind a colon");
    return () => undefined;
  }
  const { which, bytesMax, fields } = capture;
  const redaction = new BodyRedaction(fields);
  return (entry) => {
    const body = which === "request" ? entry.requestBody : entry.responseBody;
    if (body === undefined || body.length === 0) return undefined;
    // What is cut within a character ends with its replacement.
    return redaction.of(body.toString("utf8", 0, Math.min(body.length, bytesMax)));
  };
}

export interface BodyCapture {
  readonly which: "request" | "response";
  readonly bytesMax: number;
  readonly fields: readonly string[];
}

export function parseCapture(keys: readonly string[]): BodyCapture | undefined {
  const [name, bytes = "", fields = ""] = keys;
  const bytesMax = Number(bytes);
  if (name !== "request_body" && name !== "response_body") return undefined;
  if (!Number.isInteger(bytesMax) || bytesMax <= 0) return undefined;
  const which = name === "request_body" ? "request" : "response";
  return { which, bytesMax, fields: fields.split(",").filter((field) => field !== "") };
}
