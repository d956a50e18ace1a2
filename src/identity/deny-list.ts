/**
 * Who has no access any more although its certificate is good: identities as a whole, and single certificates by
 * serial number. A list replaces the one before it whole.
 */
import { parseSpiffeId, type SpiffeId } from "./spiffe-id.ts";

export interface DenyList {
  readonly spiffeIds: ReadonlySet<string>;
  /** As `Certificate.serialHex` has them. */
  readonly serials: ReadonlySet<string>;
}

export const NOTHING_DENIED: DenyList = { spiffeIds: new Set(), serials: new Set() };

/** Why a peer with a good certificate is refused all the same, as a sentence; undefined when it is not. */
export function denialOf(
  list: DenyList,
  peer: { readonly spiffeId: string; readonly serialHex: string },
): string | undefined {
  if (list.spiffeIds.size > 0 && list.spiffeIds.has(peer.spiffeId)) {
    return `the identity ${peer.spiffeId} is revoked`;
  }
  if (list.serials.size > 0 && list.serials.has(peer.serialHex)) {
    return `the certificate ${peer.serialHex} of ${peer.spiffeId} is revoked`;
  }
  return undefined;
}

/**
 * A serial number as certificates here spell it: hexadecimal in lower case, the bytes of the DER. Colons, spaces, upper
 * case and a missing first zero are other people's spellings. Undefined for what is no serial number.
 */
export function canonicalSerial(text: string): string | undefined {
  const digits = text.replace(/[\s:]/g, "").toLowerCase().replace(/^0x/, "");
  if (!/^[0-9a-f]{1,42}$/.test(digits)) return undefined;
  const whole = digits.replace(/^0+(?=.)/, "");
  const even = whole.length % 2 === 0 ? whole : `0${whole}`;
  // DER writes a zero before a first bit that would make the number negative.
  return Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
}

/** The id of a workload, in the one spelling that certificates have. Undefined for anything else. */
export function canonicalWorkloadId(text: string): SpiffeId | undefined {
  const parsed = parseSpiffeId(text);
  return parsed.ok && parsed.path !== "" ? parsed.id : undefined;
}
