/** Reads who called a sidecar's app from its Prometheus text: identities and how it ended, neither methods nor paths. */

import { isFailureStatus } from "../../telemetry/observed/access-log-call.ts";
import type { ObservedCall } from "../../telemetry/observed/observed-calls.ts";

const REQUESTS = "istio_requests_total{";
const CONNECTIONS = "istio_tcp_connections_opened_total{";
/** The called sidecar's own view: it knows who called. */
const REPORTER = 'reporter="destination"';

interface Row {
  count: number;
  failed: number;
}

/** `address`: where the sidecar takes calls. */
export function readCallSeries(exposition: string, address: string): readonly ObservedCall[] {
  const rows = new Map<string, Row>();
  for (const line of exposition.split("\n")) {
    const isRequests = line.startsWith(REQUESTS);
    if (!isRequests && !line.startsWith(CONNECTIONS)) continue;
    if (!line.includes(REPORTER)) continue;
    const end = line.lastIndexOf("}");
    const count = Number(
      line
        .slice(end + 1)
        .trim()
        .split(" ")[0],
    );
    if (end < 0 || !(count >= 1)) continue;
    const service = `${labelOf(line, "destination_service_name")}.${labelOf(line, "destination_service_namespace")}`;
    const key = JSON.stringify([principalOf(line), isRequests, service]);
    const row = rows.get(key) ?? { count: 0, failed: 0 };
    rows.set(key, row);
    row.count += count;
    const isFailed = isRequests
      ? isFailureStatus(Number(labelOf(line, "response_code")))
      : labelOf(line, "response_flags").includes("UAEX");
    if (isFailed) row.failed += count;
  }
  return [...rows].map(([key, row]) => {
    const [principal, , authority] = JSON.parse(key) as [string, boolean, string];
    return {
      ...{ principal, address, authority, isIdentityOnly: true },
      ...{ ...row, firstSeen: null, lastSeen: null },
    };
  });
}

function principalOf(line: string): string {
  const principal = labelOf(line, "source_principal");
  return principal === "unknown" ? "" : principal;
}

/** Values of these labels hold no quotes: identities are URIs, the others are names of the mesh. */
function labelOf(line: string, name: string): string {
  const inner = line.indexOf(`,${name}="`);
  const start = inner < 0 ? line.indexOf(`{${name}="`) : inner;
  if (start < 0) return "";
  const from = start + name.length + 3;
  return line.slice(from, line.indexOf('"', from));
}
