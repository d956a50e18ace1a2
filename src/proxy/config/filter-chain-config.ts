/** A FilterChain compiled: which connections it takes, its transport socket, and its network filters. */
import type { JsonObject } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  compileNetworkExtAuthz,
  type NetworkExtAuthzRule,
} from "../../decision/ext-authz/network-ext-authz-rule.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { compileNetworkRbac, type NetworkRbacRule } from "../../decision/rbac/network-rbac-rule.ts";
import type { FilterChain } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import type { MetricSettings } from "../../telemetry/request-metrics-settings.ts";
import { HttpConfig } from "../http-config.ts";
import { type ConnectionRule, compileConnectionRule } from "./connection-rules.ts";
import { type ChainMatch, compileChainMatch } from "./filter-chain-match.ts";
import { compileTcpProxy, type TcpProxyConfig } from "./tcp-proxy-config.ts";
import { compileTransportSocket, type TlsSettings } from "./tls-settings.ts";

/** What a chain does with the bytes of its connections. */
export type ChainService =
  | { readonly kind: "http"; readonly http: HttpConfig }
  | { readonly kind: "tcp"; readonly tcp: TcpProxyConfig };

export interface FilterChainConfig {
  /** "" where the chain has none. */
  readonly name: string;
  readonly match: ChainMatch;
  /** Undefined when connections are passed on as they come. */
  readonly tls: TlsSettings | undefined;
  /** What connections must pass first, in this order. */
  readonly limits: readonly ConnectionRule[];
  /** What connections whose peer is known must pass, in this order. */
  readonly authorization: readonly NetworkRbacRule[];
  /** Which services TCP connections are asked about behind that, in this order. */
  readonly checks: readonly NetworkExtAuthzRule[];
  readonly service: ChainService;
  /** What is told of its requests and connections as metrics, where something is said about that. */
  readonly metrics?: MetricSettings;
}

/** Undefined when `errors` says why. `ownTracing`: what the listener's metadata say of traces. */
export function compileFilterChain(
  chain: FilterChain,
  path: string,
  errors: FieldError[],
  wallMs: () => number,
  ownTracing: JsonObject | undefined,
): FilterChainConfig | undefined {
  const match = compileChainMatch(chain.filterChainMatch, `${path}.filter_chain_match`, errors);
  const tls = compileTransportSocket(
    chain.transportSocket,
    "server",
    `${path}.transport_socket`,
    errors,
  );
  const { limits, authorization, checks } = compileGates(chain, path, errors);
  const service = compileService(chain, path, errors, wallMs, ownTracing);
  if (checks.length > 0 && service?.kind === "http") {
    const message =
      "a network ext_authz stands before a TcpProxy only; requests have an HTTP filter";
    errors.push({ path: `${path}.filters`, message });
  }
  return service && { name: chain.name, match, tls, limits, authorization, checks, service };
}

/** Every filter but the last. */
function compileGates(
  { filters }: FilterChain,
  path: string,
  errors: FieldError[],
): Pick<FilterChainConfig, "limits" | "authorization" | "checks"> {
  const limits: ConnectionRule[] = [];
  const authorization: NetworkRbacRule[] = [];
  const checks: NetworkExtAuthzRule[] = [];
  for (const [index, { configType }] of filters.slice(0, -1).entries()) {
    const at = `${path}.filters[${index}]`;
    const config = configType.case === "typedConfig" ? configType.value : undefined;
    const limit = config && compileConnectionRule(config, `${at}.typed_config`, errors);
    const rbac = config && compileNetworkRbac(config, `${at}.typed_config`, errors);
    const check = config && compileNetworkExtAuthz(config, `${at}.typed_config`, errors);
    if (limit !== undefined) limits.push(limit);
    else if (rbac !== undefined) authorization.push(rbac);
    else if (check !== undefined) checks.push(check);
    else {
      const message =
        "only a ConnectionLimit, a LocalRateLimit, an RBAC or an ExtAuthz may stand before the last filter";
      errors.push({ path: at, message });
    }
  }
  return { limits, authorization, checks };
}

function compileService(
  chain: FilterChain,
  path: string,
  errors: FieldError[],
  wallMs: () => number,
  ownTracing: JsonObject | undefined,
): ChainService | undefined {
  const last = chain.filters.length - 1;
  const filter = chain.filters[last];
  const any = filter?.configType.case === "typedConfig" ? filter.configType.value : undefined;
  const at = `${path}.filters[${last}].typed_config`;
  if (any !== undefined) {
    const manager = anyUnpack(any, HttpConnectionManagerSchema);
    if (manager !== undefined) {
      return { kind: "http", http: new HttpConfig(manager, at, errors, wallMs, ownTracing) };
    }
    const proxy = anyUnpack(any, TcpProxySchema);
    if (proxy !== undefined) return { kind: "tcp", tcp: compileTcpProxy(proxy, at, errors) };
  }
  const message = "the last filter must be an HttpConnectionManager or a TcpProxy";
  errors.push({ path: `${path}.filters`, message });
  return undefined;
}
