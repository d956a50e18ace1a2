/** What a header of HAProxy's PROXY protocol says, and the numbers of its specification (sections cited are of its document). */

/** Section 2.1: the header of version 1 begins so, and is 107 bytes long at most, CRLF included. */
export const V1_SIGNATURE = Buffer.from("PROXY", "latin1");
export const V1_LINE_BYTES_MAX = 107;

/** Section 2.2. */
export const V2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** Signature, version and command, family and transport, length. */
export const V2_FIXED_BYTES = 16;
export const V2_COMMAND_LOCAL = 0x20;
export const V2_COMMAND_PROXY = 0x21;
export const V2_UNSPECIFIED = 0x00;
export const V2_TCP4 = 0x11;
export const V2_UDP4 = 0x12;
export const V2_TCP6 = 0x21;
export const V2_UDP6 = 0x22;
export const V2_UNIX_STREAM = 0x31;
export const V2_UNIX_DATAGRAM = 0x32;
export const IPV4_BYTES = 4;
export const IPV6_BYTES = 16;
export const UNIX_PATH_BYTES = 108;

/** Section 2.2. */
export const TLV_HEADER_BYTES = 3;
export const TLV_ALPN = 0x01;
export const TLV_AUTHORITY = 0x02;
export const TLV_CRC32C = 0x03;
export const TLV_NOOP = 0x04;
export const TLV_UNIQUE_ID = 0x05;
export const TLV_SSL = 0x20;
export const TLV_NETNS = 0x30;
export const CRC32C_BYTES = 4;
/** Section 2.2.6: the client gave a certificate, on this connection or when its session began. */
export const CLIENT_CERTIFICATE_FLAGS = 0x06;
/** Section 2.2.5. */
export const UNIQUE_ID_BYTES_MAX = 128;

/** The two ends of the connection that a proxy accepted. */
export type ProxiedEndpoints =
  /** The proxy speaks for itself, as in a health check: the connection's own endpoints are the true ones. */
  | { readonly kind: "local" }
  /** The proxy does not tell, or tells of what we have no use for: use the connection's own endpoints. */
  | { readonly kind: "unknown" }
  | ({ readonly kind: "tcp" } & TcpEndpoints)
  | {
      readonly kind: "unix";
      /** Up to the first NUL; "" for unnamed and abstract sockets. */
      readonly sourcePath: string;
      readonly destinationPath: string;
    };

/** Addresses as text: dotted IPv4, or IPv6 in the form of RFC 5952 without a zone. */
export interface TcpEndpoints {
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
}

/** Where the value of a TLV stands, counted from the header's first byte. */
export interface TlvRange {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** Section 2.2.6. The parts within are ranges, too (types 0x21 and on). */
export interface ProxiedTls {
  /** Bit 0: the client spoke TLS; 1: it gave a certificate on this connection; 2: in this session. */
  readonly clientFlags: number;
  /** Whether the client gave a certificate, now or when the session began, and the proxy found it good. */
  readonly isVerified: boolean;
  readonly tlvs: readonly TlvRange[];
}

/** It holds no bytes. */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /** Bytes of the header; what stands behind it belongs to the connection. */
  readonly length: number;
  readonly endpoints: ProxiedEndpoints;
  /** In their order on the wire. Values are the sender's: not judged beyond their length. */
  readonly tlvs: readonly TlvRange[];
  readonly tls: ProxiedTls | undefined;
}

/** The TLV of a type, the first one of those that may be repeated. */
export function findTlv(tlvs: readonly TlvRange[], type: number): TlvRange | undefined {
  return tlvs.find((tlv) => tlv.type === type);
}

/** Why a header was refused: codes for metrics, sentences for the log. Its connection must be closed (sections 2.1 and 2.2). */
export const PROXY_HEADER_FAULTS = {
  lineInvalid: "the PROXY line is not as version 1 has it",
  lineTooLong: "the PROXY line does not end within 107 bytes",
  lineEndInvalid: "the PROXY line does not end in CRLF",
  addressInvalid: "an address or port of the PROXY line is malformed",
  versionInvalid: "the PROXY header is of a version other than 2",
  commandInvalid: "the command of the PROXY header is neither LOCAL nor PROXY",
  familyInvalid: "the family and transport of the PROXY header are none of the specification",
  tooLarge: "the PROXY header is larger than 4 KiB",
  addressTruncated: "the PROXY header is too short for its addresses",
  tlvTruncated: "a TLV goes beyond the PROXY header, or beyond the TLV around it",
  tlvInvalid: "the value of a TLV has a length that its type does not allow",
  tlvRepeated: "a TLV that may come once is given twice",
  checksumInvalid: "the checksum of the PROXY header is wrong",
} as const;

export type ProxyHeaderFault = keyof typeof PROXY_HEADER_FAULTS;
