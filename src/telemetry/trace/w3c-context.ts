/**
 * `traceparent` and `tracestate`: W3C Trace Context, Level 1 with the random flag of Level 2. What is malformed is as if
 * it had not come.
 */
import { latin1 } from "../../core/bytes.ts";
import { readByte, readWords, writeByte, writeWords } from "./hex-words.ts";
import {
  FLAG_RANDOM,
  FLAG_SAMPLED,
  SPAN_AT,
  TRACE_WORDS,
  type TraceContext,
} from "./trace-context.ts";

/** `00-` trace `-` span `-` flags. */
const LENGTH = 55;
const TRACE_START = 3;
const SPAN_START = 36;
const FLAGS_START = 53;
const DASH = 0x2d;
/** Section 3.2.2.1: never a version. */
const VERSION_INVALID = 0xff;
/** Section 3.3.1.1. */
const STATE_MEMBERS_MAX = 32;
/** Section 3.3.1.5: what has to be passed on; longer ones lose members. */
const STATE_LENGTH_MAX = 512;
/** Section 3.3.1.5: the first to go. */
const LONG_MEMBER_LENGTH = 128;
/** Section 3.3.1.3.1; a tenant with `@` is part of Level 1, whose rule is within this one. */
const STATE_KEY = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/;
/** Section 3.3.1.3.2. */
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

const out = Buffer.alloc(LENGTH, "00-");

/** Returns false, and leaves `context` undefined, for what is none. */
export function readTraceparent(text: string, context: TraceContext): boolean {
  if (text.length < LENGTH) return false;
  const version = readByte(text, 0);
  if (version < 0 || version === VERSION_INVALID) return false;
  // Section 3.2.4: of a version to come the beginning is read, and more may follow behind a dash.
  if (text.length > LENGTH && (version === 0 || text.charCodeAt(LENGTH) !== DASH)) return false;
  const isDashed =
    text.charCodeAt(2) === DASH && text.charCodeAt(35) === DASH && text.charCodeAt(52) === DASH;
  if (!isDashed) return false;
  const { ids } = context;
  if (!readWords(text, TRACE_START, 32, ids, 0, true)) return false;
  if (!readWords(text, SPAN_START, 16, ids, SPAN_AT, true)) return false;
  const flags = readByte(text, FLAGS_START);
  if (flags < 0 || !context.hasTrace || !context.hasSpan) return false;
  context.flags = flags & (FLAG_SAMPLED | FLAG_RANDOM);
  context.isDebug = false;
  return true;
}

/** Of the context's own span. */
export function traceparentOf({ ids, flags }: TraceContext): string {
  writeWords(out, TRACE_START, ids, 0, TRACE_WORDS);
  out[SPAN_START - 1] = DASH;
  writeWords(out, SPAN_START, ids, SPAN_AT, 2);
  out[FLAGS_START - 1] = DASH;
  writeByte(out, FLAGS_START, flags);
  return latin1(out, 0, LENGTH);
}

/** What of a `tracestate` goes on: all of it where it is within bounds, undefined where it is malformed. */
export function passableTracestate(text: string): string | undefined {
  const members = text.split(",").flatMap((member) => {
    const trimmed = member.replace(/^[ \t]+|[ \t]+$/g, "");
    return trimmed === "" ? [] : [trimmed];
  });
  if (members.length === 0 || members.length > STATE_MEMBERS_MAX) return undefined;
  const seen = new Set<string>();
  for (const member of members) {
    const at = member.indexOf("=");
    const key = member.slice(0, Math.max(0, at));
    if (!STATE_KEY.test(key) || !STATE_VALUE.test(member.slice(at + 1))) return undefined;
    // Section 3.3.1.3: one entry a key.
    if (seen.has(key)) return undefined;
    seen.add(key);
  }
  return text.length <= STATE_LENGTH_MAX ? text : shortened(members);
}

/** Section 3.3.1.5: long members go first, then those at the end. */
function shortened(members: readonly string[]): string | undefined {
  let kept = members;
  const lengthOf = (list: readonly string[]): number => list.join(",").length;
  for (let i = kept.length - 1; i >= 0 && lengthOf(kept) > STATE_LENGTH_MAX; i--) {
    if (kept[i]!.length > LONG_MEMBER_LENGTH) kept = kept.toSpliced(i, 1);
  }
  while (lengthOf(kept) > STATE_LENGTH_MAX) kept = kept.slice(0, -1);
  return kept.length === 0 ? undefined : kept.join(",");
}
