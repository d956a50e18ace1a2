/**
 * The grammar of Envoy's format strings: text with operators like `%REQ(USER-AGENT):20%`. Both validation of what users write
 * and the access log's compiler read it, so that a format is refused where it is written.
 */
/** `%REQ(X?Y):20%`. */
export interface FormatOperator {
  readonly name: string;
  /** What stands between the parentheses; undefined without any. */
  readonly argument: string | undefined;
  /** Longer values are cut to so many characters. */
  readonly charsMax: number | undefined;
}

export type FormatPart = string | FormatOperator;

type ArgumentRule = "none" | "optional" | "required";

const WITHOUT_ARGUMENT = [
  "ACCESS_LOG_TYPE",
  "BYTES_RECEIVED",
  "BYTES_SENT",
  "CONNECTION_TERMINATION_DETAILS",
  "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
  "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_DIRECT_REMOTE_PORT",
  "DOWNSTREAM_LOCAL_ADDRESS",
  "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_LOCAL_PORT",
  "DOWNSTREAM_PEER_CERT",
  "DOWNSTREAM_PEER_FINGERPRINT_256",
  "DOWNSTREAM_PEER_DNS_SAN",
  "DOWNSTREAM_PEER_ISSUER",
  "DOWNSTREAM_PEER_SERIAL",
  "DOWNSTREAM_PEER_SUBJECT",
  "DOWNSTREAM_PEER_URI_SAN",
  "DOWNSTREAM_REMOTE_ADDRESS",
  "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_REMOTE_PORT",
  "DOWNSTREAM_TLS_CIPHER",
  "DOWNSTREAM_TLS_VERSION",
  "DOWNSTREAM_WIRE_BYTES_RECEIVED",
  "DOWNSTREAM_WIRE_BYTES_SENT",
  "DURATION",
  "GRPC_STATUS_NUMBER",
  "HOSTNAME",
  "METHOD",
  "PROTOCOL",
  "REQUESTED_SERVER_NAME",
  "REQUEST_DURATION",
  "REQUEST_TX_DURATION",
  "RESPONSE_CODE",
  "RESPONSE_CODE_DETAILS",
  "RESPONSE_DURATION",
  "RESPONSE_FLAGS",
  "RESPONSE_FLAGS_LONG",
  "RESPONSE_TX_DURATION",
  "ROUTE_NAME",
  "SPAN_ID",
  "STREAM_ID",
  "TRACE_ID",
  "UPSTREAM_CLUSTER",
  "UPSTREAM_CLUSTER_RAW",
  "UPSTREAM_HOST",
  "UPSTREAM_LOCAL_ADDRESS",
  "UPSTREAM_REMOTE_ADDRESS",
  "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
  "UPSTREAM_REMOTE_PORT",
  "UPSTREAM_REQUEST_ATTEMPT_COUNT",
  "UPSTREAM_TRANSPORT_FAILURE_REASON",
] as const;

const OPERATORS: ReadonlyMap<string, ArgumentRule> = new Map<string, ArgumentRule>([
  ...WITHOUT_ARGUMENT.map((name) => [name, "none"] as const),
  ["DYNAMIC_METADATA", "required"],
  ["ENVIRONMENT", "required"],
  ["GRPC_STATUS", "optional"],
  ["METADATA", "required"],
  ["PATH", "optional"],
  ["QUERY_PARAM", "required"],
  ["REQ", "required"],
  ["RESP", "required"],
  ["START_TIME", "optional"],
  ["TRAILER", "required"],
  ["EMIT_TIME", "optional"],
]);

/** Every operator that a format may use. */
export const FORMAT_OPERATORS: readonly string[] = [...OPERATORS.keys()].sort();

/** An operator with its argument and its limit of characters, or the escaped percent sign. */
const OPERATOR = /%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%/g;

/** `report` is told each thing that is wrong; what is returned then is not to be used. */
export function parseFormat(
  format: string,
  report: (message: string) => void,
): readonly FormatPart[] {
  const parts: FormatPart[] = [];
  const addText = (text: string, at: number): void => {
    const stray = text.indexOf("%");
    if (stray >= 0) {
      report(`the % at position ${at + stray} begins no operator; write %% for a percent sign`);
    }
    const last = parts.at(-1);
    if (typeof last === "string") parts[parts.length - 1] = last + text;
    else if (text !== "") parts.push(text);
  };
  let rest = 0;
  for (const match of format.matchAll(OPERATOR)) {
    addText(format.slice(rest, match.index), rest);
    rest = match.index + match[0].length;
    const [, name, argument, limit] = match;
    if (name === undefined) {
      const last = parts.at(-1);
      if (typeof last === "string") parts[parts.length - 1] = `${last}%`;
      else parts.push("%");
      continue;
    }
    checkOperator(name, argument, report);
    parts.push({ name, argument, charsMax: limit === undefined ? undefined : Number(limit) });
  }
  addText(format.slice(rest), rest);
  return parts;
}

function checkOperator(
  name: string,
  argument: string | undefined,
  report: (message: string) => void,
): void {
  const rule = OPERATORS.get(name);
  if (rule === undefined) {
    report(`the operator %${name}% is not implemented; there are ${FORMAT_OPERATORS.join(", ")}`);
  } else if (rule === "none" && argument !== undefined) {
    report(`%${name}% takes no argument`);
  } else if (rule === "required" && (argument ?? "") === "") {
    report(`%${name}% needs an argument in parentheses: ${EXAMPLES[name]}`);
  }
}

const EXAMPLES: Readonly<Record<string, string>> = {
  DYNAMIC_METADATA: "%DYNAMIC_METADATA(namespace:key)%",
  ENVIRONMENT: "%ENVIRONMENT(NAME)%",
  METADATA: "%METADATA(CLUSTER:namespace:key)%",
  QUERY_PARAM: "%QUERY_PARAM(name)%",
  REQ: "%REQ(USER-AGENT)%",
  RESP: "%RESP(CONTENT-TYPE)%",
  TRAILER: "%TRAILER(GRPC-STATUS)%",
};
