/** The binary header of version 2 (section 2.2 of the PROXY protocol). */
import { PROXY_HEADER_BYTES_MAX } from "../../core/limits.ts";
import { ipv4Text, ipv6Text } from "./ip-bytes.ts";
import {
  IPV4_BYTES,
  IPV6_BYTES,
  type ProxiedEndpoints,
  type ProxyHeader,
  type ProxyHeaderFault,
  UNIX_PATH_BYTES,
  V2_COMMAND_LOCAL,
  V2_COMMAND_PROXY,
  V2_FIXED_BYTES,
  V2_TCP4,
  V2_TCP6,
  V2_UDP4,
  V2_UDP6,
  V2_UNIX_DATAGRAM,
  V2_UNIX_STREAM,
  V2_UNSPECIFIED,
} from "./proxy-header.ts";
import { readTlvs } from "./proxy-tlvs.ts";

const COMMAND_AT = 12;
const FAMILY_AT = 13;
const LENGTH_AT = 14;
const VERSION_2 = 2;
const PORT_BYTES = 2;

/** Bytes of the two endpoints, by family and transport: those that section 2.2 lists. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [V2_UNSPECIFIED, 0],
  [V2_TCP4, 2 * (IPV4_BYTES + PORT_BYTES)],
  [V2_UDP4, 2 * (IPV4_BYTES + PORT_BYTES)],
  [V2_TCP6, 2 * (IPV6_BYTES + PORT_BYTES)],
  [V2_UDP6, 2 * (IPV6_BYTES + PORT_BYTES)],
  [V2_UNIX_STREAM, 2 * UNIX_PATH_BYTES],
  [V2_UNIX_DATAGRAM, 2 * UNIX_PATH_BYTES],
]);

/**
 * The bytes from `start` begin with the signature. Returns undefined while the header is not complete;
 * what its fixed part shows to be wrong is refused before the rest comes.
 */
export function readProxyHeaderV2(
  bytes: Buffer,
  start: number,
  end: number,
): ProxyHeader | ProxyHeaderFault | undefined {
  const available = end - start;
  if (available <= COMMAND_AT) return undefined;
  const command = bytes[start + COMMAND_AT]!;
  if (command >> 4 !== VERSION_2) return "versionInvalid";
  if (command !== V2_COMMAND_LOCAL && command !== V2_COMMAND_PROXY) return "commandInvalid";
  const isLocal = command === V2_COMMAND_LOCAL;
  if (available <= FAMILY_AT) return undefined;
  const family = bytes[start + FAMILY_AT]!;
  // LOCAL: "discard the protocol block including the family which is ignored".
  const addressLength = isLocal ? 0 : ADDRESS_BYTES.get(family);
  if (addressLength === undefined) return "familyInvalid";
  if (available < V2_FIXED_BYTES) return undefined;
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(start + LENGTH_AT);
  if (length > PROXY_HEADER_BYTES_MAX) return "tooLarge";
  if (length < V2_FIXED_BYTES + addressLength) return "addressTruncated";
  if (available < length) return undefined;
  if (isLocal) {
    return { version: 2, length, endpoints: { kind: "local" }, tlvs: [], tls: undefined };
  }
  const result = readTlvs(bytes, start, V2_FIXED_BYTES + addressLength, length);
  if (typeof result === "string") return result;
  const endpoints = endpointsFrom(bytes, start + V2_FIXED_BYTES, family);
  return { version: 2, length, endpoints, tlvs: result.tlvs, tls: result.tls };
}

function endpointsFrom(bytes: Buffer, at: number, family: number): ProxiedEndpoints {
  switch (family) {
    case V2_TCP4:
      return {
        kind: "tcp",
        sourceAddress: ipv4Text(bytes, at),
        destinationAddress: ipv4Text(bytes, at + IPV4_BYTES),
        sourcePort: bytes.readUInt16BE(at + 2 * IPV4_BYTES),
        destinationPort: bytes.readUInt16BE(at + 2 * IPV4_BYTES + PORT_BYTES),
      };
    case V2_TCP6:
      return {
        kind: "tcp",
        sourceAddress: ipv6Text(bytes, at),
        destinationAddress: ipv6Text(bytes, at + IPV6_BYTES),
        sourcePort: bytes.readUInt16BE(at + 2 * IPV6_BYTES),
        destinationPort: bytes.readUInt16BE(at + 2 * IPV6_BYTES + PORT_BYTES),
      };
    case V2_UNIX_STREAM:
      return {
        kind: "unix",
        sourcePath: pathFrom(bytes, at),
        destinationPath: pathFrom(bytes, at + UNIX_PATH_BYTES),
      };
    default:
      // Datagrams do not come in a connection: "falls back to the UNSPEC mode" for what is not supported.
      return { kind: "unknown" };
  }
}

function pathFrom(bytes: Buffer, at: number): string {
  const field = bytes.subarray(at, at + UNIX_PATH_BYTES);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? UNIX_PATH_BYTES : end);
}
