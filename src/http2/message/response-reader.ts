/** Turns a decoded field section into the head of a response (RFC 9113 section 8.3.2). */
import type { HeaderBlock } from "../../http/header-block.ts";
import { HEADER } from "../../http/header-name.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  type BodyKind,
} from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { reasonOf } from "../../http/status.ts";
import { type FieldSection, PSEUDO } from "../hpack/field-section.ts";
import { takeContentLength } from "./content-length-field.ts";
import { bit, CONNECTION_FIELDS, isTeTrailers } from "./field-rules.ts";
import { MESSAGE_ERROR, MESSAGE_OK } from "./message-error.ts";

const STATUS = bit(PSEUDO.status);
const CONTENT_LENGTH = HEADER["content-length"];
const READ_FIELDS = bit(CONTENT_LENGTH) | bit(HEADER.te) | bit(HEADER.host);

/**
 * Fills `head`, whose block `section` was decoded into. `requestMethod` is what the request head said;
 * `isTunnelRequest` tells that it had BODY_TUNNEL. Where the head has no body
 * (BODY_NONE) DATA makes the message malformed; the caller sees to it. Returns MESSAGE_OK or a number
 * from MESSAGE_ERROR, after which the head must not be used.
 */
export function readResponse(
  section: FieldSection,
  isEndStream: boolean,
  requestMethod: string,
  isTunnelRequest: boolean,
  head: ResponseHead,
): number {
  const { flaggedIds, present, status } = section;
  if ((flaggedIds & CONNECTION_FIELDS) !== 0) return MESSAGE_ERROR.connectionField;
  if ((present & STATUS) === 0) return MESSAGE_ERROR.pseudoFieldMissing;
  if (present !== STATUS) return MESSAGE_ERROR.pseudoFieldMisplaced;
  // RFC 9113 section 8.6.
  if (status === 101) return MESSAGE_ERROR.switchingProtocols;
  // RFC 9113 section 8.1: the final response is still to come.
  if (status < 200 && isEndStream) return MESSAGE_ERROR.interimEnd;
  const length = (flaggedIds & READ_FIELDS) === 0 ? -1 : readFields(head.headers);
  if (length < -1) return length;
  head.status = status;
  head.minorVersion = 1;
  head.keepAlive = true;
  head.keepAliveTimeoutMs = 0;
  const isSuccess = status >= 200 && status < 300;
  const isConnect = requestMethod === "CONNECT";
  if (isSuccess && (isTunnelRequest || isConnect)) return openTunnel(head, !isConnect);
  head.reason = reasonOf(status);
  const canHaveBody = status >= 200 && status !== 204 && status !== 304 && requestMethod !== "HEAD";
  // RFC 9113 section 8.1.1: where content is impossible the field tells what it would have been.
  if (canHaveBody && isEndStream && length > 0) return MESSAGE_ERROR.contentLengthMismatch;
  head.bodyKind = bodyKindOf(canHaveBody && !isEndStream, length);
  // Known by the end of the stream. HTTP/1.1 would otherwise read until the connection ends.
  head.contentLength = canHaveBody && isEndStream ? 0 : length;
  return MESSAGE_OK;
}

function bodyKindOf(hasBody: boolean, contentLength: number): BodyKind {
  if (!hasBody) return BODY_NONE;
  return contentLength >= 0 ? BODY_LENGTH : BODY_CHUNKED;
}

/** RFC 8441 section 5: 2xx accepts as 101 does in HTTP/1.1. RFC 9110 section 9.3.6: a length in it is ignored. */
function openTunnel(head: ResponseHead, isUpgrade: boolean): number {
  if (isUpgrade) head.status = 101;
  head.reason = reasonOf(head.status);
  head.bodyKind = BODY_TUNNEL;
  head.contentLength = -1;
  return MESSAGE_OK;
}

/** Takes out the fields that frame or route. Returns what Content-Length says, -1 when there is none, or a number below that. */
function readFields(headers: HeaderBlock): number {
  let length = -1;
  for (let i = 0; i < headers.count; i++) {
    const id = headers.idOf(i);
    if (id === CONTENT_LENGTH) {
      length = takeContentLength(headers, i, length);
      if (length < 0) return length;
    } else if (id === HEADER.te) {
      if (!isTeTrailers(headers, i)) return MESSAGE_ERROR.connectionField;
      headers.drop(i);
    } else if (id === HEADER.host) {
      headers.drop(i);
    }
  }
  return length;
}
