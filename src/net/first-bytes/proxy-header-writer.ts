/** Writes PROXY protocol headers, once for each connection to an upstream that asks for them. */
import { assert, assertNever } from "../../core/assert.ts";
import { PROXY_HEADER_BYTES_MAX } from "../../core/limits.ts";
import { crc32c } from "./crc32c.ts";
import { ipBytes, ipv4Text, ipv6Text, isMapped } from "./ip-bytes.ts";
import {
  CRC32C_BYTES,
  IPV4_BYTES,
  IPV6_BYTES,
  type ProxiedEndpoints,
  type TcpEndpoints,
  TLV_ALPN,
  TLV_AUTHORITY,
  TLV_CRC32C,
  TLV_HEADER_BYTES,
  TLV_UNIQUE_ID,
  UNIQUE_ID_BYTES_MAX,
  UNIX_PATH_BYTES,
  V2_COMMAND_LOCAL,
  V2_COMMAND_PROXY,
  V2_FIXED_BYTES,
  V2_SIGNATURE,
  V2_TCP4,
  V2_TCP6,
  V2_UNIX_STREAM,
  V2_UNSPECIFIED,
} from "./proxy-header.ts";

const PORT_MAX = 65_535;
const PORT_BYTES = 2;

export interface ProxyHeaderV2Options {
  readonly endpoints: ProxiedEndpoints;
  /** What the client negotiated, one character a byte. */
  readonly alpn?: string | undefined;
  /** What the client named as its server. */
  readonly authority?: string | undefined;
  /** At most 128 bytes. */
  readonly uniqueId?: Buffer | undefined;
  readonly hasChecksum: boolean;
}

/** Section 2.1. What version 1 cannot say is UNKNOWN. Ports and addresses are those of sockets: others are broken invariants. */
export function serializeProxyHeaderV1(endpoints: ProxiedEndpoints): Buffer {
  if (endpoints.kind !== "tcp") return Buffer.from("PROXY UNKNOWN\r\n", "latin1");
  const { source, destination, isVersion4 } = tcpBytes(endpoints);
  const protocol = isVersion4 ? "TCP4" : "TCP6";
  const text = (address: Buffer) =>
    isVersion4 ? ipv4Text(address, IPV6_BYTES - IPV4_BYTES) : ipv6Text(address, 0);
  const { sourcePort, destinationPort } = endpoints;
  const line = `PROXY ${protocol} ${text(source)} ${text(destination)} ${sourcePort} ${destinationPort}\r\n`;
  return Buffer.from(line, "latin1");
}

/**
 * Section 2.2. Unknown endpoints are written as LOCAL: receivers may reject PROXY without addresses, as
 * HAProxy does, and must accept LOCAL; either way they use the connection's own endpoints. They discard
 * the TLVs of LOCAL.
 */
export function serializeProxyHeaderV2(options: ProxyHeaderV2Options): Buffer {
  const { endpoints, alpn, authority, uniqueId } = options;
  const { family, addresses } = addressBlock(endpoints);
  const tlvs: Buffer[] = [];
  if (alpn) tlvs.push(tlv(TLV_ALPN, Buffer.from(alpn, "latin1")));
  if (authority) tlvs.push(tlv(TLV_AUTHORITY, Buffer.from(authority, "utf8")));
  if (uniqueId !== undefined) {
    assert(uniqueId.length <= UNIQUE_ID_BYTES_MAX, "a unique id of a PROXY header fits");
    tlvs.push(tlv(TLV_UNIQUE_ID, uniqueId));
  }
  if (options.hasChecksum) tlvs.push(tlv(TLV_CRC32C, Buffer.alloc(CRC32C_BYTES)));
  const header = Buffer.concat([V2_SIGNATURE, Buffer.alloc(4), addresses, ...tlvs]);
  assert(header.length <= PROXY_HEADER_BYTES_MAX, "a PROXY header is as short as we take it");
  header[12] = family === V2_UNSPECIFIED ? V2_COMMAND_LOCAL : V2_COMMAND_PROXY;
  header[13] = family;
  header.writeUInt16BE(header.length - V2_FIXED_BYTES, 14);
  if (options.hasChecksum) {
    // The last TLV, and zero until here.
    const checksum = crc32c(header, 0, header.length, 0, 0);
    header.writeUInt32BE(checksum, header.length - CRC32C_BYTES);
  }
  return header;
}

function addressBlock(endpoints: ProxiedEndpoints): { family: number; addresses: Buffer } {
  switch (endpoints.kind) {
    case "tcp": {
      const { source, destination, isVersion4 } = tcpBytes(endpoints);
      const skipped = isVersion4 ? IPV6_BYTES - IPV4_BYTES : 0;
      const ports = Buffer.alloc(2 * PORT_BYTES);
      ports.writeUInt16BE(endpoints.sourcePort, 0);
      ports.writeUInt16BE(endpoints.destinationPort, PORT_BYTES);
      const parts = [source.subarray(skipped), destination.subarray(skipped), ports];
      return { family: isVersion4 ? V2_TCP4 : V2_TCP6, addresses: Buffer.concat(parts) };
    }
    case "unix": {
      const addresses = Buffer.alloc(2 * UNIX_PATH_BYTES);
      addresses.write(endpoints.sourcePath, 0, UNIX_PATH_BYTES, "utf8");
      addresses.write(endpoints.destinationPath, UNIX_PATH_BYTES, UNIX_PATH_BYTES, "utf8");
      return { family: V2_UNIX_STREAM, addresses };
    }
    case "local":
    case "unknown":
      return { family: V2_UNSPECIFIED, addresses: Buffer.alloc(0) };
    default:
      return assertNever(endpoints, "kind of endpoints");
  }
}

interface TcpBytes {
  readonly source: Buffer;
  readonly destination: Buffer;
  /** Both are IPv4: a header has one family, so that one IPv6 address makes the other a mapped one. */
  readonly isVersion4: boolean;
}

function tcpBytes(endpoints: TcpEndpoints): TcpBytes {
  const source = socketAddressBytes(endpoints.sourceAddress);
  const destination = socketAddressBytes(endpoints.destinationAddress);
  assert(isPort(endpoints.sourcePort) && isPort(endpoints.destinationPort), "ports have 16 bits");
  return { source, destination, isVersion4: isMapped(source, 0) && isMapped(destination, 0) };
}

/** Sockets on link-local addresses name their zone, which has no place on the wire. */
function socketAddressBytes(address: string): Buffer {
  const zoneAt = address.indexOf("%");
  const bytes = ipBytes(zoneAt < 0 ? address : address.slice(0, zoneAt));
  assert(bytes !== undefined, `a socket has an IP address, not ${JSON.stringify(address)}`);
  return bytes;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= PORT_MAX;
}

function tlv(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(TLV_HEADER_BYTES);
  header[0] = type;
  header.writeUInt16BE(value.length, 1);
  return Buffer.concat([header, value]);
}
