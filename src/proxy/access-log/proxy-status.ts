/** The Proxy-Status field (RFC 9209): why an answer is not what its origin meant, in words that every client knows. */
import type { FieldError } from "../../decision/field-error.ts";
import type { HttpConnectionManager_ProxyStatusConfig as ProxyStatusConfig } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { FLAG, RESPONSE_FLAGS, type ResponseFlag } from "../../telemetry/response-flag.ts";
import type { RequestOutcome } from "../request-outcome.ts";

const PROXY_STATUS = new HeaderName("proxy-status");

/** Error types of RFC 9209 section 2.3 by response flag, as Envoy has them. Other flags are no errors. */
const ERROR_TYPES: Readonly<Partial<Record<ResponseFlag, string>>> = {
  LH: "destination_unavailable",
  UH: "destination_unavailable",
  UT: "http_response_timeout",
  DT: "connection_timeout",
  LR: "connection_timeout",
  UR: "connection_terminated",
  UF: "connection_refused",
  UAEX: "connection_refused",
  UC: "connection_terminated",
  OM: "connection_limit_reached",
  DO: "connection_limit_reached",
  FI: "http_request_error",
  DC: "connection_terminated",
  DR: "connection_terminated",
  UO: "connection_limit_reached",
  NR: "destination_not_found",
  RL: "connection_limit_reached",
  RLSE: "connection_limit_reached",
  URX: "destination_unavailable",
  SI: "http_response_timeout",
  IH: "http_request_error",
  DPE: "http_request_error",
  UMSDR: "http_response_timeout",
  NFCF: "proxy_configuration_error",
  UPE: "http_protocol_error",
  NC: "destination_unavailable",
  DF: "dns_error",
};

export class ProxyStatus {
  readonly #config: ProxyStatusConfig;
  readonly #serverName: string;

  constructor(config: ProxyStatusConfig, serverName: string) {
    this.#config = config;
    this.#serverName = serverName;
  }

  /** Behind what proxies nearer to the origin have said: RFC 9209 section 2. Nothing where the answer is in order. */
  addTo(headers: HeaderBlock, outcome: RequestOutcome, nodeId: string): void {
    if (outcome.flag === FLAG.none) return;
    const flag = RESPONSE_FLAGS[outcome.flag];
    const type = flag === undefined ? undefined : ERROR_TYPES[flag];
    if (type === undefined) return;
    const before = headers.get("proxy-status");
    const own = `${this.#nameFor(nodeId)}; error=${type}${this.#details(outcome, flag ?? "")}`;
    headers.set(new HeaderField(PROXY_STATUS, before === undefined ? own : `${before}, ${own}`));
  }

  #nameFor(nodeId: string): string {
    const { proxyName } = this.#config;
    if (proxyName.case === "literalProxyName") return proxyName.value;
    return proxyName.case === "useNodeId" && proxyName.value ? nodeId : this.#serverName;
  }

  #details({ details }: RequestOutcome, flag: string): string {
    const { removeDetails, removeResponseFlags } = this.#config;
    if (removeDetails || details === "") return "";
    const text = removeResponseFlags ? details : `${details}; ${flag}`;
    // RFC 8941 section 3.3.3: a string.
    return `; details="${text.replaceAll(/[^ -~]/g, "?").replaceAll(/["\\]/g, "\\$&")}"`;
  }
}

/** Undefined where nothing is said. */
export function compileProxyStatus(
  config: ProxyStatusConfig | undefined,
  serverName: string,
  path: string,
  errors: FieldError[],
): ProxyStatus | undefined {
  if (config === undefined) return undefined;
  if (config.setRecommendedResponseCode) {
    errors.push({ path: `${path}.set_recommended_response_code`, message: "is not implemented" });
  }
  return new ProxyStatus(config, serverName);
}
