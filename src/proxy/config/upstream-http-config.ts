/** What a cluster speaks to its endpoints, and how long its connections are kept: Envoy's HttpProtocolOptions. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { UPSTREAM_IDLE_TIMEOUT_MS } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type {
  HttpProtocolOptions as CommonOptions,
  Http2ProtocolOptions,
} from "../../gen/envoy/config/core/v3/protocol_pb.js";
import {
  type HttpProtocolOptions,
  HttpProtocolOptionsSchema,
} from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { compileHttp2Options, type Http2Options } from "./http2-options.ts";
import type { TlsSettings } from "./tls-settings.ts";

/** What the connections of a pool speak. */
export interface PoolProtocol {
  /** `alpn`: HTTP/2 where the handshake agrees on it, otherwise HTTP/1.1. */
  readonly codec: "http1" | "http2" | "alpn";
  /** What the handshake offers, nothing when empty. */
  readonly alpn: readonly string[];
}

/** Which of them a cluster speaks. `downstream`: whatever its client does. */
export type ProtocolChoice = PoolProtocol["codec"] | "downstream";

export interface UpstreamHttpConfig {
  readonly protocol: ProtocolChoice;
  readonly pool: PoolProtocol;
  /** For requests that came over HTTP/2, where that makes a difference. */
  readonly http2Pool: PoolProtocol | undefined;
  /** Infinite for never. */
  readonly idleTimeoutMs: number;
  /** Age at which connections make way, at the latest. Undefined when it is not said, infinite for never. */
  readonly connectionAgeMsMax: number | undefined;
  /** Infinite for no limit. */
  readonly requestsPerConnectionMax: number;
  /** Of a single stream. 0 means no limit. */
  readonly streamDurationMs: number;
  readonly http2: Http2Options;
}

interface SpokenOptions {
  readonly protocol: ProtocolChoice;
  readonly http2: Http2ProtocolOptions | undefined;
  /** Of `http2`. */
  readonly http2Path: string;
}

const OPTIONS = "typed_extension_protocol_options";
const ALPN = "transport_socket.typed_config.common_tls_context.alpn_protocols";
const HTTP1_ONLY: SpokenOptions = { protocol: "http1", http2: undefined, http2Path: "" };

export function compileUpstreamHttp(
  cluster: Cluster,
  tls: TlsSettings | undefined,
  errors: FieldError[],
): UpstreamHttpConfig {
  const found = httpOptions(cluster, errors);
  const { protocol, http2, http2Path } = spokenOptions(cluster, found, errors);
  if (protocol === "alpn" && tls === undefined) {
    const path = `${found?.path}.auto_config`;
    errors.push({ path, message: "needs TLS, whose handshake decides: add transport_socket" });
  }
  const common = found?.options.commonHttpProtocolOptions;
  return {
    protocol,
    ...poolsOf(protocol, tls?.alpnProtocols ?? [], errors),
    ...lifetimes(common, `${found?.path}.common_http_protocol_options`, errors),
    http2: compileHttp2Options(http2, "client", http2Path, errors),
  };
}

/** The one extension that is implemented, and its path. */
function httpOptions(
  cluster: Cluster,
  errors: FieldError[],
): { readonly options: HttpProtocolOptions; readonly path: string } | undefined {
  let found: ReturnType<typeof httpOptions>;
  for (const [key, any] of Object.entries(cluster.typedExtensionProtocolOptions)) {
    const path = `${OPTIONS}[${JSON.stringify(key)}]`;
    const options = anyUnpack(any, HttpProtocolOptionsSchema);
    if (options === undefined) {
      errors.push({ path, message: `${any.typeUrl} is not implemented` });
    } else if (found !== undefined) {
      errors.push({ path, message: `${found.path} says it already` });
    } else {
      found = { options, path };
    }
  }
  return found;
}

function spokenOptions(
  cluster: Cluster,
  found: ReturnType<typeof httpOptions>,
  errors: FieldError[],
): SpokenOptions {
  const older = cluster.http2ProtocolOptions;
  if (found === undefined) {
    return older === undefined
      ? HTTP1_ONLY
      : { protocol: "http2", http2: older, http2Path: "http2_protocol_options" };
  }
  if (older !== undefined) {
    errors.push({ path: "http2_protocol_options", message: `remove it: ${OPTIONS} says it` });
  }
  const { path } = found;
  const choice = found.options.upstreamProtocolOptions;
  switch (choice.case) {
    case "explicitHttpConfig": {
      const { case: version, value } = choice.value.protocolConfig;
      if (version === "http2ProtocolOptions") {
        const http2Path = `${path}.explicit_http_config.http2_protocol_options`;
        return { protocol: "http2", http2: value, http2Path };
      }
      if (version === undefined) {
        const message = "http_protocol_options or http2_protocol_options is required";
        errors.push({ path: `${path}.explicit_http_config`, message });
      }
      return HTTP1_ONLY;
    }
    case "autoConfig": {
      const http2Path = `${path}.auto_config.http2_protocol_options`;
      return { protocol: "alpn", http2: choice.value.http2ProtocolOptions, http2Path };
    }
    case "useDownstreamProtocolConfig": {
      const http2Path = `${path}.use_downstream_protocol_config.http2_protocol_options`;
      return { protocol: "downstream", http2: choice.value.http2ProtocolOptions, http2Path };
    }
    case undefined: {
      const message =
        "one of explicit_http_config, auto_config, use_downstream_protocol_config is required";
      errors.push({ path, message });
      return HTTP1_ONLY;
    }
  }
}

/** As in Envoy, the TLS settings say what is offered, and where they say nothing the protocol does. */
function poolsOf(
  protocol: ProtocolChoice,
  configured: readonly string[],
  errors: FieldError[],
): Pick<UpstreamHttpConfig, "pool" | "http2Pool"> {
  const http1 = (): PoolProtocol => ({
    codec: "http1",
    alpn: offer(configured, isHttp1, "http/1.1", errors),
  });
  const http2 = (): PoolProtocol => ({
    codec: "http2",
    alpn: offer(configured, isHttp2, "h2", errors),
  });
  switch (protocol) {
    case "http1":
      return { pool: http1(), http2Pool: undefined };
    case "http2":
      return { pool: http2(), http2Pool: undefined };
    case "downstream":
      return { pool: http1(), http2Pool: http2() };
    case "alpn": {
      const alpn = configured.length === 0 ? ["h2", "http/1.1"] : configured;
      return { pool: { codec: "alpn", alpn }, http2Pool: undefined };
    }
  }
}

/**
 * RFC 7301 section 3.1: the list is an offer from which one protocol is chosen. Leaving out those that these
 * connections do not speak changes the choice, never its meaning; an offer of which nothing is left is refused.
 */
function offer(
  configured: readonly string[],
  isSpoken: (protocol: string) => boolean,
  standard: string,
  errors: FieldError[],
): readonly string[] {
  if (configured.length === 0) return [standard];
  const spoken = configured.filter(isSpoken);
  if (spoken.length === 0) {
    const message = `nothing of ${configured.join(", ")} is what the cluster speaks; add ${standard}`;
    errors.push({ path: ALPN, message });
  }
  return spoken;
}

/** A name of somebody's own, as meshes have them, may stand for either version. */
function isHttp1(protocol: string): boolean {
  return !/^h[23]/.test(protocol);
}

function isHttp2(protocol: string): boolean {
  return !/^http\/|^h3/.test(protocol);
}

function lifetimes(
  common: CommonOptions | undefined,
  path: string,
  errors: FieldError[],
): Pick<
  UpstreamHttpConfig,
  "idleTimeoutMs" | "connectionAgeMsMax" | "requestsPerConnectionMax" | "streamDurationMs"
> {
  const idleMs = compileDuration(common?.idleTimeout, `${path}.idle_timeout`, errors);
  const agePath = `${path}.max_connection_duration`;
  const ageMs = compileDuration(common?.maxConnectionDuration, agePath, errors);
  if ((common?.headersWithUnderscoresAction ?? 0) !== 0) {
    const message = "only implemented for listeners";
    errors.push({ path: `${path}.headers_with_underscores_action`, message });
  }
  const requests = common?.maxRequestsPerConnection;
  if (requests === 0) {
    const message = "must be above 0; leave it out for no limit";
    errors.push({ path: `${path}.max_requests_per_connection`, message });
  }
  return {
    idleTimeoutMs: idleMs === 0 ? Number.POSITIVE_INFINITY : (idleMs ?? UPSTREAM_IDLE_TIMEOUT_MS),
    connectionAgeMsMax: ageMs === 0 ? Number.POSITIVE_INFINITY : ageMs,
    requestsPerConnectionMax: requests ?? Number.POSITIVE_INFINITY,
    streamDurationMs:
      compileDuration(common?.maxStreamDuration, `${path}.max_stream_duration`, errors) ?? 0,
  };
}
