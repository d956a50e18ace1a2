/** The TLVs behind the addresses of a version 2 header (sections 2.2.1 to 2.2.7 of the PROXY protocol). */
import { ByteCursor } from "./byte-cursor.ts";
import { crc32c } from "./crc32c.ts";
import {
  CLIENT_CERTIFICATE_FLAGS,
  CRC32C_BYTES,
  findTlv,
  type ProxiedTls,
  type ProxyHeaderFault,
  TLV_ALPN,
  TLV_AUTHORITY,
  TLV_CRC32C,
  TLV_NETNS,
  TLV_SSL,
  TLV_UNIQUE_ID,
  type TlvRange,
  UNIQUE_ID_BYTES_MAX,
} from "./proxy-header.ts";

/** Client flags and result of the verification. */
const SSL_FIXED_BYTES = 5;
/** Two values for one of these would let two readers see two connections. */
const SINGLE_TYPES: readonly number[] = [
  ...[TLV_ALPN, TLV_AUTHORITY, TLV_CRC32C, TLV_UNIQUE_ID, TLV_SSL, TLV_NETNS],
];

export interface TlvSection {
  readonly tlvs: readonly TlvRange[];
  readonly tls: ProxiedTls | undefined;
}

/** `tlvsAt` and `length` count from `start`, where the header begins; all its bytes are there. */
export function readTlvs(
  bytes: Buffer,
  start: number,
  tlvsAt: number,
  length: number,
): TlvSection | ProxyHeaderFault {
  const tlvs = rangesFrom(new ByteCursor(bytes, start + tlvsAt, start + length), start);
  if (tlvs === undefined) return "tlvTruncated";
  for (const type of SINGLE_TYPES) {
    const first = tlvs.findIndex((tlv) => tlv.type === type);
    if (first !== -1 && tlvs.some((tlv, index) => index > first && tlv.type === type)) {
      return "tlvRepeated";
    }
  }
  if (!tlvs.every(hasValidLength)) return "tlvInvalid";
  const checksum = findTlv(tlvs, TLV_CRC32C);
  if (checksum !== undefined && !isChecksumRight(bytes, start, length, checksum)) {
    return "checksumInvalid";
  }
  const ssl = findTlv(tlvs, TLV_SSL);
  const tls = ssl === undefined ? undefined : tlsFrom(bytes, start, ssl);
  if (ssl !== undefined && tls === undefined) return "tlvTruncated";
  return { tlvs, tls };
}

/** The TLVs fill the section to its last byte, or it is not what it says. */
function rangesFrom(section: ByteCursor, start: number): TlvRange[] | undefined {
  const tlvs: TlvRange[] = [];
  while (section.remaining > 0) {
    const type = section.uint8();
    const value = section.take(section.uint16());
    if (section.isOverrun) return undefined;
    tlvs.push({ type, start: value.at - start, end: value.end - start });
  }
  return tlvs;
}

function hasValidLength({ type, start, end }: TlvRange): boolean {
  const length = end - start;
  switch (type) {
    case TLV_CRC32C:
      return length === CRC32C_BYTES;
    case TLV_UNIQUE_ID:
      return length <= UNIQUE_ID_BYTES_MAX;
    case TLV_SSL:
      return length >= SSL_FIXED_BYTES;
    case TLV_ALPN:
    case TLV_AUTHORITY:
      return length > 0;
    default:
      return true;
  }
}

/** Section 2.2.3: of the whole header, with the checksum itself as zeros. */
function isChecksumRight(bytes: Buffer, start: number, length: number, tlv: TlvRange): boolean {
  const valueAt = start + tlv.start;
  const expected = crc32c(bytes, start, start + length, valueAt, start + tlv.end);
  return bytes.readUInt32BE(valueAt) === expected;
}

/** Section 2.2.6. The value is known to hold its fixed part. */
function tlsFrom(bytes: Buffer, start: number, ssl: TlvRange): ProxiedTls | undefined {
  const at = start + ssl.start;
  const tlvs = rangesFrom(new ByteCursor(bytes, at + SSL_FIXED_BYTES, start + ssl.end), start);
  if (tlvs === undefined) return undefined;
  const clientFlags = bytes[at]!;
  // Zero is for certificates found good, but HAProxy writes it without a certificate, too.
  const isVerified =
    (clientFlags & CLIENT_CERTIFICATE_FLAGS) !== 0 && bytes.readUInt32BE(at + 1) === 0;
  return { clientFlags, isVerified, tlvs };
}
