/** An access log record as the admin API shows it. Names of attributes are in src/telemetry/otlp/access-log-attributes.ts. */
import { parseSpiffeId, workloadIdentityFromSpiffeId } from "../../identity/spiffe-id.ts";
import {
  ACCESS_ATTRIBUTE,
  ACCESS_EVENT,
  REQUEST_HEADER_PREFIX,
  RESPONSE_HEADER_PREFIX,
  SECURITY_EVENT,
  TAP_ATTRIBUTE,
} from "../../telemetry/otlp/access-log-attributes.ts";
import type { AccessLogView, ServiceRef } from "../telemetry-types.ts";
import { textOf } from "./otlp-values.ts";
import type { Attributes, LogEvent } from "./telemetry-record.ts";

const UNKNOWN = "unknown";
/** `outbound|80||catalog.default.svc.tulle.local`, as clusters are called. */
const CLUSTER = /^outbound\|\d+\|[^|]*\|([^.|]+)\.([^.|]+)\./;

const SHOWN: ReadonlySet<string> = new Set([ACCESS_EVENT, SECURITY_EVENT, TAP_ATTRIBUTE.event]);

/** Undefined for what is no access log: an app's own records are not kept here. */
export function accessLogView(event: LogEvent): AccessLogView | undefined {
  const { attributes: all, eventName, resource } = event;
  if (!SHOWN.has(eventName)) return undefined;
  const text = (name: string): string | null => textOf(all, name) || null;
  const own: ServiceRef = { namespace: resource.namespace, name: resource.service };
  const reporter = all[ACCESS_ATTRIBUTE.reporter] === "destination" ? "destination" : "source";
  return {
    time: new Date(Number(event.timeNs / 1_000_000n)).toISOString(),
    reporter,
    source: reporter === "source" ? own : callerOf(all),
    destination: reporter === "source" ? calledOf(all) : own,
    instance: resource.instance,
    method: text(ACCESS_ATTRIBUTE.method),
    path: text(ACCESS_ATTRIBUTE.path),
    authority: text(ACCESS_ATTRIBUTE.authority),
    protocol: text(ACCESS_ATTRIBUTE.protocol),
    responseCode: numberOf(all, ACCESS_ATTRIBUTE.responseCode) ?? 0,
    grpcStatus: numberOf(all, ACCESS_ATTRIBUTE.grpcStatus),
    flags: text(ACCESS_ATTRIBUTE.responseFlags) ?? "-",
    details: text(ACCESS_ATTRIBUTE.responseCodeDetails),
    durationMs: numberOf(all, ACCESS_ATTRIBUTE.duration) ?? 0,
    bytesReceived: numberOf(all, ACCESS_ATTRIBUTE.bytesReceived) ?? 0,
    bytesSent: numberOf(all, ACCESS_ATTRIBUTE.bytesSent) ?? 0,
    attempts: numberOf(all, ACCESS_ATTRIBUTE.attempts) ?? 1,
    route: text(ACCESS_ATTRIBUTE.routeName),
    upstreamHost: text(ACCESS_ATTRIBUTE.upstreamHost),
    requestId: text(ACCESS_ATTRIBUTE.requestId),
    traceId: event.traceId || null,
    spanId: event.spanId || null,
    captured: capturedOf(all),
  };
}

/** The cluster that a request was sent to; empty when it was sent nowhere. */
export function upstreamClusterOf({ attributes }: LogEvent): string {
  return textOf(attributes, ACCESS_ATTRIBUTE.upstreamCluster);
}

/** HTTP 5xx and no answer; of gRPC every status but 0: the same as of figures. */
export function isFailedRequest({
  responseCode,
  grpcStatus,
}: Pick<AccessLogView, "responseCode" | "grpcStatus">): boolean {
  if (grpcStatus !== null && grpcStatus !== 0) return true;
  return responseCode === 0 || responseCode >= 500;
}

function callerOf(all: Attributes): ServiceRef {
  const parsed = parseSpiffeId(textOf(all, ACCESS_ATTRIBUTE.sourcePrincipal));
  const identity = parsed.ok ? workloadIdentityFromSpiffeId(parsed.id) : undefined;
  if (identity === undefined) return { namespace: UNKNOWN, name: UNKNOWN };
  return { namespace: identity.namespace, name: identity.serviceAccount };
}

function calledOf(all: Attributes): ServiceRef {
  const name = textOf(all, ACCESS_ATTRIBUTE.destinationService);
  const namespace = textOf(all, ACCESS_ATTRIBUTE.destinationNamespace);
  if (name !== "" && namespace !== "") return { namespace, name };
  const match = CLUSTER.exec(textOf(all, ACCESS_ATTRIBUTE.upstreamCluster));
  return { namespace: match?.[2] ?? UNKNOWN, name: match?.[1] ?? UNKNOWN };
}

/** Envoy writes every value as text, and `-` or nothing where there is none. */
function numberOf(all: Attributes, name: string): number | null {
  const value = all[name];
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value === "" || value === "-") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

function capturedOf(all: Attributes): Readonly<Record<string, string>> {
  const captured = Object.entries(all).filter(
    ([name]) =>
      name.startsWith(REQUEST_HEADER_PREFIX) ||
      name.startsWith(RESPONSE_HEADER_PREFIX) ||
      name === ACCESS_ATTRIBUTE.requestBody ||
      name === ACCESS_ATTRIBUTE.responseBody,
  );
  return Object.fromEntries(captured.map(([name, value]) => [name, String(value)]));
}
