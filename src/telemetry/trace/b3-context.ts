/** B3 in both its forms, and Jaeger's `uber-trace-id`, as contexts. What is malformed is as if it had not come. */
import { readWords, wordsText } from "./hex-words.ts";
import {
  FLAG_SAMPLED,
  PARENT_AT,
  type SamplingDecision,
  SPAN_AT,
  TRACE_WORDS,
  type TraceContext,
} from "./trace-context.ts";

/** `none`: nothing that can be read. `decision`: no ids, but a word on sampling. */
export type ReadResult =
  | { readonly kind: "none" }
  | { readonly kind: "decision" | "context"; readonly decision: SamplingDecision };

const NONE: ReadResult = { kind: "none" };
/** Jaeger's flags: sampled, debug. */
const JAEGER_DEBUG = 2;

export interface B3Fields {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly sampled: string | undefined;
  readonly flags: string | undefined;
}

export function readB3Multi(
  { traceId, spanId, sampled, flags }: B3Fields,
  context: TraceContext,
): ReadResult {
  const isDebug = flags === "1";
  // `d` is a word of the single header alone.
  const decision = isDebug ? "sampled" : sampled === "d" ? undefined : decisionOf(sampled);
  if (traceId === undefined && spanId === undefined) {
    if (decision === undefined || (decision === "defer" && sampled === undefined)) return NONE;
    context.isDebug = isDebug;
    return { kind: "decision", decision };
  }
  if (decision === undefined || !readIds(traceId, spanId, context)) return NONE;
  return accept(context, decision, isDebug);
}

/** `trace-span[-sampling[-parent]]`, or sampling alone. */
export function readB3Single(text: string, context: TraceContext): ReadResult {
  const parts = text.split("-");
  if (parts.length === 1) {
    const decision = decisionOf(text);
    if (decision === undefined) return NONE;
    context.isDebug = text === "d";
    return { kind: "decision", decision };
  }
  const [traceId, spanId, sampled, parentId] = parts;
  const decision = decisionOf(sampled);
  if (parts.length > 4 || decision === undefined) return NONE;
  if (parentId !== undefined && !readId(parentId, context, PARENT_AT)) return NONE;
  if (!readIds(traceId, spanId, context)) return NONE;
  return accept(context, decision, sampled === "d");
}

/** `trace:span:parent:flags`, its colons maybe percent-encoded, its ids maybe without leading zeros. */
export function readJaeger(text: string, context: TraceContext): ReadResult {
  const [traceId = "", spanId = "", , flagsText = "", more] = text.replace(/%3a/gi, ":").split(":");
  if (more !== undefined || !/^[0-9a-f]{1,2}$/i.test(flagsText)) return NONE;
  if (!/^[0-9a-f]{1,32}$/i.test(traceId) || !/^[0-9a-f]{1,16}$/i.test(spanId)) return NONE;
  if (!readIds(traceId.padStart(32, "0"), spanId.padStart(16, "0"), context)) return NONE;
  const flags = Number.parseInt(flagsText, 16);
  const isSampled = (flags & FLAG_SAMPLED) !== 0;
  return accept(context, isSampled ? "sampled" : "not-sampled", (flags & JAEGER_DEBUG) !== 0);
}

/** The id of the trace as B3 has it: of 64 bits where the trace was begun with so many. */
export function b3TraceId({ ids }: TraceContext): string {
  const isShort = ids[0] === 0 && ids[1] === 0;
  return isShort ? wordsText(ids, 2, 2) : wordsText(ids, 0, TRACE_WORDS);
}

export function b3SingleOf(context: TraceContext): string {
  const { ids, isDebug, isSampled } = context;
  const decision = isDebug ? "d" : isSampled ? "1" : "0";
  const own = `${b3TraceId(context)}-${wordsText(ids, SPAN_AT, 2)}-${decision}`;
  return context.hasParent ? `${own}-${wordsText(ids, PARENT_AT, 2)}` : own;
}

function accept(context: TraceContext, decision: SamplingDecision, isDebug: boolean): ReadResult {
  context.flags = decision === "sampled" ? FLAG_SAMPLED : 0;
  context.isDebug = isDebug;
  return { kind: "context", decision };
}

/** Undefined for what is no decision. `true` and `false` are what old tracers write. */
function decisionOf(text: string | undefined): SamplingDecision | undefined {
  switch (text) {
    case undefined:
      return "defer";
    case "1":
    case "d":
    case "true":
    case "True":
      return "sampled";
    case "0":
    case "false":
    case "False":
      return "not-sampled";
    default:
      return undefined;
  }
}

function readIds(
  traceId: string | undefined,
  spanId: string | undefined,
  context: TraceContext,
): boolean {
  if (traceId === undefined || spanId === undefined) return false;
  const { ids } = context;
  if (traceId.length === 16) {
    ids[0] = 0;
    ids[1] = 0;
    if (!readWords(traceId, 0, 16, ids, 2, false)) return false;
  } else if (traceId.length !== 32 || !readWords(traceId, 0, 32, ids, 0, false)) return false;
  return readId(spanId, context, SPAN_AT) && context.hasTrace;
}

function readId(text: string, { ids }: TraceContext, at: number): boolean {
  if (text.length !== 16 || !readWords(text, 0, 16, ids, at, false)) return false;
  return (ids[at]! | ids[at + 1]!) !== 0;
}
