/**
 * Header names that the proxy itself looks at, each with a small number. Codecs number a field while
 * they validate its bytes, so that nothing compares strings per request.
 */
import { TOKEN_LOWER } from "./char-table.ts";

/** Framing and hop-by-hop names come first: codecs of HTTP/1.1 look no further than `LAST_FRAMING_ID`. */
const KNOWN_NAMES = [
  "content-length",
  "transfer-encoding",
  "connection",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "http2-settings",
  "cookie",
  "date",
  "server",
  "via",
  "x-request-id",
  "traceparent",
  "tracestate",
  "user-agent",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-client-cert",
  "x-envoy-attempt-count",
  "x-envoy-decorator-operation",
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-external-address",
  "x-envoy-internal",
  "x-envoy-original-path",
  "x-envoy-upstream-service-time",
  "x-envoy-upstream-rq-timeout-ms",
  "content-type",
  "grpc-status",
  "accept",
  "location",
  "proxy-authenticate",
  "proxy-authorization",
  "b3",
  "x-b3-traceid",
  "x-b3-sampled",
  "x-b3-flags",
  "uber-trace-id",
] as const;

export type KnownName = (typeof KNOWN_NAMES)[number];

/** The number of a name that is not in the table. */
export const HEADER_UNKNOWN = 0;

export const HEADER = Object.fromEntries(
  KNOWN_NAMES.map((name, index) => [name, index + 1]),
) as Readonly<Record<KnownName, number>>;

/** Fields numbered up to here decide framing, routing authority or connection handling. */
export const LAST_FRAMING_ID = HEADER["http2-settings"];

/** Numbers up to here have a bit in a set of them, `1 << id`: what codecs of HTTP/2 look at. */
export const LAST_FLAGGED_ID = HEADER.cookie;

export const HEADER_HASH_SEED = 7;

/** One step of the hash that codecs compute over lower-cased name bytes. */
export function hashStep(hash: number, lowerByte: number): number {
  return (Math.imul(hash, 31) + lowerByte) | 0;
}

export function hashOfName(lowerName: string): number {
  let hash = HEADER_HASH_SEED;
  for (let i = 0; i < lowerName.length; i++) hash = hashStep(hash, lowerName.charCodeAt(i));
  return hash;
}

/** Power of two; large enough that the known names do not collide (checked below). */
const SLOT_COUNT = 1024;
const SLOT_MASK = SLOT_COUNT - 1;
const slotIds = new Uint8Array(SLOT_COUNT);
const slotHashes = new Int32Array(SLOT_COUNT);

for (const [index, name] of KNOWN_NAMES.entries()) {
  const hash = hashOfName(name);
  const slot = (hash ^ (hash >>> 14)) & SLOT_MASK;
  if (slotIds[slot] !== 0) throw new Error(`header name table: ${name} collides; enlarge it`);
  slotIds[slot] = index + 1;
  slotHashes[slot] = hash;
}

/** The number that may belong to a name with this hash: the caller still compares the bytes. */
export function candidateId(hash: number): number {
  const slot = (hash ^ (hash >>> 14)) & SLOT_MASK;
  return slotHashes[slot] === hash ? slotIds[slot]! : HEADER_UNKNOWN;
}

/** The known names one behind the other, and where each begins, by number. */
const nameBytes = Buffer.from(KNOWN_NAMES.join(""), "latin1");
const nameStarts = new Uint16Array(KNOWN_NAMES.length + 2);
for (const [index, name] of KNOWN_NAMES.entries()) {
  nameStarts[index + 2] = nameStarts[index + 1]! + name.length;
}

/** Whether these bytes, which are of a token, are the name behind a number from `HEADER`, in any case. */
export function isKnownName(id: number, bytes: Uint8Array, start: number, end: number): boolean {
  const known = nameStarts[id]!;
  if (nameStarts[id + 1]! - known !== end - start) return false;
  for (let i = start; i < end; i++) {
    if (TOKEN_LOWER[bytes[i]!] !== nameBytes[known + i - start]) return false;
  }
  return true;
}

/** Names that the code asks for are constants, whose hash V8 keeps with them. */
const IDS: ReadonlyMap<string, number> = new Map(Object.entries(HEADER));

/** The number of a lower-case name, or HEADER_UNKNOWN. */
export function idOfName(lowerName: string): number {
  return IDS.get(lowerName) ?? HEADER_UNKNOWN;
}
