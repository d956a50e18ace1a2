/** A request as an access log sees it, with every value. */
import type { AccessLogEntry } from "../../src/telemetry/access-log-format.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "user-agent": "curl/8.5.0",
  "x-request-id": "7e3a1f0c-9d0b-4f7e-8a55-0d3a6d3c1b2e",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

export const SAMPLE_ENTRY: AccessLogEntry = {
  startTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  method: "GET",
  path: "/products?page=2",
  protocol: "HTTP/1.1",
  responseCode: 200,
  responseFlags: "-",
  responseCodeDetails: "via_upstream",
  bytesReceived: 214,
  bytesSent: 1873,
  durationMs: 12.6,
  upstreamServiceTimeMs: 11.4,
  routeName: "HTTPRoute/default/catalog/rule/0/match/0",
  authority: "catalog",
  upstreamHost: "127.37.64.1:15006",
  upstreamCluster: "outbound|80||catalog.default.svc.tulle.local",
  upstreamFailureReason: undefined,
  downstreamLocalAddress: "127.37.65.3:20080",
  downstreamRemoteAddress: "127.0.0.1:49152",
  requestedServerName: undefined,
  peerPrincipal: undefined,
  attempts: 1,
  requestHeader: (name) => HEADERS[name],
};
