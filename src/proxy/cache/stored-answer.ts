/** What a client gets from a stored response: all of it, a part, or word that it has it already. */
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { BODY_LENGTH, BODY_NONE } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { reasonOf } from "../../http/status.ts";
import { parseByteRange } from "./byte-range.ts";
import { allowsRange, isNotModified } from "./conditional.ts";
import type { CachedRequestView, HeaderView } from "./header-view.ts";
import type { StoredResponse } from "./stored-response.ts";

const AGE = new HeaderName("age");
const CONTENT_RANGE = new HeaderName("content-range");
/** RFC 9110 section 15.4.5: what a 304 tells of the response that the client has. */
const OF_NOT_MODIFIED: ReadonlySet<string> = new Set([
  ...["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"],
]);

/** Which bytes of the body follow the head; none where both are 0. */
export interface AnswerPart {
  readonly start: number;
  readonly end: number;
}

const NO_BODY: AnswerPart = { start: 0, end: 0 };

/**
 * Makes `head` the answer to the request; its fields are replaced. `nowMs` is the wall clock, `ageMs` the response's
 * age by now.
 */
export function answerFrom(
  stored: StoredResponse,
  request: CachedRequestView,
  head: ResponseHead,
  nowMs: number,
): AnswerPart {
  const { headers } = head;
  const asked: HeaderView = (name) => request.header(name);
  headers.clear();
  head.minorVersion = 1;
  head.keepAlive = true;
  if (isNotModified(asked, stored, nowMs)) return notModified(stored, head);
  setStatus(head, stored.status, stored.reason);
  addFields(stored, headers);
  const size = stored.body.length;
  const isHead = request.method === "HEAD";
  const range =
    stored.status === 200 && !isHead && allowsRange(asked, stored, nowMs)
      ? parseByteRange(asked("range"), size)
      : "whole";
  if (range === "unsatisfiable") return unsatisfiable(head, size);
  if (range !== "whole") return partOf(head, range.first, range.last + 1, size);
  const hasBody = stored.status !== 204 && stored.status !== 205;
  setLength(head, hasBody ? size : -1, isHead || size === 0);
  return isHead ? NO_BODY : { start: 0, end: size };
}

function notModified(stored: StoredResponse, head: ResponseHead): AnswerPart {
  setStatus(head, 304, "");
  for (const field of stored.fields) {
    if (isOfNotModified(field.name.lower)) head.headers.add(field);
  }
  head.headers.add(ageField(stored));
  setLength(head, -1, true);
  return NO_BODY;
}

/** RFC 9213 section 2: fields for other caches have names like this; what they keep is brought up to date by them. */
function isOfNotModified(lower: string): boolean {
  return OF_NOT_MODIFIED.has(lower) || lower.endsWith("-cache-control");
}

/** RFC 9110 section 15.3.7. */
function partOf(head: ResponseHead, start: number, end: number, size: number): AnswerPart {
  setStatus(head, 206, "");
  head.headers.add(new HeaderField(CONTENT_RANGE, `bytes ${start}-${end - 1}/${size}`));
  setLength(head, end - start, false);
  return { start, end };
}

/** RFC 9110 section 15.5.17. */
function unsatisfiable(head: ResponseHead, size: number): AnswerPart {
  head.headers.clear();
  setStatus(head, 416, "");
  head.headers.add(new HeaderField(CONTENT_RANGE, `bytes */${size}`));
  setLength(head, 0, true);
  return NO_BODY;
}

function addFields(stored: StoredResponse, headers: HeaderBlock): void {
  for (const field of stored.fields) headers.add(field);
  headers.add(ageField(stored));
}

/** RFC 9111 section 5.1: whole seconds. */
function ageField({ ageMs }: StoredResponse): HeaderField {
  return new HeaderField(AGE, String(Math.floor(ageMs / 1000)));
}

function setStatus(head: ResponseHead, status: number, reason: string): void {
  head.status = status;
  head.reason = reason === "" ? reasonOf(status) : reason;
}

function setLength(head: ResponseHead, length: number, isBodiless: boolean): void {
  head.contentLength = length;
  head.bodyKind = isBodiless ? BODY_NONE : BODY_LENGTH;
}
