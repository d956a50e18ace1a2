/**
 * Access log lines: Istio's JSON keys by default, or a format of the user's with Envoy's command
 * operators, compiled when configuration changes.
 */
import { textFromWire } from "../core/wire-text.ts";
import { grpcCamelName, grpcSnakeName } from "./grpc-status.ts";

/** What a line can tell. Missing values are undefined and become null in JSON, `-` in text. */
export interface AccessLogEntry {
  readonly startTimeMs: number;
  /** This and the next two are undefined for a TCP connection. */
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly protocol: string | undefined;
  readonly responseCode: number;
  readonly responseFlags: string;
  readonly responseCodeDetails: string | undefined;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly durationMs: number;
  readonly upstreamServiceTimeMs: number | undefined;
  readonly routeName: string | undefined;
  readonly authority: string | undefined;
  readonly upstreamHost: string | undefined;
  readonly upstreamCluster: string | undefined;
  readonly upstreamFailureReason: string | undefined;
  readonly downstreamLocalAddress: string;
  readonly downstreamRemoteAddress: string;
  readonly requestedServerName: string | undefined;
  readonly peerPrincipal: string | undefined;
  readonly attempts: number;
  /** Of a connection that the proxy itself closed. */
  readonly connectionTerminationDetails?: string | undefined;
  /** Of a gRPC request. */
  readonly grpcStatus?: number | undefined;
  requestHeader(lowerName: string): string | undefined;
}

type Value = string | number | undefined;
type Operator = (entry: AccessLogEntry) => Value;

/** Operators without an argument. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  START_TIME: (entry) => new Date(entry.startTimeMs).toISOString(),
  METHOD: (entry) => entry.method,
  PATH: pathOf,
  PROTOCOL: (entry) => entry.protocol,
  RESPONSE_CODE: (entry) => entry.responseCode,
  RESPONSE_FLAGS: (entry) => entry.responseFlags,
  RESPONSE_CODE_DETAILS: (entry) => entry.responseCodeDetails,
  CONNECTION_TERMINATION_DETAILS: (entry) => entry.connectionTerminationDetails,
  BYTES_RECEIVED: (entry) => entry.bytesReceived,
  BYTES_SENT: (entry) => entry.bytesSent,
  DURATION: (entry) => Math.round(entry.durationMs),
  ROUTE_NAME: (entry) => entry.routeName,
  UPSTREAM_HOST: (entry) => entry.upstreamHost,
  UPSTREAM_CLUSTER: (entry) => entry.upstreamCluster,
  UPSTREAM_LOCAL_ADDRESS: () => undefined,
  UPSTREAM_TRANSPORT_FAILURE_REASON: (entry) => entry.upstreamFailureReason,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (entry) => entry.attempts,
  DOWNSTREAM_LOCAL_ADDRESS: (entry) => entry.downstreamLocalAddress,
  DOWNSTREAM_REMOTE_ADDRESS: (entry) => entry.downstreamRemoteAddress,
  DOWNSTREAM_PEER_URI_SAN: (entry) => entry.peerPrincipal,
  REQUESTED_SERVER_NAME: (entry) => entry.requestedServerName,
  GRPC_STATUS_NUMBER: ({ grpcStatus }) => grpcStatus,
};

/** Every operator that a format may use. */
export const OPERATOR_NAMES: readonly string[] = [
  ...Object.keys(OPERATORS),
  "GRPC_STATUS",
  "REQ",
  "RESP",
].sort();

/** Istio's 24 keys in its order, then who called and how often the request was tried. Envoy can read it too. */
export const ISTIO_JSON_FORMAT: Readonly<Record<string, string>> = {
  start_time: "%START_TIME%",
  route_name: "%ROUTE_NAME%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  response_code: "%RESPONSE_CODE%",
  response_flags: "%RESPONSE_FLAGS%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
  user_agent: "%REQ(USER-AGENT)%",
  request_id: "%REQ(X-REQUEST-ID)%",
  authority: "%REQ(:AUTHORITY)%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
  source_principal: "%DOWNSTREAM_PEER_URI_SAN%",
  traceparent: "%REQ(TRACEPARENT)%",
};

export type LineFormat = (entry: AccessLogEntry) => string;

export function defaultLineFormat(): LineFormat {
  return jsonLineFormat(ISTIO_JSON_FORMAT, () => {});
}

/** `report` is told what is wrong with a field's format. */
export function jsonLineFormat(
  fields: Readonly<Record<string, string>>,
  report: (key: string, message: string) => void,
): LineFormat {
  const compiled = Object.entries(fields).map(([key, format]) => {
    return [key, compileFormat(format, (message) => report(key, message))] as const;
  });
  return (entry) => {
    const line: Record<string, unknown> = {};
    for (const [key, parts] of compiled) line[key] = typedValue(parts, entry);
    return `${JSON.stringify(line)}\n`;
  };
}

/** The format brings its own line end, as in Envoy. */
export function textLineFormat(format: string, report: (message: string) => void): LineFormat {
  const parts = compileFormat(format, report);
  return (entry) => textOf(parts, entry);
}

type Part = string | Operator;

/** An operator with its argument and its limit of characters, or the escaped percent sign. */
const OPERATOR = /%%|%([A-Z_]+)(?:\(([^)]*)\))?(?::(\d+))?%/g;

function compileFormat(format: string, report: (message: string) => void): readonly Part[] {
  const parts: Part[] = [];
  const addText = (text: string, at: number): void => {
    const stray = text.indexOf("%");
    if (stray >= 0) {
      report(`the % at position ${at + stray} begins no operator; write %% for a percent sign`);
    }
    parts.push(text);
  };
  let rest = 0;
  for (const match of format.matchAll(OPERATOR)) {
    addText(format.slice(rest, match.index), rest);
    rest = match.index + match[0].length;
    const [, name, argument, limit] = match;
    if (name === undefined) {
      parts.push("%");
      continue;
    }
    const operator = compileOperator(name, argument, report);
    parts.push(limit === undefined ? operator : limited(operator, Number(limit)));
  }
  addText(format.slice(rest), rest);
  return parts.filter((part) => part !== "");
}

function compileOperator(
  name: string,
  argument: string | undefined,
  report: (message: string) => void,
): Operator {
  if (name === "REQ") return requestHeader(argument ?? "", report);
  if (name === "RESP") return responseHeader(argument ?? "", report);
  if (name === "GRPC_STATUS") return grpcStatus(argument ?? "CAMEL_STRING", report);
  const operator = OPERATORS[name];
  if (operator === undefined) {
    report(`the operator %${name}% is not implemented; there are ${OPERATOR_NAMES.join(", ")}`);
    return () => undefined;
  }
  if (argument !== undefined) report(`an argument of %${name}% is not implemented`);
  return operator;
}

/** `%REQ(X?Y)%`: the header X, or Y where X is missing. */
function requestHeader(argument: string, report: (message: string) => void): Operator {
  const [first = "", second, ...more] = argument.toLowerCase().split("?");
  if (first === "" || second === "" || more.length > 0) {
    report("REQ needs a header name, or two with ? between them");
  }
  const read = headerOperator(first);
  if (second === undefined) return read;
  const readOther = headerOperator(second);
  return (entry) => read(entry) ?? readOther(entry);
}

function headerOperator(lowerName: string): Operator {
  switch (lowerName) {
    case ":method":
      return (entry) => entry.method;
    case ":authority":
      return (entry) => entry.authority;
    case ":path":
      // As it was received, whatever a route made of it.
      return pathOf;
    default:
      return (entry) => {
        const value = entry.requestHeader(lowerName);
        return value === undefined ? undefined : textFromWire(value);
      };
  }
}

function pathOf({ path }: AccessLogEntry): string | undefined {
  return path === undefined ? undefined : textFromWire(path);
}

function responseHeader(argument: string, report: (message: string) => void): Operator {
  if (argument.toLowerCase() !== "x-envoy-upstream-service-time") {
    report("only RESP(X-ENVOY-UPSTREAM-SERVICE-TIME) is implemented");
  }
  return (entry) =>
    entry.upstreamServiceTimeMs === undefined ? undefined : Math.round(entry.upstreamServiceTimeMs);
}

/** Envoy's three ways to write a status of gRPC. */
function grpcStatus(style: string, report: (message: string) => void): Operator {
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

function limited(operator: Operator, charsMax: number): Operator {
  return (entry) => {
    const value = operator(entry);
    return value === undefined ? undefined : String(value).slice(0, charsMax);
  };
}

/** A single operator keeps its type: numbers stay numbers, missing values become null. */
function typedValue(parts: readonly Part[], entry: AccessLogEntry): string | number | null {
  const [first] = parts;
  if (parts.length === 1 && typeof first === "function") return first(entry) ?? null;
  return textOf(parts, entry);
}

function textOf(parts: readonly Part[], entry: AccessLogEntry): string {
  let text = "";
  for (const part of parts) text += typeof part === "string" ? part : (part(entry) ?? "-");
  return text;
}
