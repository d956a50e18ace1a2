/** The network that an address is in, as Envoy writes it in rate limit descriptors: `10.1.0.0/16`. */
import { ipBytes, ipv4Text, ipv6Text, isMapped } from "../../net/first-bytes/ip-bytes.ts";

const IPV4_BITS = 32;
const IPV6_BITS = 128;
/** Where the four bytes of an IPv4 address stand among the 16 of its mapped form. */
const IPV4_AT = 12;

/** Bits that count. All of them where nothing is said. */
export interface AddressMask {
  readonly v4Bits: number;
  readonly v6Bits: number;
}

export const WHOLE_ADDRESS: AddressMask = { v4Bits: IPV4_BITS, v6Bits: IPV6_BITS };

/** Undefined where the text is no address. */
export function maskedAddress(text: string, mask: AddressMask): string | undefined {
  const bytes = ipBytes(text);
  if (bytes === undefined) return undefined;
  const isV4 = isMapped(bytes, 0);
  const at = isV4 ? IPV4_AT : 0;
  const bits = isV4 ? mask.v4Bits : mask.v6Bits;
  for (let i = at; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, bits - (i - at) * 8));
    bytes[i]! &= 0xff << (8 - kept);
  }
  return `${isV4 ? ipv4Text(bytes, at) : ipv6Text(bytes, at)}/${bits}`;
}
