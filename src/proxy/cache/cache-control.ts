/** The Cache-Control field (RFC 9111 section 5.2): directives with their arguments, read leniently. */

/** By name in lower case; the argument without its quotes, empty when there is none. */
export type CacheDirectives = ReadonlyMap<string, string>;

const NO_DIRECTIVES: CacheDirectives = new Map();
/** RFC 9111 section 1.2.2: what is too large to be told counts as this. */
const SECONDS_MAX = 2 ** 31;
const DIRECTIVES_MAX = 32;

/**
 * RFC 9111 section 4.2.1: of a directive that stands there twice the first counts. Arguments may be tokens or quoted
 * strings, whatever the directive's grammar says (section 5.2).
 */
export function parseCacheControl(value: string | undefined): CacheDirectives {
  if (value === undefined || value === "") return NO_DIRECTIVES;
  const directives = new Map<string, string>();
  for (let at = 0; at < value.length && directives.size < DIRECTIVES_MAX; ) {
    const end = memberEnd(value, at);
    const member = value.slice(at, end).trim();
    at = end + 1;
    const equals = member.indexOf("=");
    const name = (equals < 0 ? member : member.slice(0, equals)).toLowerCase();
    if (name === "" || directives.has(name)) continue;
    directives.set(name, equals < 0 ? "" : unquoted(member.slice(equals + 1)));
  }
  return directives;
}

/**
 * The argument of a directive in seconds, undefined where it is not there. RFC 9111 section 4.2.1: what is no number
 * counts as 0, so that the response is stale.
 */
export function secondsOf(directives: CacheDirectives, name: string): number | undefined {
  const argument = directives.get(name);
  return argument === undefined ? undefined : (parseDeltaSeconds(argument) ?? 0);
}

/** Whole seconds, or undefined. */
export function parseDeltaSeconds(text: string): number | undefined {
  if (text === "") return undefined;
  let seconds = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    seconds = Math.min(seconds * 10 + digit, SECONDS_MAX);
  }
  return seconds;
}

/** Where the list member that begins at `at` ends: commas within quotes do not count. */
function memberEnd(value: string, at: number): number {
  let isQuoted = false;
  for (let i = at; i < value.length; i++) {
    const character = value[i];
    if (character === "\\" && isQuoted) i += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === "," && !isQuoted) return i;
  }
  return value.length;
}

function unquoted(argument: string): string {
  if (argument.length < 2 || !argument.startsWith('"') || !argument.endsWith('"')) return argument;
  return argument.slice(1, -1).replaceAll(/\\(.)/g, "$1");
}
