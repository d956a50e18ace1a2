/**
 * The context of a trace in the header fields of a request: what came is read, W3C's before others, and what goes on is
 * written in the formats that are configured and in those that the request came with.
 */
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { HEADER } from "../../http/header-name.ts";
import {
  b3SingleOf,
  b3TraceId,
  type ReadResult,
  readB3Multi,
  readB3Single,
  readJaeger,
} from "./b3-context.ts";
import { wordsText } from "./hex-words.ts";
import { PARENT_AT, type SamplingDecision, SPAN_AT, type TraceContext } from "./trace-context.ts";
import { passableTracestate, readTraceparent } from "./w3c-context.ts";

/** Sets of formats are sums of these. */
export const FORMAT_W3C = 1;
export const FORMAT_B3 = 2;
export const FORMAT_B3_SINGLE = 4;
/** Read only. */
export const FORMAT_JAEGER = 8;

const TRACEPARENT = new HeaderName("traceparent");
const TRACESTATE = new HeaderName("tracestate");
const B3 = new HeaderName("b3");
const B3_TRACE_ID = new HeaderName("x-b3-traceid");
const B3_SPAN_ID = new HeaderName("x-b3-spanid");
const B3_PARENT = new HeaderName("x-b3-parentspanid");
const B3_SAMPLED = new HeaderName("x-b3-sampled");
const B3_FLAGS = new HeaderName("x-b3-flags");
const VERSION_00 = "00-";
const JAEGER = "uber-trace-id";
const SAMPLED = new HeaderField(B3_SAMPLED, "1");
const NOT_SAMPLED = new HeaderField(B3_SAMPLED, "0");
const DEBUG = new HeaderField(B3_FLAGS, "1");

/** What a request came with. */
export interface Arrival {
  /** Whether `context` names a trace and its span. */
  hasContext: boolean;
  /** By whom the sampling is decided: `defer` without a word on it. */
  decision: SamplingDecision;
  /** Formats that it came in, whether readable or not. */
  formats: number;
  /** The `traceparent` that was read, where it is of version 00, or "". */
  traceparent: string;
}

/** Reads what came into `context`, which is cleared. `arrival` is filled. */
export function readArrival(headers: HeaderBlock, context: TraceContext, arrival: Arrival): void {
  context.clear();
  arrival.hasContext = false;
  arrival.decision = "defer";
  arrival.traceparent = "";
  arrival.formats = formatsIn(headers);
  if (arrival.formats === 0) return;
  if ((arrival.formats & FORMAT_W3C) !== 0) {
    const text = soleValue(headers, HEADER.traceparent);
    if (readTraceparent(text, context)) {
      arrival.hasContext = true;
      if (text.startsWith(VERSION_00)) arrival.traceparent = text;
      arrival.decision = context.isSampled ? "sampled" : "not-sampled";
      return;
    }
    context.clear();
  }
  for (const format of [FORMAT_B3_SINGLE, FORMAT_B3, FORMAT_JAEGER]) {
    if ((arrival.formats & format) === 0) continue;
    const result = readOther(format, headers, context);
    if (result.kind === "none") {
      context.clear();
      continue;
    }
    arrival.decision = result.decision;
    arrival.hasContext = result.kind === "context";
    if (!arrival.hasContext) {
      const { isDebug } = context;
      context.clear();
      context.isDebug = isDebug;
    }
    return;
  }
}

/**
 * Writes the context of the span that the request goes on with. `formats`: those configured and those it came with.
 * `traceparent`: the context as that, which is written where W3C's is among them.
 */
export function writeContext(
  headers: HeaderBlock,
  context: TraceContext,
  formats: number,
  traceparent: string,
): void {
  if ((formats & FORMAT_W3C) !== 0) headers.set(new HeaderField(TRACEPARENT, traceparent));
  if ((formats & FORMAT_B3_SINGLE) !== 0) headers.set(new HeaderField(B3, b3SingleOf(context)));
  if ((formats & FORMAT_B3) !== 0) writeB3(headers, context);
}

/**
 * What stands in `tracestate` goes on with the `traceparent` that it came with, or not at all: section 3.3 of W3C Trace
 * Context.
 */
export function tidyTracestate(headers: HeaderBlock, isContinued: boolean): void {
  if (headers.indexOf(HEADER.tracestate) < 0) return;
  const text = headers.get("tracestate") ?? "";
  const passable = isContinued ? passableTracestate(text) : undefined;
  if (passable === undefined) headers.remove(TRACESTATE);
  else if (passable !== text) headers.set(new HeaderField(TRACESTATE, passable));
}

/** "" where there is none, and where there are two: they would be one text with a comma, which is no context. */
function soleValue(headers: HeaderBlock, id: number): string {
  let found = -1;
  for (let i = 0; i < headers.count; i++) {
    if (headers.idOf(i) !== id || !headers.isKept(i)) continue;
    if (found >= 0) return "";
    found = i;
  }
  return found < 0 ? "" : headers.value(found);
}

function formatsIn(headers: HeaderBlock): number {
  let formats = 0;
  for (let i = 0; i < headers.count; i++) {
    const id = headers.idOf(i);
    if (id !== HEADER.traceparent && id < HEADER.b3) continue;
    const format = formatOf(id);
    if (format !== 0 && headers.isKept(i)) formats |= format;
  }
  return formats;
}

function formatOf(id: number): number {
  switch (id) {
    case HEADER.traceparent:
      return FORMAT_W3C;
    case HEADER.b3:
      return FORMAT_B3_SINGLE;
    case HEADER["x-b3-traceid"]:
    case HEADER["x-b3-sampled"]:
    case HEADER["x-b3-flags"]:
      return FORMAT_B3;
    case HEADER["uber-trace-id"]:
      return FORMAT_JAEGER;
    default:
      return 0;
  }
}

function readOther(format: number, headers: HeaderBlock, context: TraceContext): ReadResult {
  if (format === FORMAT_B3_SINGLE) return readB3Single(headers.get(B3.lower) ?? "", context);
  if (format === FORMAT_JAEGER) return readJaeger(headers.get(JAEGER) ?? "", context);
  return readB3Multi(
    {
      traceId: headers.get(B3_TRACE_ID.lower),
      spanId: headers.get(B3_SPAN_ID.lower),
      sampled: headers.get(B3_SAMPLED.lower),
      flags: headers.get(B3_FLAGS.lower),
    },
    context,
  );
}

function writeB3(headers: HeaderBlock, context: TraceContext): void {
  const { ids } = context;
  headers.set(new HeaderField(B3_TRACE_ID, b3TraceId(context)));
  headers.set(new HeaderField(B3_SPAN_ID, wordsText(ids, SPAN_AT, 2)));
  if (context.hasParent) headers.set(new HeaderField(B3_PARENT, wordsText(ids, PARENT_AT, 2)));
  else headers.remove(B3_PARENT);
  // Debug implies sampled, and is said alone.
  if (context.isDebug) {
    headers.set(DEBUG);
    headers.remove(B3_SAMPLED);
    return;
  }
  headers.remove(B3_FLAGS);
  headers.set(context.isSampled ? SAMPLED : NOT_SAMPLED);
}
