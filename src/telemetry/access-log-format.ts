/**
 * Access log lines: Istio's JSON keys by default, or a format of the user's with Envoy's command
 * operators, compiled when configuration changes.
 */

/** What a line can tell. Missing values are undefined and become null in JSON, `-` in text. */
export interface AccessLogEntry {
  readonly startTimeMs: number;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly responseCode: number;
  readonly responseFlags: string;
  readonly responseCodeDetails: string;
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
  requestHeader(lowerName: string): string | undefined;
}

type Value = string | number | undefined;
type Operator = (entry: AccessLogEntry, argument: string) => Value;

const OPERATORS: Readonly<Record<string, Operator>> = {
  START_TIME: (entry) => new Date(entry.startTimeMs).toISOString(),
  METHOD: (entry) => entry.method,
  PATH: (entry) => entry.path,
  PROTOCOL: (entry) => entry.protocol,
  RESPONSE_CODE: (entry) => entry.responseCode,
  RESPONSE_FLAGS: (entry) => entry.responseFlags,
  RESPONSE_CODE_DETAILS: (entry) => entry.responseCodeDetails,
  CONNECTION_TERMINATION_DETAILS: () => undefined,
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
  REQ: requestHeader,
  RESP: (entry, argument) =>
    argument.toLowerCase() === "x-envoy-upstream-service-time" &&
    entry.upstreamServiceTimeMs !== undefined
      ? Math.round(entry.upstreamServiceTimeMs)
      : undefined,
};

function requestHeader(entry: AccessLogEntry, argument: string): Value {
  for (const name of argument.toLowerCase().split("?")) {
    const value =
      name === ":path" || name === "x-envoy-original-path"
        ? name === ":path"
          ? entry.path
          : undefined
        : name === ":method"
          ? entry.method
          : name === ":authority"
            ? entry.authority
            : entry.requestHeader(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Istio's 24 keys in its order, and what this proxy adds. */
const DEFAULT_JSON: Readonly<Record<string, string>> = {
  start_time: "%START_TIME%",
  route_name: "%ROUTE_NAME%",
  method: "%METHOD%",
  path: "%PATH%",
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
  return jsonLineFormat(DEFAULT_JSON, () => {});
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

export function textLineFormat(format: string, report: (message: string) => void): LineFormat {
  const parts = compileFormat(format, report);
  return (entry) => textOf(parts, entry);
}

type Part = string | { readonly operator: Operator; readonly argument: string };

function compileFormat(format: string, report: (message: string) => void): readonly Part[] {
  const parts: Part[] = [];
  let rest = 0;
  for (const match of format.matchAll(/%%|%([A-Z_]+)(?:\(([^)]*)\))?(?::\d+)?%/g)) {
    parts.push(format.slice(rest, match.index));
    rest = match.index + match[0].length;
    const operator = match[1] === undefined ? undefined : OPERATORS[match[1]];
    if (match[0] === "%%") parts.push("%");
    else if (operator === undefined) report(`the operator %${match[1]}% is not implemented`);
    else parts.push({ operator, argument: match[2] ?? "" });
  }
  parts.push(format.slice(rest));
  return parts.filter((part) => part !== "");
}

/** A single operator keeps its type: numbers stay numbers, missing values become null. */
function typedValue(parts: readonly Part[], entry: AccessLogEntry): string | number | null {
  const [first] = parts;
  if (parts.length === 1 && typeof first === "object") {
    return first.operator(entry, first.argument) ?? null;
  }
  return textOf(parts, entry);
}

function textOf(parts: readonly Part[], entry: AccessLogEntry): string {
  return parts
    .map((part) =>
      typeof part === "string" ? part : String(part.operator(entry, part.argument) ?? "-"),
    )
    .join("");
}
