/** Authorities as Host, `:authority` and absolute-form targets carry them (RFC 3986 section 3.2, T23). */

const HOST_CHAR = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=") {
  HOST_CHAR[char.charCodeAt(0)] = 1;
}

const COLON = 0x3a;

/** Whether `authority` is `host [":" port]` without user information. Empty is not an authority. */
export function isAuthority(authority: string): boolean {
  const length = authority.length;
  if (length === 0) return false;
  if (authority.startsWith("[")) return isIpv6Authority(authority);
  let at = 0;
  while (at < length && HOST_CHAR[authority.charCodeAt(at)] === 1) at += 1;
  if (at === 0) return false;
  return at === length || (authority.charCodeAt(at) === COLON && isPort(authority, at + 1));
}

function isIpv6Authority(authority: string): boolean {
  const close = authority.indexOf("]");
  if (close < 3) return false;
  for (let i = 1; i < close; i++) {
    if (!"0123456789abcdefABCDEF:.".includes(authority[i]!)) return false;
  }
  if (close + 1 === authority.length) return true;
  return authority.charCodeAt(close + 1) === COLON && isPort(authority, close + 2);
}

function isPort(authority: string, start: number): boolean {
  const length = authority.length;
  if (length - start > 5) return false;
  for (let i = start; i < length; i++) {
    const code = authority.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return length === start || Number(authority.slice(start)) <= 65_535;
}

/** The host part in lower case, without port and without the dot that ends a full DNS name. */
export function hostOf(authority: string): string {
  const end = authority.startsWith("[") ? authority.indexOf("]") + 1 : authority.lastIndexOf(":");
  const host = (end > 0 ? authority.slice(0, end) : authority).toLowerCase();
  return host.endsWith(".") ? host.slice(0, -1) : host;
}
