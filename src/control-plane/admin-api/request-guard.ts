/**
 * Keeps web pages out of the admin API. It has no login on loopback, so a page in the user's browser must
 * not reach it: neither by DNS rebinding (the name in Host is then the attacker's) nor by a form or fetch
 * that writes without reading the answer (Origin and Sec-Fetch-Site then name another site).
 */

export interface GuardedRequest {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** Fetch Metadata section 2.3: set by browsers, never by scripts. */
  readonly secFetchSite: string | undefined;
  readonly contentType: string | undefined;
  readonly hasBody: boolean;
}

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Why the request is refused, or undefined. */
export function refusalOf(
  request: GuardedRequest,
  transport: "tcp" | "unix" | "tls",
): string | undefined {
  // A unix socket is out of a browser's reach, and its clients put anything in Host.
  if (transport === "unix") return undefined;
  // Nobody is let in on TLS for where they come from, so a name that was rebound gains a page nothing.
  const isLocal = transport === "tcp";
  if (isLocal && (request.host === undefined || !isLoopbackAuthority(request.host))) {
    return `the Host header must name this machine's loopback, not "${request.host ?? ""}"`;
  }
  if (SAFE_METHODS.has(request.method)) return undefined;
  if (
    request.origin !== undefined &&
    request.origin !== `${isLocal ? "http" : "https"}://${request.host}`
  ) {
    return `writes from the web page of ${request.origin} are refused`;
  }
  const site = request.secFetchSite;
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return "writes from web pages of other sites are refused";
  }
  // What an HTML form can send needs no preflight; JSON does.
  if (request.hasBody && !/^application\/json\s*(;|$)/i.test(request.contentType ?? "")) {
    return "the Content-Type of a request must be application/json";
  }
  return undefined;
}

/** Whether `host[:port]` of a Host header is a loopback address or `localhost`. */
export function isLoopbackAuthority(authority: string): boolean {
  const match = /^(?:\[(?<v6>[0-9a-f:]+)\]|(?<name>[a-z0-9.-]+))(?::\d{1,5})?$/i.exec(authority);
  const name = match?.groups?.["v6"] ?? match?.groups?.["name"]?.toLowerCase();
  if (name === undefined) return false;
  return isLoopbackHost(name);
}

/** Whether a host, without port and brackets, is a loopback address or `localhost`. */
export function isLoopbackHost(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "::1" ||
    /^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(host)
  );
}
