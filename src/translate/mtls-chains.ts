/**
 * The filter chains of an app's port, by what it takes from its callers. Whatever a connection speaks, it passes the
 * same filters: only whether it must be mutual TLS, may be, or must not differs.
 */
import { create } from "@bufbuild/protobuf";
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
} from "../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { MtlsMode } from "../resource/kinds/peer-authentication.ts";
import { TCP_ALPN } from "./defaults.ts";
import {
  detectProtocol,
  detectTls,
  HTTP_APPLICATION_PROTOCOLS,
  inspectTls,
} from "./listener-filters.ts";
import type { ListenerChains } from "./outbound-chains.ts";
import { downstreamTls } from "./transport-socket.ts";

/** What serves requests, and what serves opaque bytes. One of them at least. */
export interface PortFilters {
  readonly http: readonly Filter[] | undefined;
  readonly stream: readonly Filter[] | undefined;
}

const HTTP_ALPN = ["h2", "http/1.1"];
const TLS = "tls";
const PLAIN = "raw_buffer";

/** `timeoutMs`: how long the first bytes of a connection are waited for, where it may be silent. */
export function mtlsChains(
  mode: MtlsMode,
  filters: PortFilters,
  timeoutMs: number,
): ListenerChains {
  switch (mode) {
    case "STRICT":
      return strictChains(filters);
    case "PERMISSIVE":
      return permissiveChains(filters, timeoutMs);
    case "DISABLE":
      return plainChains(filters, timeoutMs);
  }
}

function strictChains({ http, stream }: PortFilters): ListenerChains {
  if (http === undefined) return { filterChains: [secureStream(stream, undefined)] };
  const httpChain = create(FilterChainSchema, secureHttp(http));
  if (stream === undefined) return { filterChains: [httpChain] };
  return {
    ...inspectTls(),
    filterChains: [secureStream(stream, { applicationProtocols: [...TCP_ALPN] })],
    defaultFilterChain: httpChain,
  };
}

/** TLS of sidecars goes to the chains with TLS; a client's own TLS is a stream of bytes for the app. */
function permissiveChains({ http, stream }: PortFilters, timeoutMs: number): ListenerChains {
  const ofSidecars = { transportProtocol: TLS, applicationProtocols: [...TCP_ALPN] };
  if (http === undefined) {
    return {
      ...detectTls(timeoutMs),
      filterChains: [secureStream(stream, ofSidecars)],
      defaultFilterChain: plain(stream),
    };
  }
  const httpChain = create(FilterChainSchema, {
    ...secureHttp(http),
    filterChainMatch: { transportProtocol: TLS },
  });
  if (stream === undefined) {
    return {
      ...inspectTls(),
      filterChains: [httpChain, plain(http, { transportProtocol: PLAIN })],
    };
  }
  return {
    ...detectProtocol(timeoutMs),
    filterChains: [secureStream(stream, ofSidecars), httpChain, plainHttp(http)],
    defaultFilterChain: plain(stream),
  };
}

/** Where nothing but HTTP is taken, TLS finds no chain and is refused. */
function plainChains({ http, stream }: PortFilters, timeoutMs: number): ListenerChains {
  if (http === undefined) return { filterChains: [plain(stream)] };
  if (stream === undefined) {
    return { ...inspectTls(), filterChains: [plain(http, { transportProtocol: PLAIN })] };
  }
  return {
    ...detectProtocol(timeoutMs),
    filterChains: [plainHttp(http)],
    defaultFilterChain: plain(stream),
  };
}

interface Match {
  readonly transportProtocol?: string;
  readonly applicationProtocols?: string[];
}

function secureHttp(filters: readonly Filter[]) {
  return { filters: [...filters], transportSocket: downstreamTls(HTTP_ALPN) };
}

function secureStream(filters: readonly Filter[] = [], match: Match | undefined): FilterChain {
  return create(FilterChainSchema, {
    filters: [...filters],
    transportSocket: downstreamTls(TCP_ALPN),
    ...(match === undefined ? {} : { filterChainMatch: match }),
  });
}

function plain(filters: readonly Filter[] = [], match?: Match): FilterChain {
  return create(FilterChainSchema, {
    filters: [...filters],
    ...(match === undefined ? {} : { filterChainMatch: match }),
  });
}

function plainHttp(filters: readonly Filter[]): FilterChain {
  return plain(filters, {
    transportProtocol: PLAIN,
    applicationProtocols: [...HTTP_APPLICATION_PROTOCOLS],
  });
}
