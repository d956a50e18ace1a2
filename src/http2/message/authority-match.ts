/** Whether two authorities name the same server (RFC 3986 section 6.2.3, RFC 9110 section 4.2.3). */

/** Both are well-formed. `scheme` tells the port that may be left out. */
export function isSameAuthority(a: string, b: string, scheme: string): boolean {
  return normalized(a, scheme) === normalized(b, scheme);
}

function normalized(authority: string, scheme: string): string {
  const lower = authority.toLowerCase();
  const port = scheme.toLowerCase() === "https" ? ":443" : ":80";
  if (lower.endsWith(port)) return lower.slice(0, -port.length);
  return lower.endsWith(":") ? lower.slice(0, -1) : lower;
}
