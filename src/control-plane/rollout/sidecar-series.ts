/**
 * Reads what a caller's sidecar counts of its requests to some services from its Prometheus text. Only lines of
 * those services are taken apart: a scrape of a large mesh costs a search, not a parse.
 */

/** Counters of one service by the whole text of their labels. */
export interface SidecarSeries {
  readonly requests: ReadonlyMap<string, CountedRequests>;
  /** Cumulative counts by label text; every bound of a series is an entry of its own. */
  readonly durations: ReadonlyMap<string, CountedDuration>;
}

interface CountedRequests {
  readonly count: number;
  readonly isFailure: boolean;
}

interface CountedDuration {
  readonly count: number;
  /** Milliseconds; infinite for all. */
  readonly bound: number;
}

const REQUESTS = "istio_requests_total{";
const DURATIONS = "istio_request_duration_milliseconds_bucket{";
/** The caller's own view: it sees requests that never arrived. */
const REPORTER = 'reporter="source"';

/** Codes of gRPC that mean that the server failed: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const GRPC_FAILURES: ReadonlySet<string> = new Set(["2", "4", "13", "14", "15"]);

/** By `namespace/name` of the services asked for. */
export function readSidecarSeries(
  exposition: string,
  services: ReadonlySet<string>,
): ReadonlyMap<string, SidecarSeries> {
  const found = new Map<
    string,
    { requests: Map<string, CountedRequests>; durations: Map<string, CountedDuration> }
  >();
  for (const line of exposition.split("\n")) {
    const isRequests = line.startsWith(REQUESTS);
    if (!isRequests && !line.startsWith(DURATIONS)) continue;
    if (!line.includes(REPORTER)) continue;
    const service = `${labelOf(line, "destination_service_namespace")}/${labelOf(line, "destination_service_name")}`;
    if (!services.has(service)) continue;
    const end = line.lastIndexOf("}");
    const key = line.slice(0, end);
    const count = Number(
      line
        .slice(end + 1)
        .trim()
        .split(" ")[0],
    );
    if (end < 0 || !Number.isFinite(count)) continue;
    const series = found.get(service) ?? { requests: new Map(), durations: new Map() };
    found.set(service, series);
    if (isRequests) series.requests.set(key, { count, isFailure: isFailure(line) });
    else series.durations.set(key, { count, bound: boundOf(labelOf(line, "le")) });
  }
  return found;
}

/** Labels of ours hold no escaped quotes but where a peer chose the text, and none of these is a peer's. */
function labelOf(line: string, name: string): string {
  const inner = line.indexOf(`,${name}="`);
  const start = inner < 0 ? line.indexOf(`{${name}="`) : inner;
  if (start < 0) return "";
  const from = start + name.length + 3;
  return line.slice(from, line.indexOf('"', from));
}

function boundOf(text: string): number {
  return text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text);
}

/** 0 stands for a request that was never answered. */
function isFailure(line: string): boolean {
  const code = Number(labelOf(line, "response_code"));
  return code === 0 || code >= 500 || GRPC_FAILURES.has(labelOf(line, "grpc_response_status"));
}
