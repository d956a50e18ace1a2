/** Optional white space of HTTP (RFC 9110 section 5.6.3): space and tab, nothing else that Unicode calls space. */

const SPACE = 0x20;
const TAB = 0x09;

/** `String.trim` would also take U+00A0, which is obs-text here and no space to other servers. */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start += 1;
  while (end > start && isOws(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isOws(code: number): boolean {
  return code === SPACE || code === TAB;
}
