/** An HttpConnectionManager compiled: what every request of a listener goes through before and after routing. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { STREAM_IDLE_TIMEOUT_MS } from "../core/limits.ts";
import { compileDuration } from "../decision/duration.ts";
import type { FieldError } from "../decision/field-error.ts";
import { RouteTable } from "../decision/route-table.ts";
import { compileUpgrades, type UpgradeRules } from "../decision/upgrade-rule.ts";
import {
  HttpConnectionManager_CodecType as CodecType,
  type HttpConnectionManager,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
  HttpConnectionManager_PathWithEscapedSlashesAction as SlashAction,
} from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { HEADER } from "../http/header-name.ts";
import type { EscapedSlashes, PathNormalization } from "../http/path-normalization.ts";
import { HttpDate } from "../telemetry/http-date.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import { type AccessLogConfig, compileAccessLogs } from "./access-log/access-log-config.ts";
import type { LogNeeds } from "./access-log/log-needs.ts";
import { compileProxyStatus, type ProxyStatus } from "./access-log/proxy-status.ts";
import { ArrivalHeaders } from "./arrival-headers.ts";
import { compileHostRule, type HostRule } from "./config/host-rule.ts";
import { compileHttpFilters, type FilterEntry } from "./config/http-filters.ts";
import { compileHttp2Options, type Http2Options } from "./config/http2-options.ts";
import { compileLocalReplies, type LocalReplyHeaders } from "./config/local-reply-config.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import { compileTracing, type TracingConfig } from "./tracing/tracing-config.ts";

const X_REQUEST_ID = new HeaderName("x-request-id");
const DATE = new HeaderName("date");
const SERVER = new HeaderName("server");
const ORIGINAL_PATH = new HeaderName("x-envoy-original-path");
const ORIGINAL_HOST = new HeaderName("x-envoy-original-host");
const OVERLOADED = new HeaderField(new HeaderName("x-envoy-overloaded"), "true");
const SERVICE_TIME = new HeaderName("x-envoy-upstream-service-time");

/** By milliseconds. Nearly every answer is faster than these are long. */
const SERVICE_TIMES = Array.from(
  { length: 256 },
  (_, ms) => new HeaderField(SERVICE_TIME, String(ms)),
);

/** What clients speak: "auto" goes by ALPN, and without it by the connection's first bytes. */
export type HttpCodec = "auto" | "http1" | "http2";

export class HttpConfig {
  readonly statPrefix: string;
  readonly codec: HttpCodec;
  /** Settings of connections that speak HTTP/2. */
  readonly http2: Http2Options;
  readonly pathNormalization: PathNormalization;
  readonly hosts: HostRule;
  /** What becomes of the header fields of requests before their route is chosen. */
  readonly arrival: ArrivalHeaders;
  /** Routes contained in the listener, else they come by name. */
  readonly inlineRoutes: RouteTable | undefined;
  readonly routesName: string;
  /** 0 means no limit. */
  readonly streamIdleTimeoutMs: number;
  /** 0 means no limit, undefined that nothing is said. */
  readonly connectionIdleTimeoutMs: number | undefined;
  readonly requestHeadTimeoutMs: number;
  /** Of a whole stream, where its route says nothing. 0 means no limit. */
  readonly streamDurationMs: number;
  /** The time that the hop before waits for this one counts like the route's timeout. */
  readonly respectsExpectedTimeout: boolean;
  readonly accessLogs: readonly AccessLogConfig[];
  /** What they want remembered of responses; undefined where that is nothing. */
  readonly logNeeds: LogNeeds | undefined;
  /** Undefined where answers do not tell what happened to them. */
  readonly proxyStatus: ProxyStatus | undefined;
  /** Undefined where nothing is traced. */
  readonly tracing: TracingConfig | undefined;
  readonly upgrades: UpgradeRules;
  /** What requests pass before the router. */
  readonly filters: readonly FilterEntry[];
  readonly #returnsRequestId: boolean;
  readonly #isSilent: boolean;
  readonly #serverHeader: ServerHeader;
  readonly #server: HeaderField;
  readonly #localReplies: LocalReplyHeaders;
  readonly #date = new HttpDate();
  readonly #wallMs: () => number;

  /** `own`: what the metadata of its listener say of traces. */
  constructor(
    manager: HttpConnectionManager,
    path: string,
    errors: FieldError[],
    wallMs: () => number,
    own?: JsonObject,
  ) {
    this.statPrefix = manager.statPrefix;
    this.pathNormalization = {
      normalizes: manager.normalizePath ?? false,
      mergesSlashes: manager.mergeSlashes,
      escapedSlashes: escapedSlashes(manager.pathWithEscapedSlashesAction),
    };
    this.hosts = compileHostRule(manager, path, errors);
    this.arrival = new ArrivalHeaders(manager, path, errors);
    this.inlineRoutes = inlineRoutes(manager, path, errors);
    this.routesName =
      manager.routeSpecifier.case === "rds" ? manager.routeSpecifier.value.routeConfigName : "";
    const duration = (value: Duration | undefined, field: string): number | undefined =>
      compileDuration(value, `${path}.${field}`, errors);
    this.streamIdleTimeoutMs =
      duration(manager.streamIdleTimeout, "stream_idle_timeout") ?? STREAM_IDLE_TIMEOUT_MS;
    const idle = manager.commonHttpProtocolOptions?.idleTimeout;
    this.connectionIdleTimeoutMs = duration(idle, "common_http_protocol_options.idle_timeout");
    const ofStream = manager.commonHttpProtocolOptions?.maxStreamDuration;
    this.streamDurationMs =
      duration(ofStream, "common_http_protocol_options.max_stream_duration") ?? 0;
    refuseLifetimes(manager, path, errors);
    this.requestHeadTimeoutMs =
      duration(manager.requestHeadersTimeout, "request_headers_timeout") ?? 0;
    this.tracing = compileTracing(manager.tracing, own, `${path}.tracing`, errors);
    const { logs, needs } = compileAccessLogs(manager.accessLog, `${path}.access_log`, errors);
    this.accessLogs = logs;
    this.proxyStatus = compileProxyStatus(
      manager.proxyStatusConfig,
      manager.serverName || "tulle",
      `${path}.proxy_status_config`,
      errors,
    );
    this.logNeeds = needs.isNothing ? undefined : needs;
    this.upgrades = compileUpgrades(manager.upgradeConfigs, `${path}.upgrade_configs`, errors);
    this.#returnsRequestId = manager.alwaysSetRequestIdInResponse;
    this.#serverHeader = manager.serverHeaderTransformation;
    this.#server = new HeaderField(SERVER, manager.serverName || "tulle");
    this.#localReplies = compileLocalReplies(
      manager.localReplyConfig,
      `${path}.local_reply_config`,
      errors,
    );
    const filters = compileHttpFilters(manager, path, errors);
    this.filters = filters.entries;
    this.#isSilent = filters.isSilent;
    this.respectsExpectedTimeout = filters.respectsExpectedTimeout;
    this.#wallMs = wallMs;
    this.codec = codecOf(manager, path, errors);
    this.http2 = compileHttp2Options(
      manager.http2ProtocolOptions,
      "server",
      `${path}.http2_protocol_options`,
      errors,
    );
  }

  /** Tells the upstream how long this try's answer will be waited for. */
  announceTimeout(headers: HeaderBlock, expectedTimeout: HeaderField | undefined): void {
    if (!this.#isSilent && expectedTimeout !== undefined) headers.set(expectedTimeout);
  }

  /** Tells the upstream what was rewritten. Each is undefined where it was not. */
  announceRewrite(headers: HeaderBlock, path: string | undefined, host: string | undefined): void {
    if (this.#isSilent) return;
    if (path !== undefined) headers.set(new HeaderField(ORIGINAL_PATH, path));
    if (host !== undefined) headers.set(new HeaderField(ORIGINAL_HOST, host));
  }

  /** Header fields that every response from upstream gets. */
  prepareResponse(outcome: RequestOutcome, headers: HeaderBlock): void {
    if (headers.indexOf(HEADER.date) < 0) {
      headers.add(new HeaderField(DATE, this.#date.at(this.#wallMs())));
    }
    if (!this.#isSilent) headers.set(serviceTime(Math.round(outcome.upstreamTimeMs)));
    if (this.#returnsRequestId) headers.set(new HeaderField(X_REQUEST_ID, outcome.requestId));
    this.#nameServer(headers);
  }

  /** Header fields of an answer that was kept: its Date is that of its origin. */
  prepareStoredAnswer(outcome: RequestOutcome, headers: HeaderBlock): void {
    if (this.#returnsRequestId) headers.set(new HeaderField(X_REQUEST_ID, outcome.requestId));
    this.#nameServer(headers);
  }

  /** Header fields of an answer that the proxy makes itself, for a reason that has this response flag. */
  prepareOwnAnswer(flag: number, routeName: string, headers: HeaderBlock): void {
    this.#localReplies.addTo(headers, flag, routeName);
    headers.add(new HeaderField(DATE, this.#date.at(this.#wallMs())));
    // Envoy's word to callers that their request was not even tried.
    if (flag === FLAG.UO && !this.#isSilent) headers.set(OVERLOADED);
    if (this.#serverHeader !== ServerHeader.PASS_THROUGH) headers.add(this.#server);
  }

  #nameServer(headers: HeaderBlock): void {
    if (this.#serverHeader === ServerHeader.PASS_THROUGH) return;
    const keepsOwn = this.#serverHeader === ServerHeader.APPEND_IF_ABSENT;
    if (keepsOwn && headers.get("server") !== undefined) return;
    headers.set(this.#server);
  }
}

function serviceTime(ms: number): HeaderField {
  return SERVICE_TIMES[ms] ?? new HeaderField(SERVICE_TIME, String(ms));
}

/** Two options of connections that only clusters have. */
function refuseLifetimes(manager: HttpConnectionManager, path: string, errors: FieldError[]): void {
  const common = manager.commonHttpProtocolOptions;
  const refuse = (field: string): void => {
    const at = `${path}.common_http_protocol_options.${field}`;
    errors.push({ path: at, message: "only implemented for clusters" });
  };
  if (common?.maxConnectionDuration !== undefined) refuse("max_connection_duration");
  if (common?.maxRequestsPerConnection !== undefined) refuse("max_requests_per_connection");
}

function inlineRoutes(
  manager: HttpConnectionManager,
  path: string,
  errors: FieldError[],
): RouteTable | undefined {
  const specifier = manager.routeSpecifier;
  if (specifier.case === "routeConfig") {
    const routeErrors: FieldError[] = [];
    const table = new RouteTable(specifier.value, routeErrors);
    for (const error of routeErrors) {
      errors.push({ ...error, path: `${path}.route_config.${error.path}` });
    }
    return table;
  }
  if (specifier.case !== "rds") {
    errors.push({ path, message: "one of rds, route_config is required" });
  } else if (specifier.value.routeConfigName === "") {
    errors.push({ path: `${path}.rds.route_config_name`, message: "a name is required" });
  }
  return undefined;
}

function codecOf(manager: HttpConnectionManager, path: string, errors: FieldError[]): HttpCodec {
  switch (manager.codecType) {
    case CodecType.HTTP1:
      return "http1";
    case CodecType.HTTP2:
      return "http2";
    case CodecType.HTTP3:
      errors.push({ path: `${path}.codec_type`, message: "HTTP3 is not implemented" });
      return "auto";
    default:
      return "auto";
  }
}

function escapedSlashes(action: SlashAction): EscapedSlashes {
  switch (action) {
    case SlashAction.REJECT_REQUEST:
      return "reject";
    case SlashAction.UNESCAPE_AND_FORWARD:
      return "unescape";
    case SlashAction.UNESCAPE_AND_REDIRECT:
      return "redirect";
    default:
      return "keep";
  }
}
