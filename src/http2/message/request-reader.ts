/** Turns a decoded field section into the head of a request (RFC 9113 sections 8.3.1 and 8.5, RFC 8441). */
import { isAuthority } from "../../http/authority.ts";
import { HEADER } from "../../http/header-name.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  type RequestHead,
} from "../../http/request-head.ts";
import { isToken } from "../../http/token.ts";
import { type FieldSection, PSEUDO } from "../hpack/field-section.ts";
import { isSameAuthority } from "./authority-match.ts";
import { takeContentLength } from "./content-length-field.ts";
import { joinCookies } from "./cookie-crumbs.ts";
import { bit, CONNECTION_FIELDS, isTeTrailers } from "./field-rules.ts";
import { MESSAGE_ERROR, MESSAGE_OK } from "./message-error.ts";
import { readPath } from "./path.ts";

const METHOD = bit(PSEUDO.method);
const SCHEME = bit(PSEUDO.scheme);
const AUTHORITY = bit(PSEUDO.authority);
const PATH = bit(PSEUDO.path);
const STATUS = bit(PSEUDO.status);
const PROTOCOL = bit(PSEUDO.protocol);

const CONTENT_LENGTH = HEADER["content-length"];
const HOST = HEADER.host;
const TE = HEADER.te;
const EXPECT = HEADER.expect;

const COOKIE_FIELD = bit(HEADER.cookie);
/** Fields that are looked at one by one. */
const READ_FIELDS = bit(CONTENT_LENGTH) | bit(HOST) | bit(TE) | bit(EXPECT);

/**
 * Fills `head`, whose block `section` was decoded into. `isEndStream` tells that no DATA follows.
 * Returns MESSAGE_OK or a number from MESSAGE_ERROR, after which the head must not be used.
 */
export function readRequest(
  section: FieldSection,
  isEndStream: boolean,
  head: RequestHead,
): number {
  const { present, flaggedIds } = section;
  if ((flaggedIds & CONNECTION_FIELDS) !== 0) return MESSAGE_ERROR.connectionField;
  if ((present & STATUS) !== 0) return MESSAGE_ERROR.pseudoFieldMisplaced;
  if ((present & METHOD) === 0) return MESSAGE_ERROR.pseudoFieldMissing;
  head.authority = section.authority;
  head.startEnd = 0;
  head.queryAt = -1;
  head.hasSpecialBytes = false;
  head.minorVersion = 1;
  head.contentLength = -1;
  head.keepAlive = true;
  head.expectsContinue = false;
  head.acceptsTrailers = false;
  head.upgrade = "";
  if ((flaggedIds & READ_FIELDS) !== 0) {
    const error = readFields(section, head);
    if (error < 0) return error;
  }
  if ((flaggedIds & COOKIE_FIELD) !== 0) joinCookies(head.headers);
  const error = readAuthority(section, head);
  if (error < 0) return error;
  if (section.method === "CONNECT") return readConnect(section, head);
  // RFC 8441 section 4: :protocol belongs to CONNECT.
  if ((present & PROTOCOL) !== 0) return MESSAGE_ERROR.protocolInvalid;
  return readOrdinary(section, isEndStream, head);
}

function readOrdinary(section: FieldSection, isEndStream: boolean, head: RequestHead): number {
  const { method } = section;
  if (method !== "GET" && !isToken(method)) return MESSAGE_ERROR.methodInvalid;
  head.method = method;
  const error = readSchemeAndPath(section, head);
  if (error < 0) return error;
  if (!isEndStream) {
    head.bodyKind = head.contentLength >= 0 ? BODY_LENGTH : BODY_CHUNKED;
    return MESSAGE_OK;
  }
  // RFC 9113 section 8.1.1.
  if (head.contentLength > 0) return MESSAGE_ERROR.contentLengthMismatch;
  head.bodyKind = BODY_NONE;
  return MESSAGE_OK;
}

/** RFC 9113 section 8.3.1: both are there, and the path is not empty. */
function readSchemeAndPath(section: FieldSection, head: RequestHead): number {
  const needed = SCHEME | PATH;
  if ((section.present & needed) !== needed) return MESSAGE_ERROR.pseudoFieldMissing;
  const { scheme } = section;
  if (scheme !== "https" && scheme !== "http" && !isScheme(scheme)) {
    return MESSAGE_ERROR.schemeInvalid;
  }
  head.target = section.path;
  return readPath(head);
}

/** What reaches HTTP/1.1 as `Upgrade` or as CONNECT: no content, so no framing. */
function readConnect(section: FieldSection, head: RequestHead): number {
  const { present } = section;
  // RFC 9110 section 9.3.6: CONNECT has no content. What its length means would be anybody's guess.
  if (head.contentLength > 0) return MESSAGE_ERROR.contentUnexpected;
  head.contentLength = -1;
  head.bodyKind = BODY_TUNNEL;
  if ((present & AUTHORITY) === 0) return MESSAGE_ERROR.pseudoFieldMissing;
  if ((present & PROTOCOL) === 0) {
    // RFC 9113 section 8.5: :scheme and :path are left out; host and port are to connect to.
    if ((present & (SCHEME | PATH)) !== 0) return MESSAGE_ERROR.pseudoFieldMisplaced;
    if (!/:\d+$/.test(head.authority)) return MESSAGE_ERROR.authorityInvalid;
    head.method = "CONNECT";
    head.target = head.authority;
    return MESSAGE_OK;
  }
  if (!isProtocol(section.protocol)) return MESSAGE_ERROR.protocolInvalid;
  // The neutral model of an extended CONNECT is the Upgrade of HTTP/1.1 (RFC 8441 section 5).
  head.method = "GET";
  head.upgrade = section.protocol;
  return readSchemeAndPath(section, head);
}

/** Reads and takes out the fields that the head tells of. */
function readFields(section: FieldSection, head: RequestHead): number {
  const { headers } = head;
  let hasHost = false;
  const count = headers.count;
  for (let i = 0; i < count; i++) {
    switch (headers.idOf(i)) {
      case CONTENT_LENGTH: {
        const length = takeContentLength(headers, i, head.contentLength);
        if (length < 0) return length;
        head.contentLength = length;
        break;
      }
      case HOST: {
        // More than one is refused as in HTTP/1.1 (RFC 9112 section 3.2, T23).
        if (hasHost) return MESSAGE_ERROR.authorityConflict;
        hasHost = true;
        const error = readHost(section, headers.value(i), head);
        if (error < 0) return error;
        headers.drop(i);
        break;
      }
      case TE:
        if (!isTeTrailers(headers, i)) return MESSAGE_ERROR.connectionField;
        head.acceptsTrailers = true;
        break;
      case EXPECT:
        if (headers.value(i).toLowerCase().includes("100-continue")) head.expectsContinue = true;
        break;
    }
  }
  return MESSAGE_OK;
}

/** RFC 9113 section 8.3.1: Host stands in for :authority, or says the same. */
function readHost(section: FieldSection, host: string, head: RequestHead): number {
  if ((section.present & AUTHORITY) === 0) {
    head.authority = host;
    return MESSAGE_OK;
  }
  if (host === section.authority) return MESSAGE_OK;
  // Checked for its form, so that no part of the comparison can be tricked.
  if (!isAuthority(host)) return MESSAGE_ERROR.authorityInvalid;
  const isSame = isSameAuthority(host, section.authority, section.scheme);
  return isSame ? MESSAGE_OK : MESSAGE_ERROR.authorityConflict;
}

/**
 * RFC 9113 section 8.3.1 lets both be missing, as where a request of HTTP/1.0 was without, and RFC 9112
 * section 3.2 lets Host be empty. :authority may not be.
 */
function readAuthority(section: FieldSection, head: RequestHead): number {
  const { authority } = head;
  if (authority === "") {
    const isEmpty = (section.present & AUTHORITY) !== 0;
    return isEmpty ? MESSAGE_ERROR.authorityInvalid : MESSAGE_OK;
  }
  return isAuthority(authority) ? MESSAGE_OK : MESSAGE_ERROR.authorityInvalid;
}

/** RFC 3986 section 3.1. */
function isScheme(scheme: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme);
}

/**
 * RFC 9110 section 7.8: a name, perhaps with a version. h2c is refused, which the codec of HTTP/1.1
 * ignores: behind it every request would pass unseen (T9).
 */
function isProtocol(protocol: string): boolean {
  const slashAt = protocol.indexOf("/");
  const name = slashAt < 0 ? protocol : protocol.slice(0, slashAt);
  if (!isToken(name) || name.toLowerCase() === "h2c") return false;
  return slashAt < 0 || isToken(protocol.slice(slashAt + 1));
}
