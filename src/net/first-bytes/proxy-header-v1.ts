/** The line of version 1 (section 2.1 of the PROXY protocol): `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` CRLF. */
import { isIPv4 } from "node:net";
import { latin1 } from "../../core/bytes.ts";
import { ipBytes, ipv6Text } from "./ip-bytes.ts";
import {
  type ProxiedEndpoints,
  type ProxyHeader,
  type ProxyHeaderFault,
  V1_LINE_BYTES_MAX,
  V1_SIGNATURE,
} from "./proxy-header.ts";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TILDE = 0x7e;
const UNKNOWN = "UNKNOWN";
/** `PROXY`, protocol, two addresses, two ports. */
const PARTS = 6;
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;
const PORT_MAX = 65_535;

/** The bytes from `start` begin with the signature. Returns undefined while the line is not complete. */
export function readProxyHeaderV1(
  bytes: Buffer,
  start: number,
  end: number,
): ProxyHeader | ProxyHeaderFault | undefined {
  const limit = Math.min(end, start + V1_LINE_BYTES_MAX);
  let at = start + V1_SIGNATURE.length;
  if (at < limit && bytes[at] !== SPACE) return "lineInvalid";
  while (at < limit && bytes[at]! >= SPACE && bytes[at]! <= TILDE) at += 1;
  if (at + 1 < limit || (at < limit && bytes[at] !== CR)) {
    // "must not tolerate a single CR or LF character to end the line".
    if (bytes[at] === LF) return "lineEndInvalid";
    if (bytes[at] !== CR) return "lineInvalid";
    if (bytes[at + 1] !== LF) return "lineEndInvalid";
    return headerFrom(latin1(bytes, start, at), at + 2 - start);
  }
  return limit - start === V1_LINE_BYTES_MAX ? "lineTooLong" : undefined;
}

function headerFrom(line: string, length: number): ProxyHeader | ProxyHeaderFault {
  const endpoints = endpointsFrom(line);
  return typeof endpoints === "string"
    ? endpoints
    : { version: 1, length, endpoints, tlvs: [], tls: undefined };
}

function endpointsFrom(line: string): ProxiedEndpoints | ProxyHeaderFault {
  const parts = line.split(" ");
  const [, protocol, source = "", destination = "", sourcePort = "", destinationPort = ""] = parts;
  // "the receiver must ignore anything presented before the CRLF" behind UNKNOWN.
  if (protocol === UNKNOWN) return { kind: "unknown" };
  if ((protocol !== "TCP4" && protocol !== "TCP6") || parts.length !== PARTS) return "lineInvalid";
  const isVersion4 = protocol === "TCP4";
  const sourceAddress = isVersion4 ? ipv4From(source) : ipv6From(source);
  const destinationAddress = isVersion4 ? ipv4From(destination) : ipv6From(destination);
  if (sourceAddress === undefined || destinationAddress === undefined) return "addressInvalid";
  if (!isPort(sourcePort) || !isPort(destinationPort)) return "addressInvalid";
  return {
    kind: "tcp",
    sourceAddress,
    sourcePort: Number(sourcePort),
    destinationAddress,
    destinationPort: Number(destinationPort),
  };
}

/** Without leading zeros, which some read as octal: node:net refuses them. */
function ipv4From(text: string): string | undefined {
  return isIPv4(text) ? text : undefined;
}

function ipv6From(text: string): string | undefined {
  const bytes = isIPv4(text) ? undefined : ipBytes(text);
  return bytes === undefined ? undefined : ipv6Text(bytes, 0);
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= PORT_MAX;
}
