/**
 * Message framing from header fields (RFC 9112 section 6, T1 and T2): how long a body is, and whether
 * the connection may be used again. Hop-by-hop fields are dropped from the block on the way, so what
 * is left is what a proxy forwards (RFC 9110 section 7.6.1).
 */
import { CONNECTION_OPTIONS_MAX } from "../core/limits.ts";
import { parseContentLength } from "../http/content-length.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderName } from "../http/header-field.ts";
import { HEADER, LAST_FRAMING_ID } from "../http/header-name.ts";
import { trimOws } from "../http/ows.ts";
import { isProtectedName } from "./connection-option.ts";
import { PARSE_ERROR } from "./errors.ts";
import { transferEncodingError } from "./transfer-encoding.ts";

const CONTENT_LENGTH = HEADER["content-length"];
const TRANSFER_ENCODING = HEADER["transfer-encoding"];
const CONNECTION = HEADER.connection;
const HOST = HEADER.host;
const KEEP_ALIVE = HEADER["keep-alive"];
const TE = HEADER.te;
const TRAILER = HEADER.trailer;
const UPGRADE = HEADER.upgrade;
const EXPECT = HEADER.expect;

/** Shared by all messages whose Connection fields name no other fields. */
export const NO_OPTIONS: readonly HeaderName[] = [];

/** What the framing fields of one message say. Used again for the next one. */
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
  /** Index of the first Host field, or -1. */
  hostIndex = -1;
  hasRepeatedHost = false;
  expectsContinue = false;
  /** The value of Upgrade when Connection names it and it is not h2c, otherwise empty. */
  upgrade = "";
  /** TE: trailers. */
  acceptsTrailers = false;
  #upgradeValue = "";
  #hasUpgradeOption = false;
  #hasConnection = false;
  /** Other fields that Connection listed. */
  options = NO_OPTIONS;

  /** Reads the fields of `headers`. Returns 0 or an error number. */
  read(headers: HeaderBlock): number {
    this.#clear();
    const count = headers.count;
    for (let i = 0; i < count; i++) {
      const id = headers.idOf(i);
      if (id === 0 || id > LAST_FRAMING_ID) continue;
      const error = this.#readField(id, i, headers);
      if (error !== 0) return error;
    }
    // RFC 9112 section 6.1: both together are an attempt at smuggling until proven otherwise.
    if (this.isChunked && this.contentLength >= 0) return PARSE_ERROR.lengthAndEncoding;
    if (this.#hasConnection) return this.#applyConnection(headers);
    return 0;
  }

  #clear(): void {
    this.contentLength = -1;
    this.isChunked = false;
    this.hasClose = false;
    this.hasKeepAlive = false;
    this.keepAliveTimeoutMs = 0;
    this.hostIndex = -1;
    this.hasRepeatedHost = false;
    this.expectsContinue = false;
    this.upgrade = "";
    this.acceptsTrailers = false;
    this.#upgradeValue = "";
    this.#hasUpgradeOption = false;
    this.#hasConnection = false;
    this.options = NO_OPTIONS;
  }

  #readField(id: number, index: number, headers: HeaderBlock): number {
    switch (id) {
      case CONTENT_LENGTH:
        return this.#readContentLength(index, headers);
      case TRANSFER_ENCODING:
        return this.#readTransferEncoding(index, headers);
      case HOST:
        if (this.hostIndex >= 0) this.hasRepeatedHost = true;
        else this.hostIndex = index;
        return 0;
      case EXPECT:
        if (headers.value(index).toLowerCase().includes("100-continue"))
          this.expectsContinue = true;
        return 0;
      case TE:
        // RFC 9110 section 10.1.4: TE is hop-by-hop; only "trailers" means something to the next hop.
        if (headers.value(index).toLowerCase() === "trailers") this.acceptsTrailers = true;
        else headers.drop(index);
        return 0;
      case KEEP_ALIVE:
        this.keepAliveTimeoutMs = keepAliveTimeoutMs(headers.value(index));
        headers.drop(index);
        return 0;
      case UPGRADE:
        // Never passed on, not even where Connection does not name it: an app might take it up (T9).
        this.#upgradeValue ||= headers.value(index);
        headers.drop(index);
        return 0;
      case CONNECTION:
        this.#hasConnection = true;
        return 0;
      case TRAILER:
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
    // RFC 9112 section 6.1: chunked must not be applied twice, nor be hidden in a second field.
    if (this.isChunked) return PARSE_ERROR.transferEncodingInvalid;
    const coding = headers.value(index).toLowerCase();
    if (coding !== "chunked") return transferEncodingError(coding);
    this.isChunked = true;
    headers.drop(index);
    return 0;
  }

  /** Drops what Connection names (RFC 9110 section 7.6.1), except what a peer must not strip (T25). */
  #applyConnection(headers: HeaderBlock): number {
    let optionCount = 0;
    for (let i = 0; i < headers.count; i++) {
      if (headers.idOf(i) !== CONNECTION) continue;
      headers.drop(i);
      if (headers.isValue(i, "keep-alive")) {
        this.hasKeepAlive = true;
        optionCount += 1;
      } else if (headers.isValue(i, "close")) {
        this.hasClose = true;
        optionCount += 1;
      } else {
        const value = headers.value(i).toLowerCase();
        const options = value.split(",", CONNECTION_OPTIONS_MAX + 1);
        optionCount += options.length;
        for (const option of options) this.#applyOption(trimOws(option), headers);
      }
      if (optionCount > CONNECTION_OPTIONS_MAX) return PARSE_ERROR.connectionInvalid;
    }
    // RFC 9110 section 7.8: a server may ignore Upgrade. Java's client offers h2c with every request.
    const isIgnored = !this.#hasUpgradeOption || this.#upgradeValue.toLowerCase() === "h2c";
    if (!isIgnored) this.upgrade = this.#upgradeValue;
    return 0;
  }

  #applyOption(option: string, headers: HeaderBlock): void {
    if (option === "close") this.hasClose = true;
    else if (option === "keep-alive") this.hasKeepAlive = true;
    else if (option === "upgrade") this.#hasUpgradeOption = true;
    else if (option !== "" && !isProtectedName(option)) {
      const name = new HeaderName(option);
      headers.remove(name);
      this.options = [...this.options, name];
    }
  }
}

/** Milliseconds from a Keep-Alive value; 0 where it tells none. */
function keepAliveTimeoutMs(value: string): number {
  const at = value.toLowerCase().indexOf("timeout=");
  if (at < 0) return 0;
  const seconds = Number.parseInt(value.slice(at + 8), 10);
  // `timeout=0` means at once, which is not the same as not told.
  return seconds >= 0 ? Math.max(1, seconds * 1000) : 0;
}
