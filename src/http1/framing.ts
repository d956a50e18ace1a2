/**
 * Message framing from header fields (RFC 9112 section 6, T1 and T2): how long a body is, and whether
 * the connection may be used again. Hop-by-hop fields are dropped from the block on the way, so what
 * is left is what a proxy forwards (RFC 9110 section 7.6.1).
 */
import { CONTENT_LENGTH_DIGITS_MAX } from "../core/limits.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HEADER, LAST_FRAMING_ID } from "../http/header-name.ts";
import { PARSE_ERROR } from "./errors.ts";

/** What the framing fields of one message say. Reused by its parser. */
export class Framing {
  /** -1 when there is no Content-Length. */
  contentLength = -1;
  isChunked = false;
  /** Connection listed close. */
  hasClose = false;
  /** Connection listed keep-alive. */
  hasKeepAlive = false;
  /** From `Keep-Alive: timeout=N` (RFC 2068 section 19.7.1.1), in milliseconds; 0 when not told. */
  keepAliveTimeoutMs = 0;
  /** Index of the Host field, or -1. */
  hostIndex = -1;
  expectsContinue = false;
  upgrade = "";
  /** The message announced trailers, or accepts them (TE: trailers). */
  acceptsTrailers = false;

  /** Reads the fields of `headers`. Returns 0 or an error number. */
  read(headers: HeaderBlock): number {
    this.#clear();
    let connectionCount = 0;
    for (let i = 0; i < headers.count; i++) {
      const id = headers.ids[i]!;
      if (id === 0 || id > LAST_FRAMING_ID) continue;
      const error = this.#readField(id, i, headers);
      if (error !== 0) return error;
      if (id === HEADER.connection) connectionCount += 1;
    }
    // RFC 9112 section 6.1: both together are an attempt at smuggling until proven otherwise.
    if (this.isChunked && this.contentLength >= 0) return PARSE_ERROR.lengthAndEncoding;
    if (connectionCount > 0) this.#applyConnection(headers);
    return 0;
  }

  #clear(): void {
    this.contentLength = -1;
    this.isChunked = false;
    this.hasClose = false;
    this.hasKeepAlive = false;
    this.keepAliveTimeoutMs = 0;
    this.hostIndex = -1;
    this.expectsContinue = false;
    this.upgrade = "";
    this.acceptsTrailers = false;
  }

  #readField(id: number, index: number, headers: HeaderBlock): number {
    switch (id) {
      case HEADER["content-length"]:
        return this.#readContentLength(index, headers);
      case HEADER["transfer-encoding"]:
        return this.#readTransferEncoding(index, headers);
      case HEADER.host:
        // RFC 9112 section 3.2: more than one Host is refused, whatever they say (T23).
        if (this.hostIndex >= 0) return PARSE_ERROR.hostInvalid;
        this.hostIndex = index;
        return 0;
      case HEADER.expect:
        if (headers.value(index).toLowerCase() === "100-continue") this.expectsContinue = true;
        return 0;
      case HEADER.te:
        // RFC 9110 section 10.1.4: TE is hop-by-hop; only "trailers" means something to the next hop.
        if (headers.value(index).toLowerCase() === "trailers") this.acceptsTrailers = true;
        else headers.drop(index);
        return 0;
      case HEADER["keep-alive"]:
        this.keepAliveTimeoutMs = keepAliveTimeout(headers.value(index));
        headers.drop(index);
        return 0;
      case HEADER.upgrade:
      case HEADER.connection:
      case HEADER.trailer:
        return 0;
      default:
        headers.drop(index);
        return 0;
    }
  }

  #readContentLength(index: number, headers: HeaderBlock): number {
    const length = parseContentLength(headers.value(index));
    if (length < 0) return PARSE_ERROR.contentLengthInvalid;
    // RFC 9110 section 8.6: repeated identical values may be merged, anything else is refused.
    if (this.contentLength >= 0 && this.contentLength !== length) {
      return PARSE_ERROR.contentLengthInvalid;
    }
    this.contentLength = length;
    headers.drop(index);
    return 0;
  }

  #readTransferEncoding(index: number, headers: HeaderBlock): number {
    if (this.isChunked) return PARSE_ERROR.transferEncodingInvalid;
    const coding = headers.value(index).toLowerCase();
    if (coding !== "chunked") {
      return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(coding)
        ? PARSE_ERROR.transferEncodingUnknown
        : PARSE_ERROR.transferEncodingInvalid;
    }
    this.isChunked = true;
    headers.drop(index);
    return 0;
  }

  /** Drops what Connection names (RFC 9110 section 7.6.1), except what a peer must not strip (T25). */
  #applyConnection(headers: HeaderBlock): void {
    let isUpgrade = false;
    for (let i = 0; i < headers.count; i++) {
      if (headers.ids[i] !== HEADER.connection || !headers.isKept(i)) continue;
      const value = headers.value(i).toLowerCase();
      headers.drop(i);
      if (value === "keep-alive") this.hasKeepAlive = true;
      else if (value === "close") this.hasClose = true;
      else if (this.#applyConnectionOptions(value, headers)) isUpgrade = true;
    }
    const upgradeIndex = headers.indexOf(HEADER.upgrade);
    if (upgradeIndex < 0) return;
    if (isUpgrade) this.upgrade = headers.value(upgradeIndex);
    headers.drop(upgradeIndex);
  }

  /** Returns whether the options name Upgrade. */
  #applyConnectionOptions(value: string, headers: HeaderBlock): boolean {
    let isUpgrade = false;
    for (const part of value.split(",")) {
      const option = part.trim();
      if (option === "close") this.hasClose = true;
      else if (option === "keep-alive") this.hasKeepAlive = true;
      else if (option === "upgrade") isUpgrade = true;
      else if (option !== "" && !PROTECTED_NAMES.has(option)) headers.remove(option);
    }
    return isUpgrade;
  }
}

/** Fields that route, identify or frame a request: Connection cannot strip them (CVE-2024-45410 of Traefik). */
const PROTECTED_NAMES: ReadonlySet<string> = new Set([
  "host",
  "te",
  "content-length",
  "transfer-encoding",
  "connection",
  "authorization",
  "cookie",
  "traceparent",
  "x-request-id",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-client-cert",
  "x-real-ip",
]);

/** A decimal number, or a list of the same one (RFC 9110 section 8.6). Returns -1 otherwise. */
export function parseContentLength(value: string): number {
  let number = -1;
  for (let start = 0; ; ) {
    const comma = value.indexOf(",", start);
    const item =
      comma < 0 && start === 0 ? value : value.slice(start, comma < 0 ? undefined : comma).trim();
    const parsed = parseDecimal(item);
    if (parsed < 0 || (number >= 0 && parsed !== number)) return -1;
    number = parsed;
    if (comma < 0) return number;
    start = comma + 1;
  }
}

function parseDecimal(digits: string): number {
  if (digits.length === 0 || digits.length > CONTENT_LENGTH_DIGITS_MAX) return -1;
  let number = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

function keepAliveTimeout(value: string): number {
  const at = value.indexOf("timeout=");
  if (at < 0) return 0;
  const seconds = Number.parseInt(value.slice(at + 8), 10);
  return seconds > 0 ? seconds * 1000 : 0;
}
