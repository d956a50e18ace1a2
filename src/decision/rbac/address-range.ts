/** Envoy's CidrRange, compiled to a test of an address as text. What was judged before is remembered, within a bound. */
import { RBAC_ADDRESSES_REMEMBERED_MAX } from "../../core/limits.ts";
import type { CidrRange } from "../../gen/envoy/config/core/v3/address_pb.js";
import { ipBytes, isMapped } from "../../net/first-bytes/ip-bytes.ts";
import type { FieldError } from "../field-error.ts";

/** Bits before an IPv4 address in its mapped form. */
const MAPPED_BITS = 96;
const IPV6_BITS = 128;

export interface AddressRange {
  /** `10.0.0.0/8`. */
  readonly text: string;
  includes(address: string): boolean;
}

export function compileAddressRange(
  { addressPrefix, prefixLen = 0 }: CidrRange,
  path: string,
  errors: FieldError[],
): AddressRange {
  const text = `${addressPrefix}/${prefixLen}`;
  const bytes = ipBytes(addressPrefix);
  if (bytes === undefined) {
    const message = `${JSON.stringify(addressPrefix)} is no IP address`;
    errors.push({ path: `${path}.address_prefix`, message });
    return { text, includes: () => false };
  }
  const isV4 = isMapped(bytes, 0);
  const most = isV4 ? IPV6_BITS - MAPPED_BITS : IPV6_BITS;
  if (prefixLen > most) {
    errors.push({ path: `${path}.prefix_len`, message: `${prefixLen} is not from 0 to ${most}` });
  }
  const bits = isV4 ? MAPPED_BITS + prefixLen : prefixLen;
  const known = new Map<string, boolean>();
  const includes = (address: string): boolean => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const candidate = ipBytes(address);
    // As in Envoy, a range of one family has no address of the other.
    const isIn =
      candidate !== undefined && isMapped(candidate, 0) === isV4 && agree(bytes, candidate, bits);
    if (known.size >= RBAC_ADDRESSES_REMEMBERED_MAX) known.clear();
    known.set(address, isIn);
    return isIn;
  };
  return { text, includes };
}

function agree(a: Buffer, b: Buffer, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((a[whole]! ^ b[whole]!) & (0xff << (8 - rest)) & 0xff) === 0;
}
