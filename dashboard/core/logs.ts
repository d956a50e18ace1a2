/** Each request is told of by both of its sidecars; who looks for requests wants each once. */
import type { AccessLogView } from "../../src/control-plane/telemetry-types.ts";

/** Of two lines about one request that of the caller's side, which knows its route and how often it was tried. */
export function oncePerRequest(logs: readonly AccessLogView[]): readonly AccessLogView[] {
  const callers = new Set<string>();
  for (const log of logs) if (log.reporter === "source") callers.add(keyOf(log));
  return logs.filter((log) => log.reporter === "source" || !callers.has(keyOf(log)));
}

function keyOf({ requestId, time, destination }: AccessLogView): string {
  return `${requestId ?? time} ${destination.namespace}/${destination.name}`;
}
