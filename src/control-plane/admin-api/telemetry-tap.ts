/** What of the mesh's requests somebody wants to watch: the query of `/telemetry/tap`, and whose requests are told. */
import type { Context } from "hono";
import {
  REQUEST_HEADER_PREFIX,
  RESPONSE_HEADER_PREFIX,
} from "../../telemetry/otlp/access-log-attributes.ts";
import type { TapRequest } from "../telemetry/tap/taps.ts";
import type { AccessLogView, TapEvent } from "../telemetry-types.ts";
import { apiError } from "./api-error.ts";
import { refFrom, statusFrom } from "./telemetry-logs.ts";
import { refText } from "./telemetry-mesh.ts";
import { type AskedWindow, millisecondsFrom } from "./telemetry-query.ts";

const PER_SECOND_DEFAULT = 100;
const PER_SECOND_MAX = 1000;
const HEADERS_MAX = 16;
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const METHOD = /^[A-Za-z]{1,32}$/;
const PATH_LENGTH_MAX = 256;

export interface TapQuery {
  readonly perSecond: number;
  readonly headers: readonly string[];
  readonly responseHeaders: readonly string[];
  /** What sidecars look at. */
  readonly expression: string | undefined;
  /** Of which proxies requests are asked. */
  readonly asks: TapRequest["asks"];
  /** What a sidecar cannot tell: who is at the other end. */
  readonly isWanted: (log: AccessLogView) => boolean;
}

export function tapQuery({ namespace, service }: AskedWindow, context: Context): TapQuery {
  const { maxPerSecond, show, showResponse, flag } = context.req.query();
  const source = refFrom(context, "source");
  const destination = refFrom(context, "destination");
  const about = service === undefined ? undefined : `${namespace ?? "default"}/${service}`;
  const perSecond = maxPerSecond === undefined ? PER_SECOND_DEFAULT : Number(maxPerSecond);
  if (!Number.isInteger(perSecond) || perSecond < 1 || perSecond > PER_SECOND_MAX) {
    throw apiError("bad_request", `maxPerSecond: write a number from 1 to ${PER_SECOND_MAX}`);
  }
  // Both ends tell of a request: the caller's sidecar is asked where the caller is named, else the called one.
  const asked = source ?? destination ?? about;
  return {
    perSecond,
    headers: headersFrom("show", show),
    responseHeaders: headersFrom("showResponse", showResponse),
    expression: expressionFrom(context),
    asks: (proxy) => {
      if (asked !== undefined) return `${proxy.namespace}/${proxy.service}` === asked;
      return namespace === undefined || proxy.namespace === namespace;
    },
    isWanted: (log) =>
      (source === undefined || refText(log.source) === source) &&
      (destination === undefined || refText(log.destination) === destination) &&
      (about === undefined ||
        [log.source, log.destination].some((end) => refText(end) === about)) &&
      (flag === undefined || log.flags.split(",").includes(flag)),
  };
}

/** A record of a tap as whoever taps sees it. */
export function tapEvent(log: AccessLogView): TapEvent {
  return {
    ...log,
    captured: {},
    requestHeaders: capturedHeaders(log, REQUEST_HEADER_PREFIX),
    responseHeaders: capturedHeaders(log, RESPONSE_HEADER_PREFIX),
  };
}

function capturedHeaders(
  { captured }: AccessLogView,
  prefix: string,
): readonly (readonly [string, string])[] {
  return Object.entries(captured).flatMap(([name, value]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), value] as const] : [],
  );
}

function headersFrom(parameter: string, text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const names = [...new Set(text.toLowerCase().split(","))];
  const wrong = names.find((name) => !HEADER_NAME.test(name));
  if (wrong !== undefined) {
    throw apiError("bad_request", `${parameter}: "${wrong}" is no header name`);
  }
  if (names.length > HEADERS_MAX) {
    throw apiError("bad_request", `${parameter}: at most ${HEADERS_MAX} headers at a time`);
  }
  return names;
}

/** In the language of TelemetryPolicy's `expression`. */
function expressionFrom(context: Context): string | undefined {
  const { status, method, path } = context.req.query();
  const minDurationMs = millisecondsFrom(context, "minDurationMs");
  const parts: string[] = [];
  if (status !== undefined) {
    const { from, to } = statusFrom(status);
    parts.push(`response.code >= ${from} && response.code <= ${to}`);
  }
  if (minDurationMs !== undefined) parts.push(`request.duration >= ${Math.ceil(minDurationMs)}`);
  if (method !== undefined) {
    if (!METHOD.test(method)) throw apiError("bad_request", `method: "${method}" is no method`);
    parts.push(`request.method == '${method}'`);
  }
  if (path !== undefined) {
    if (!/^\/[^'\\\s]*$/.test(path) || path.length > PATH_LENGTH_MAX) {
      throw apiError("bad_request", `path: "${path}" does not begin a path`);
    }
    parts.push(`request.path.startsWith('${path}')`);
  }
  return parts.length === 0 ? undefined : parts.join(" && ");
}
