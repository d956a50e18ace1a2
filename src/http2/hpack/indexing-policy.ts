/**
 * Which fields a proxy's encoder puts into the dynamic table. One table serves many clients behind
 * one connection, so what one of them alone repeats (its cookie, its trace) only evicts what all
 * share. Names that the encoder knows have a number here; others are handled by rule.
 */
import { HEADER, hashOfName } from "../../http/header-name.ts";
import { STATIC_FIELDS } from "./static-table.ts";

/** Indexed when first seen: few values, each repeated by nearly every message. */
export const INDEX_FIRST = 0;
/**
 * Indexed when the same field was seen before, not long ago. Whatever is not listed here: a field
 * with a new value each time never enters, a constant one costs one literal more.
 */
export const INDEX_REPEATED = 1;
/** Not indexed, but its name is. */
export const INDEX_NAME = 2;
/** Never indexed, by nobody behind us either (RFC 7541 section 6.2.3): who can guess may not measure (section 7.1). */
export const INDEX_NEVER = 3;
/** As INDEX_NEVER when short enough to be guessed, else as INDEX_NAME. */
export const INDEX_COOKIE = 4;

/** Shorter cookies can be guessed byte by byte (RFC 7541 section 7.1.3). nghttp2's figure. */
export const COOKIE_GUESSABLE_BYTES_MAX = 20;

const POLICIES: readonly (readonly [policy: number, names: readonly string[]])[] = [
  // What software says of itself and of formats: constant for each client and server program.
  [INDEX_FIRST, ["user-agent", "server", "via", "accept", "accept-encoding", "accept-language"]],
  [INDEX_FIRST, ["content-type", "content-encoding", "vary", "cache-control", "accept-ranges"]],
  [INDEX_FIRST, ["te", "grpc-encoding", "grpc-accept-encoding", "grpc-status", "trailer"]],
  [INDEX_FIRST, ["access-control-allow-origin", "strict-transport-security"]],
  // What proxies say of the connection: constant for each peer.
  [INDEX_FIRST, ["x-forwarded-proto", "x-forwarded-client-cert", "x-envoy-decorator-operation"]],
  [INDEX_FIRST, ["x-envoy-expected-rq-timeout-ms", "x-envoy-attempt-count", "x-envoy-internal"]],
  // Identifiers: another in each message.
  [INDEX_NAME, ["x-request-id", "x-correlation-id", "traceparent", "tracestate", "baggage"]],
  [INDEX_NAME, ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "uber-trace-id"]],
  [INDEX_NAME, ["x-amzn-trace-id", "x-cloud-trace-context", "x-datadog-trace-id"]],
  // Properties of one representation or range. Lengths repeat, but are as short as an index.
  [INDEX_NAME, ["content-length", "content-range", "etag", "last-modified", "expires", "age"]],
  [INDEX_NAME, ["range", "if-match", "if-none-match", "if-modified-since", "if-range", "location"]],
  [INDEX_NAME, ["if-unmodified-since", "content-location", "content-disposition", "link"]],
  // Deadlines count down along a chain of calls; messages and details belong to one failure.
  [INDEX_NAME, ["grpc-timeout", "grpc-message", "grpc-status-details-bin", "retry-after"]],
  // A new session in each: long, and of one client.
  [INDEX_NAME, ["set-cookie"]],
  [INDEX_COOKIE, ["cookie"]],
  // Credentials.
  [INDEX_NEVER, ["authorization", "proxy-authorization", "x-api-key", "x-auth-token"]],
  [INDEX_NEVER, ["x-csrf-token", "x-xsrf-token", "x-amz-security-token"]],
  // Date is not listed: under load a second has many messages, else it is not seen twice.
];

export interface NameRule {
  readonly name: string;
  readonly hash: number;
  readonly policy: number;
  /** The first index with this name in the static table, or 0. */
  readonly staticIndex: number;
}

const staticIndexes = new Map<string, number>();
for (const [i, [name]] of STATIC_FIELDS.entries()) {
  if (!staticIndexes.has(name)) staticIndexes.set(name, i + 1);
}
const policies = new Map(
  POLICIES.flatMap(([policy, names]) => names.map((name) => [name, policy])),
);
const names = new Set([...Object.keys(HEADER), ...staticIndexes.keys(), ...policies.keys()]);

function ruleOf(name: string): NameRule {
  return {
    name,
    hash: hashOfName(name),
    policy: policies.get(name) ?? INDEX_REPEATED,
    staticIndex: staticIndexes.get(name) ?? 0,
  };
}

/** By number; 0 stands for all names that are not listed. */
export const NAME_RULES: readonly NameRule[] = [ruleOf(""), ...[...names].map(ruleOf)];

/** Numbers from `HEADER` are rule numbers: the known names come first, in their order. */
for (const [name, id] of Object.entries(HEADER)) {
  if (NAME_RULES[id]!.name !== name) throw new Error(`name rules: ${name} is not at ${id}`);
}

const SLOT_COUNT = 1024;
const slots = new Uint8Array(SLOT_COUNT);
for (const [number, rule] of NAME_RULES.entries()) {
  if (number === 0) continue;
  let slot = slotOf(rule.hash);
  while (slots[slot] !== 0) slot = (slot + 1) % SLOT_COUNT;
  slots[slot] = number;
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 10)) & (SLOT_COUNT - 1);
}

/** The number of the lower-case name in these bytes, whose hash (`hashStep`) is given; 0 when it is not listed. */
export function ruleNumberOf(bytes: Uint8Array, start: number, end: number, hash: number): number {
  let slot = slotOf(hash);
  for (;;) {
    const number = slots[slot]!;
    if (number === 0) return 0;
    const rule = NAME_RULES[number]!;
    if (rule.hash === hash && isName(bytes, start, end, rule.name)) return number;
    slot = (slot + 1) % SLOT_COUNT;
  }
}

/** Hashes are not proof: another name with the same would be sent under this one's (T19). */
function isName(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    if (bytes[start + i] !== name.charCodeAt(i)) return false;
  }
  return true;
}
