/** The trace of one request on its way through the proxy. Belongs to an exchange and is used again for each request. */
import type { TagRule } from "../../decision/route-tracing.ts";
import type { Arrival } from "../../telemetry/trace/propagation.ts";
import { TraceContext } from "../../telemetry/trace/trace-context.ts";

/** Where the id of the trace and that of the span stand in a `traceparent`. */
const TRACE_START = 3;
const TRACE_END = 35;
const SPAN_START = 36;
const SPAN_END = 52;

/** A try that has a span beside its request's own: retries, hedges, and every try where those are told one by one. */
export class TrySpan {
  readonly high: number;
  readonly low: number;
  /** Monotonic milliseconds. */
  readonly startMs: number;
  /** Tries before it. */
  readonly resendCount: number;
  isOpen = true;

  constructor(high: number, low: number, startMs: number, resendCount: number) {
    this.high = high;
    this.low = low;
    this.startMs = startMs;
    this.resendCount = resendCount;
  }
}

export class RequestTrace {
  /** Its span is the request's own, or its first try's. */
  readonly context = new TraceContext();
  readonly arrival: Arrival = {
    hasContext: false,
    decision: "defer",
    formats: 0,
    traceparent: "",
  };
  /** Its request is under way and was begun in a trace. */
  isActive = false;
  /** The request's own span has not ended. */
  isOpen = false;
  /** Formats in which the context goes on. */
  formats = 0;
  /** As it went on last: `00-` trace `-` span `-` flags. Empty outside a trace. */
  traceparent = "";
  /** Of the route, for the names of spans. */
  routePath = "";
  routeTags: readonly TagRule[] = [];
  /** The try whose answer counts, where it has a span beside the request's own. */
  lastTry: TrySpan | undefined;

  /** For the next request. */
  reset(): void {
    this.isActive = false;
    this.isOpen = false;
    this.traceparent = "";
    this.lastTry = undefined;
  }

  get isSampled(): boolean {
    return this.isActive && this.context.isSampled;
  }

  /** 32 hexadecimal digits, or "". */
  get traceId(): string {
    return this.traceparent.slice(TRACE_START, TRACE_END);
  }

  /** Of the span that the request went on with. 16 hexadecimal digits, or "". */
  get spanId(): string {
    return this.traceparent.slice(SPAN_START, SPAN_END);
  }
}
