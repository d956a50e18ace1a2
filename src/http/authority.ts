/** Authorities as Host, `:authority` and absolute-form targets carry them (RFC 3986 section 3.2, T23). */
import { isIPv6 } from "node:net";

const HOST_NONE = 0;
const HOST_PLAIN = 1;
const HOST_ESCAPE = 2;

/** Classes of Latin-1 characters in a reg-name: unreserved, sub-delims, and `%`, which begins an escape. */
const HOST_CHAR = new Uint8Array(256);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=") {
  HOST_CHAR[char.charCodeAt(0)] = HOST_PLAIN;
}
HOST_CHAR["%".charCodeAt(0)] = HOST_ESCAPE;

const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const PORT_DIGITS_MAX = 5;
const PORT_MAX = 65_535;

/** The last one that was found well formed: most requests of a proxy name few. */
let lastWellFormed = "";

/** Whether `authority` is `host [":" port]` without user information. Empty is not an authority. */
export function isAuthority(authority: string): boolean {
  if (authority === lastWellFormed) return authority !== "";
  const isWellFormed = matchesAuthority(authority);
  if (isWellFormed) lastWellFormed = authority;
  return isWellFormed;
}

function matchesAuthority(authority: string): boolean {
  const length = authority.length;
  let at = 0;
  let classes = 0;
  for (; at < length; at++) {
    const kind = HOST_CHAR[authority.charCodeAt(at)]!;
    if (kind === HOST_NONE) break;
    classes |= kind;
  }
  if (at === 0) return authority.startsWith("[") && isIpv6Authority(authority);
  if (classes !== HOST_PLAIN && /%(?![0-9a-fA-F]{2})/.test(authority)) return false;
  return at === length || (authority.charCodeAt(at) === COLON && isPort(authority, at + 1));
}

function isIpv6Authority(authority: string): boolean {
  const close = authority.indexOf("]");
  const address = authority.slice(1, close);
  // RFC 6874 zones mean something on one machine only; no name is routed by them.
  if (close < 0 || address.includes("%") || !isIPv6(address)) return false;
  if (close + 1 === authority.length) return true;
  return authority.charCodeAt(close + 1) === COLON && isPort(authority, close + 2);
}

/** RFC 3986 section 3.2.3 lets a port be empty. */
function isPort(authority: string, start: number): boolean {
  const length = authority.length;
  if (length - start > PORT_DIGITS_MAX) return false;
  let port = 0;
  for (let i = start; i < length; i++) {
    const digit = authority.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= PORT_MAX;
}

/** `example.com` of `example.com.`, `example.com:80` of `example.com.:80`: DNS takes them for the same. */
export function withoutTrailingDot(authority: string): string {
  const end = portStart(authority);
  if (authority.charCodeAt(end - 1) !== DOT || end === 1) return authority;
  return authority.slice(0, end - 1) + authority.slice(end);
}

/** Undefined without a port. */
export function portOf(authority: string): number | undefined {
  const start = portStart(authority) + 1;
  return start >= authority.length ? undefined : Number(authority.slice(start));
}

export function withoutPort(authority: string): string {
  return authority.slice(0, portStart(authority));
}

/** The host in the form that policies compare: lower case, without port and last dot. */
export function canonicalHost(authority: string): string {
  return withoutPort(withoutTrailingDot(authority)).toLowerCase();
}

/** Offset of the colon before the port, or the length when there is none. */
function portStart(authority: string): number {
  const colon = authority.lastIndexOf(":");
  // A colon before a bracket belongs to an IPv6 address.
  return colon < 0 || authority.endsWith("]") ? authority.length : colon;
}
