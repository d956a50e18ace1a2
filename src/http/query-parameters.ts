/** Parameters of a query, as they stand in it: nothing is decoded. */

const EQUALS = 0x3d;

/** `query` (without its `?`) without every parameter of this name, which has no `&` and no `=`. */
export function withoutParameter(query: string, name: string): string {
  let kept = "";
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand < 0 ? query.length : ampersand;
    const nameEnd = start + name.length;
    const isNamed =
      query.startsWith(name, start) && (nameEnd === end || query.charCodeAt(nameEnd) === EQUALS);
    if (!isNamed) kept += `${kept === "" ? "" : "&"}${query.slice(start, end)}`;
    start = end + 1;
  }
  return kept;
}

/** What a name or value may have as it is (RFC 3986 section 3.4), but for what ends it, and `+`, which would be a space. */
const PLAIN = /^[A-Za-z0-9\-._~!$'()*,;:@/?%]*$/;

/** `query` with one parameter of this name, behind all others. */
export function withParameter(query: string, name: string, value: string): string {
  const plainName = PLAIN.test(name) ? name : encodeURIComponent(name);
  const plainValue = PLAIN.test(value) ? value : encodeURIComponent(value);
  const rest = withoutParameter(query, plainName);
  return `${rest}${rest === "" ? "" : "&"}${plainName}=${plainValue}`;
}
