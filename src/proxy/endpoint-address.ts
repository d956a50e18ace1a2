/** How Envoy writes the address of an endpoint: what hashes and sessions are made of. */

/** IPv6 addresses stand in brackets (RFC 3986 section 3.2.2). */
export function addressText({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
