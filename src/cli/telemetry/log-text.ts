/** One request as a line for people. */
import type { AccessLogView } from "../../control-plane/telemetry-types.ts";
import type { Style } from "../output/style.ts";
import { printable } from "../output/text-width.ts";
import { latencyText } from "./figures.ts";

/** `10:18:16.123  storefront → payment  POST /charge  503 UF  12ms  3 tries  upstream_reset…`. */
export function logLine(log: AccessLogView, style: Style): string {
  const isFailure = log.responseCode === 0 || log.responseCode >= 500 || (log.grpcStatus ?? 0) > 0;
  const status = statusText(log);
  const parts = [
    style.dim(timeText(log.time)),
    `${printable(log.source.name)} → ${printable(log.destination.name)}`,
    requestText(log),
    isFailure ? style.red(`■ ${status}`) : status,
    latencyText(log.durationMs),
    ...(log.attempts > 1 ? [style.yellow(`${log.attempts} tries`)] : []),
    ...(isFailure && log.details !== null ? [printable(log.details)] : []),
    ...(log.traceId === null ? [] : [style.dim(`trace ${log.traceId}`)]),
    ...Object.entries(log.captured).map(([name, value]) => `${name}=${JSON.stringify(value)}`),
  ];
  return `${parts.join("  ")}\n`;
}

function requestText({ method, path, protocol, bytesSent, bytesReceived }: AccessLogView): string {
  return method === null
    ? `${protocol ?? "TCP"} ${bytesReceived} B in, ${bytesSent} B out`
    : printable(`${method} ${path ?? ""}`);
}

function statusText({ responseCode, grpcStatus, flags }: AccessLogView): string {
  const code = responseCode === 0 ? "no answer" : String(responseCode);
  const grpc = grpcStatus === null ? "" : ` gRPC ${grpcStatus}`;
  return `${code}${grpc}${flags === "-" || flags === "" ? "" : ` ${flags}`}`;
}

/** The day stands in front where it is not told otherwise. */
function timeText(instant: string): string {
  return instant.replace("T", " ").replace("Z", "");
}
