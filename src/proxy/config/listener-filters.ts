/** The listener filters of a listener compiled: what is looked at before a connection gets its filter chain. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { LISTENER_FILTERS_TIMEOUT_MS } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { HttpInspectorSchema } from "../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { ProxyProtocolSchema } from "../../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js";
import { TlsInspectorSchema } from "../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import type { ChainMatch } from "./filter-chain-match.ts";

export interface Inspection {
  /** Whether a connection begins with a PROXY protocol header. */
  readonly proxyProtocol: "none" | "required" | "optional";
  /** Server name and ALPN are read from a ClientHello. */
  readonly readsTls: boolean;
  /** HTTP/1 and HTTP/2 are told from other protocols. */
  readonly readsHttp: boolean;
  /** Milliseconds, 0 for no limit. */
  readonly timeoutMs: number;
  /** What goes on at the limit with what is known by then. Otherwise the connection is closed. */
  readonly continuesOnTimeout: boolean;
}

/** `matches` are those of the filter chains: nothing is read that none of them asks for. */
export function compileInspection(
  listener: Listener,
  matches: readonly ChainMatch[],
  errors: FieldError[],
): Inspection {
  let proxyProtocol: Inspection["proxyProtocol"] = "none";
  let hasHttpInspector = false;
  let hasTlsInspector = false;
  const names = new Set<string>();
  for (const [index, filter] of listener.listenerFilters.entries()) {
    const path = `listener_filters[${index}]`;
    const any = filter.configType.case === "typedConfig" ? filter.configType.value : undefined;
    if (any === undefined) {
      errors.push({ path: `${path}.typed_config`, message: "is required" });
      continue;
    }
    if (names.has(any.typeUrl)) {
      errors.push({ path, message: "the same listener filter stands before it" });
    }
    names.add(any.typeUrl);
    const proxy = anyUnpack(any, ProxyProtocolSchema);
    if (proxy !== undefined) {
      if (index > 0) errors.push({ path, message: "proxy_protocol must be the first filter" });
      proxyProtocol = proxy.allowRequestsWithoutProxyProtocol ? "optional" : "required";
    } else if (anyUnpack(any, HttpInspectorSchema) !== undefined) {
      hasHttpInspector = true;
    } else if (anyUnpack(any, TlsInspectorSchema) !== undefined) {
      hasTlsInspector = true;
    } else {
      const message = `${any.typeUrl} is not implemented here`;
      errors.push({ path: `${path}.typed_config`, message });
    }
  }
  // Envoy adds the inspector by itself where chains ask for what only it finds.
  const asksForTls = matches.some(isAboutTls);
  const asksForTransport = matches.some((match) => match.transportProtocol !== "");
  const asksForHttp = matches.some((match) => match.applicationProtocols.length > 0);
  return {
    proxyProtocol,
    readsTls: asksForTls || (hasTlsInspector && asksForTransport),
    readsHttp: hasHttpInspector && asksForHttp,
    timeoutMs:
      compileDuration(listener.listenerFiltersTimeout, "listener_filters_timeout", errors) ??
      LISTENER_FILTERS_TIMEOUT_MS,
    continuesOnTimeout: listener.continueOnListenerFiltersTimeout,
  };
}

/** Whether a connection has to be read before its chain is known. */
export function isInspected(inspection: Inspection): boolean {
  const { proxyProtocol, readsTls, readsHttp } = inspection;
  return proxyProtocol !== "none" || readsTls || readsHttp;
}

/** Application protocols of any transport may be those of a ClientHello. */
function isAboutTls(match: ChainMatch): boolean {
  if (match.serverNames.length > 0 || match.transportProtocol === "tls") return true;
  return match.applicationProtocols.length > 0 && match.transportProtocol !== "raw_buffer";
}
