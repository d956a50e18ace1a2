/** Text of people as a String of structured fields (RFC 8941 section 3.3.3): ASCII alone, and quoted. */

/** What has no place in one, quotes and backslashes included, becomes an underscore: names are read, not parsed. */
export function structuredString(text: string): string {
  return `"${text.replace(/[^ -~]|["\\]/g, "_")}"`;
}
