/**
 * What a ClientHello says about where its connection goes: server name, ALPN protocols, versions
 * (RFC 8446 section 4.1.2). Stricter than TLS libraries where they differ among each other, since who
 * routes by another name than the server reads can be led astray.
 */
import { latin1 } from "../../core/bytes.ts";
import { ALPN_PROTOCOLS_MAX } from "../../core/limits.ts";
import { ByteCursor } from "./byte-cursor.ts";
import type { ClientHelloFault } from "./client-hello-fault.ts";
import { hostNameFrom } from "./server-name.ts";
import { VERSION_MAJOR } from "./tls-start.ts";

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const NAME_TYPE_HOST_NAME = 0;
const RANDOM_BYTES = 32;
const SESSION_ID_BYTES_MAX = 32;
const CIPHER_SUITE_BYTES = 2;
const VERSION_BYTES = 2;
const TLS_1_2 = 0x0303;

export interface ClientHello {
  /** A host name in lower case, undefined when the client named none. */
  readonly serverName: string | undefined;
  /** In the client's order, one character a byte; any bytes but an empty name. */
  readonly alpnProtocols: readonly string[];
  /** As on the wire (0x0304 is TLS 1.3), in the client's order, without those of RFC 8701. */
  readonly versions: readonly number[];
}

/** Reads the body of a complete ClientHello, what stands behind the handshake header. The result holds no bytes. */
export function parseClientHello(
  bytes: Buffer,
  start: number,
  end: number,
): ClientHello | ClientHelloFault {
  const hello = new ByteCursor(bytes, start, end);
  const legacyVersion = hello.uint16();
  hello.take(RANDOM_BYTES);
  const sessionIdLength = hello.uint8();
  hello.take(sessionIdLength);
  const suitesLength = hello.uint16();
  hello.take(suitesLength);
  const compressionLength = hello.uint8();
  hello.take(compressionLength);
  if (hello.isOverrun) return "lengthInvalid";
  if (legacyVersion >> 8 !== VERSION_MAJOR) return "versionInvalid";
  if (sessionIdLength > SESSION_ID_BYTES_MAX || compressionLength === 0) return "lengthInvalid";
  if (suitesLength === 0 || suitesLength % CIPHER_SUITE_BYTES !== 0) return "lengthInvalid";
  const found = new RoutingExtensions(legacyVersion);
  // Versions before TLS 1.3 may end here (RFC 5246 section 7.4.1.2).
  if (hello.remaining === 0) return found;
  const extensions = hello.take(hello.uint16());
  if (hello.isOverrun || hello.remaining > 0) return "lengthInvalid";
  while (extensions.remaining > 0) {
    const type = extensions.uint16();
    const data = extensions.take(extensions.uint16());
    if (extensions.isOverrun) return "lengthInvalid";
    const fault = found.read(bytes, type, data);
    if (fault !== undefined) return fault;
  }
  return found;
}

class RoutingExtensions implements ClientHello {
  serverName: string | undefined;
  alpnProtocols: readonly string[] = [];
  versions: readonly number[];
  #hasVersions = false;

  constructor(legacyVersion: number) {
    // RFC 8446 section 4.2.1: without the extension, the version is TLS 1.2 or before.
    this.versions = [Math.min(legacyVersion, TLS_1_2)];
  }

  /** RFC 8446 section 4.2: an extension comes once. */
  read(bytes: Buffer, type: number, data: ByteCursor): ClientHelloFault | undefined {
    switch (type) {
      case EXTENSION_SERVER_NAME:
        return this.serverName === undefined
          ? this.#readServerName(bytes, data)
          : "extensionRepeated";
      case EXTENSION_ALPN:
        return this.alpnProtocols.length === 0 ? this.#readAlpn(bytes, data) : "extensionRepeated";
      case EXTENSION_SUPPORTED_VERSIONS:
        return this.#hasVersions ? "extensionRepeated" : this.#readVersions(data);
      default:
        return undefined;
    }
  }

  /**
   * RFC 6066 section 3 allows one name of each type and has defined one type. Libraries differ in what
   * they make of others, so there must be one entry and nothing else, as OpenSSL has it.
   */
  #readServerName(bytes: Buffer, data: ByteCursor): ClientHelloFault | undefined {
    const list = data.take(data.uint16());
    const type = list.uint8();
    const name = list.take(list.uint16());
    if (data.isOverrun || data.remaining > 0) return "lengthInvalid";
    if (list.isOverrun || list.remaining > 0) return "serverNameListInvalid";
    if (type !== NAME_TYPE_HOST_NAME) return "serverNameListInvalid";
    this.serverName = hostNameFrom(bytes, name.at, name.end);
    return this.serverName === undefined ? "serverNameInvalid" : undefined;
  }

  /** RFC 7301 section 3.1: `ProtocolName protocol_name_list<2..2^16-1>`, each name of 1 to 255 bytes. */
  #readAlpn(bytes: Buffer, data: ByteCursor): ClientHelloFault | undefined {
    const list = data.take(data.uint16());
    if (data.isOverrun || data.remaining > 0) return "lengthInvalid";
    const protocols: string[] = [];
    while (list.remaining > 0) {
      const name = list.take(list.uint8());
      if (list.isOverrun) return "lengthInvalid";
      if (name.remaining === 0 || protocols.length === ALPN_PROTOCOLS_MAX) return "alpnInvalid";
      protocols.push(latin1(bytes, name.at, name.end));
    }
    if (protocols.length === 0) return "alpnInvalid";
    this.alpnProtocols = protocols;
    return undefined;
  }

  /** RFC 8446 section 4.2.1: `ProtocolVersion versions<2..254>`. */
  #readVersions(data: ByteCursor): ClientHelloFault | undefined {
    const list = data.take(data.uint8());
    if (data.isOverrun || data.remaining > 0) return "lengthInvalid";
    if (list.remaining === 0 || list.remaining % VERSION_BYTES !== 0) return "versionsInvalid";
    const versions: number[] = [];
    while (list.remaining > 0) {
      const version = list.uint16();
      if (!isReserved(version)) versions.push(version);
    }
    this.versions = versions;
    this.#hasVersions = true;
    return undefined;
  }
}

/** RFC 8701 section 2: 0x0A0A, 0x1A1A and so on stand for nothing. */
function isReserved(version: number): boolean {
  return (version & 0x0f0f) === 0x0a0a && version >> 8 === (version & 0xff);
}
