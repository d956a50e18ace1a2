/** Reads one line of a sidecar's JSON access log as a call that somebody made. */
import type { SeenCall } from "./observed-calls.ts";

/** What a line says. Lines of callers' sidecars tell of calls that the called sidecar tells of, too. */
export type LogLine =
  | { readonly kind: "call"; readonly call: SeenCall }
  | { readonly kind: "outbound" }
  | { readonly kind: "other" };

/** The keys of Istio's format that matter here; whatever else a line holds. */
interface LogFields {
  readonly start_time?: unknown;
  readonly method?: unknown;
  readonly path?: unknown;
  readonly authority?: unknown;
  readonly response_code?: unknown;
  readonly requested_server_name?: unknown;
  readonly upstream_cluster?: unknown;
  readonly source_principal?: unknown;
  readonly downstream_local_address?: unknown;
  readonly connection_termination_details?: unknown;
}

const OTHER: LogLine = { kind: "other" };
const SNI = /^outbound_\.\d+_\._\.(.+)$/;
const METHOD_LENGTH_MAX = 64;
const AUTHORITY_LENGTH_MAX = 512;
const PATH_LENGTH_MAX = 8_192;

/** Words before the JSON are passed over: `tulle up` writes there who said it. */
export function readLogLine(line: string): LogLine {
  const fields = parsed(line);
  if (fields === undefined) return OTHER;
  const text = (name: keyof LogFields): string => {
    const value = fields[name];
    return typeof value === "string" ? value : "";
  };
  const atMs = Date.parse(text("start_time"));
  if (!Number.isFinite(atMs) || text("downstream_local_address") === "") return OTHER;
  const inbound = /^inbound\|(\d+)\|/.exec(text("upstream_cluster"));
  const principal = text("source_principal");
  if (text("upstream_cluster") !== "" && inbound === null) return { kind: "outbound" };
  const target = text("path");
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  const isHttp = text("method") !== "";
  // CONNECT, OPTIONS * and requests that were not understood name nothing that policies could.
  if (
    isHttp &&
    (!path.startsWith("/") ||
      path.length > PATH_LENGTH_MAX ||
      text("method").length > METHOD_LENGTH_MAX)
  )
    return OTHER;
  return {
    kind: "call",
    call: {
      principal,
      address: text("downstream_local_address"),
      // Callers of the mesh say by SNI which Service they mean, whatever their requests say.
      authority: authorityOf(text("requested_server_name"), text("authority")),
      ...(inbound === null ? {} : { appPort: Number(inbound[1]) }),
      ...(isHttp ? { method: text("method"), path } : {}),
      isFailed: isHttp
        ? isFailureStatus(Number(fields.response_code))
        : text("connection_termination_details").includes("rbac"),
      atMs,
    },
  };
}

function authorityOf(serverName: string, authority: string): string {
  return (SNI.exec(serverName)?.[1] ?? authority).slice(0, AUTHORITY_LENGTH_MAX);
}

function parsed(line: string): LogFields | undefined {
  const start = line.indexOf("{");
  if (start < 0) return undefined;
  try {
    const value: unknown = JSON.parse(line.slice(start));
    return typeof value === "object" && value !== null ? (value as LogFields) : undefined;
  } catch {
    return undefined;
  }
}

/** Answers that say that this was not to be asked. */
export function isFailureStatus(status: number): boolean {
  return status === 401 || status === 403 || status === 404;
}
