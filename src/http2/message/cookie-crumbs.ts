/**
 * Clients of HTTP/2 may send a cookie field for each cookie, which compress better. Everybody else
 * expects one field (RFC 9113 section 8.2.3), policies included.
 */
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { HEADER } from "../../http/header-name.ts";

const COOKIE = new HeaderName("cookie");

/** Makes one field of all cookie fields, joined by "; ". Leaves a single one alone. */
export function joinCookies(headers: HeaderBlock): void {
  let crumbCount = 0;
  for (let i = 0; i < headers.count; i++) {
    if (headers.idOf(i) === HEADER.cookie) crumbCount += 1;
  }
  if (crumbCount < 2) return;
  let joined = "";
  // Who sent one crumb never indexed does not want it in a table with others either.
  let isNeverIndexed = false;
  for (let i = 0; i < headers.count; i++) {
    if (headers.idOf(i) !== HEADER.cookie) continue;
    isNeverIndexed ||= headers.isNeverIndexed(i);
    const crumb = headers.value(i);
    // An empty one at an end would pad the value, which HTTP/2 refuses.
    if (crumb !== "") joined = joined === "" ? crumb : `${joined}; ${crumb}`;
    headers.drop(i);
  }
  headers.add(new HeaderField(COOKIE, joined, isNeverIndexed));
}
