/** Cookies in requests, read as Envoy reads them, and the Set-Cookie that makes a client send one. */

/** `values`: the Cookie fields of a request. The first cookie of that name, without quotes around its value, or "". */
export function cookieValue(values: readonly string[], name: string): string {
  for (const value of values) {
    for (let start = 0; start < value.length; ) {
      const semicolon = value.indexOf(";", start);
      const end = semicolon < 0 ? value.length : semicolon;
      const nameStart = skipSpaces(value, start, end);
      const equals = value.indexOf("=", nameStart);
      const isNamed =
        equals >= 0 &&
        equals < end &&
        equals - nameStart === name.length &&
        value.startsWith(name, nameStart);
      if (isNamed) return unquoted(value.slice(equals + 1, end));
      start = end + 1;
    }
  }
  return "";
}

export interface CookieAttributes {
  /** 0 for a cookie that ends with the client's session. */
  readonly maxAgeS: number;
  /** "" for none. */
  readonly path: string;
  /** More of them, as they are written: `; SameSite=Strict`. */
  readonly more: string;
}

/** The value of a Set-Cookie field. No script of a page can read the cookie. */
export function setCookie(
  name: string,
  value: string,
  { maxAgeS, path, more }: CookieAttributes,
): string {
  const age = maxAgeS === 0 ? "" : `; Max-Age=${maxAgeS}`;
  const scope = path === "" ? "" : `; Path=${path}`;
  return `${name}="${value}"${age}${scope}${more}; HttpOnly`;
}

function skipSpaces(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && text.charCodeAt(at) === 0x20) at += 1;
  return at;
}

/** RFC 6265 section 4.1.1: a value may stand in quotes. */
function unquoted(value: string): string {
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return isQuoted ? value.slice(1, -1) : value;
}
