/** Authorities as Host, `:authority` and absolute-form targets carry them (RFC 3986 section 3.2, T23). */
import { isIPv6 } from "node:net";

/** Bytes of a reg-name: unreserved, sub-delims, and `%`, which begins an escape. */
const HOST_CHAR = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=") {
  HOST_CHAR[char.charCodeAt(0)] = 1;
}

const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;
const PORT_DIGITS_MAX = 5;
const PORT_MAX = 65_535;

/** Whether `authority` is `host [":" port]` without user information. Empty is not an authority. */
export function isAuthority(authority: string): boolean {
  const length = authority.length;
  if (length === 0) return false;
  if (authority.startsWith("[")) return isIpv6Authority(authority);
  let at = 0;
  while (at < length && HOST_CHAR[authority.charCodeAt(at)] === 1) at += 1;
  if (at === 0 || hasBrokenEscape(authority)) return false;
  return at === length || (authority.charCodeAt(at) === COLON && isPort(authority, at + 1));
}

function hasBrokenEscape(authority: string): boolean {
  return authority.includes("%") && /%(?![0-9a-fA-F]{2})/.test(authority);
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
  for (let i = start; i < length; i++) {
    const code = authority.charCodeAt(i);
    if (code < ZERO || code > NINE) return false;
  }
  return length === start || Number(authority.slice(start)) <= PORT_MAX;
}
