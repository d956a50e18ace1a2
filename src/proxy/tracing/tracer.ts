/**
 * Traces the requests of one listener: takes the context that came or begins a trace, writes the one that goes on, and
 * turns what has ended into spans. As Envoy's tracer, a span for a request, SERVER where it came from outside and CLIENT
 * where it came from the app; retries and hedges have CLIENT spans beside it (OpenTelemetry, `http.request.resend_count`).
 *
 * A span that nobody has sampled goes into the hub's ring, unless it ends badly: then it is told at once.
 */
import type { Mirror } from "../../decision/mirror-rule.ts";
import type { RouteMatchResult } from "../../decision/route-table.ts";
import type { SamplingFractions, TagRule } from "../../decision/route-tracing.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import {
  FORMAT_W3C,
  readArrival,
  tidyTracestate,
  writeContext,
} from "../../telemetry/trace/propagation.ts";
import { isSampledRoot } from "../../telemetry/trace/root-sampler.ts";
import {
  KEPT_ERROR,
  KEPT_SLOW,
  KEPT_WANTED,
  SpanDraft,
  type SpanTag,
} from "../../telemetry/trace/span-draft.ts";
import { isFault } from "../../telemetry/trace/span-status.ts";
import { PARENT_AT, SPAN_AT, TraceContext } from "../../telemetry/trace/trace-context.ts";
import { traceparentOf } from "../../telemetry/trace/w3c-context.ts";
import type { Endpoint } from "../endpoint.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import { MirrorSpan } from "./mirror-span.ts";
import { RequestTrace, TrySpan } from "./request-trace.ts";
import type { SpanExporter } from "./span-exporter.ts";
import { fillDetails, fillSpan, settledTags, tagsOf } from "./span-filler.ts";
import type { TracingConfig } from "./tracing-config.ts";
import type { TracingHub } from "./tracing-hub.ts";

/** A try that was answered with `status`, or failed for `reason`. */
interface EndedTry {
  readonly span: TrySpan | undefined;
  readonly endpoint: Endpoint | undefined;
}

const NO_TAGS: readonly SpanTag[] = [];
const NO_RULES: readonly TagRule[] = [];

export class Tracer {
  readonly #config: TracingConfig;
  readonly #hub: TracingHub;
  readonly #exporter: SpanExporter;
  readonly #isInbound: boolean;
  readonly #isServer: boolean;
  /** What spans that nobody has sampled are kept for. */
  readonly #keeps: boolean;
  readonly #tags: readonly TagRule[];
  /** Of a try, while it is written. */
  readonly #scratch = new TraceContext();

  constructor(config: TracingConfig, hub: TracingHub, isInbound: boolean) {
    this.#config = config;
    this.#hub = hub;
    this.#exporter = hub.exporterTo(config.target);
    this.#isInbound = isInbound;
    // As Envoy: who makes a span of its own for each try is a server to its client.
    this.#isServer = isInbound || config.spawnsUpstreamSpan;
    this.#keeps = config.keepsErrors || config.keepsSlowerThanMs > 0 || config.target.asksForTraces;
    this.#tags = settledTags(config.tags);
  }

  /** Each try has a span of its own, the first one too. */
  get spawnsTries(): boolean {
    return this.#config.spawnsUpstreamSpan;
  }

  /** The request has come, and its route is known. Its header fields carry its own span from here on. */
  begin(headers: HeaderBlock, outcome: RequestOutcome, match: RouteMatchResult | undefined): void {
    outcome.trace ??= new RequestTrace();
    const { trace } = outcome;
    const { context, arrival } = trace;
    const hub = this.#hub;
    readArrival(headers, context, arrival);
    if (this.#isInbound) hub.activeInbound += 1;
    else if (hub.activeInbound > 0) {
      const { contextPassedOn, contextLost } = hub.metrics;
      (arrival.hasContext ? contextPassedOn : contextLost).value += 1;
    }
    if (!arrival.hasContext) this.#beginTrace(headers, trace, outcome.isInternal, match);
    else if (arrival.decision === "defer") {
      context.isSampled = isSampledRoot(context, this.#fractionsOf(match).random);
    }
    tidyTracestate(headers, arrival.hasContext && (arrival.formats & FORMAT_W3C) !== 0);
    trace.formats = this.#config.formats | arrival.formats;
    trace.traceparent = arrival.hasContext
      ? this.#goOn(context, arrival.traceparent)
      : hub.ids.startText(context);
    writeContext(headers, context, trace.formats, trace.traceparent);
    trace.routePath = match?.route.pathTemplate ?? "";
    trace.routeTags = match?.route.tracing?.tags ?? NO_RULES;
    trace.lastTry = undefined;
    trace.isActive = true;
    trace.isOpen = true;
  }

  /** A try begins. Undefined where it goes by the span of its request. `nowMs` is monotonic. */
  beginTry(resendCount: number, nowMs: number): TrySpan | undefined {
    return resendCount === 0 && !this.spawnsTries ? undefined : this.#newTry(resendCount, nowMs);
  }

  #newTry(resendCount: number, nowMs: number): TrySpan {
    const { ids } = this.#scratch;
    this.#hub.ids.writeSpan(ids);
    return new TrySpan(ids[SPAN_AT]!, ids[SPAN_AT + 1]!, nowMs, resendCount);
  }

  /** The head of a try is about to be sent. Undefined for one that goes by the request's own span. */
  announceTry(headers: HeaderBlock, trace: RequestTrace, span: TrySpan | undefined): void {
    const scratch = this.#scratch;
    scratch.ids.set(trace.context.ids);
    scratch.flags = trace.context.flags;
    scratch.isDebug = trace.context.isDebug;
    if (span !== undefined) this.#setTryIds(scratch.ids, span);
    trace.traceparent = traceparentOf(scratch);
    writeContext(headers, scratch, trace.formats, trace.traceparent);
  }

  /** A try has come to nothing, and another one or none answers in its place. */
  endTry(
    outcome: RequestOutcome,
    { span, endpoint }: EndedTry,
    status: number,
    reason: string,
  ): void {
    const { trace } = outcome;
    if (trace === undefined || !trace.isActive) return;
    const isOwn = span === undefined;
    if (isOwn ? this.spawnsTries || !trace.isOpen : !span.isOpen) return;
    const { draft } = this.#hub;
    const nowMs = this.#hub.monotonicMs();
    fillSpan(draft, outcome, trace, false, this.#config.maxPathLength);
    draft.status = status;
    draft.grpcStatus = outcome.isGrpc ? -1 : -2;
    draft.flag = 0;
    draft.failureReason = reason;
    draft.details = "";
    draft.endpoint = endpoint?.key ?? "";
    draft.destination = endpoint?.workload;
    draft.takeIds(trace.context.ids);
    if (isOwn) trace.isOpen = false;
    else this.#closeTry(draft, span);
    const startMs = span?.startMs ?? outcome.startMs;
    this.#emit(draft, outcome, startMs, nowMs, false);
  }

  /** The request is over, whatever came of it. */
  end(outcome: RequestOutcome): void {
    const { trace } = outcome;
    if (trace === undefined || !trace.isActive) return;
    const hub = this.#hub;
    if (this.#isInbound) hub.activeInbound -= 1;
    const { draft } = hub;
    const nowMs = hub.monotonicMs();
    const { lastTry } = trace;
    const { maxPathLength } = this.#config;
    if (lastTry?.isOpen === true) {
      fillSpan(draft, outcome, trace, false, maxPathLength);
      draft.takeIds(trace.context.ids);
      this.#closeTry(draft, lastTry);
      this.#emit(draft, outcome, lastTry.startMs, nowMs, true);
    }
    if (trace.isOpen && (lastTry === undefined || this.spawnsTries)) {
      fillSpan(draft, outcome, trace, this.#isServer, maxPathLength);
      draft.takeIds(trace.context.ids);
      this.#emit(draft, outcome, outcome.startMs, nowMs, true);
    }
    trace.isOpen = false;
    trace.isActive = false;
  }

  /** A copy of the request goes to a mirror: it has a span of its own. */
  beginMirror(
    headers: HeaderBlock,
    outcome: RequestOutcome,
    { cluster, isSampled }: Mirror,
  ): MirrorSpan | undefined {
    const { trace } = outcome;
    if (trace === undefined || !trace.isActive) return undefined;
    const nowMs = this.#hub.monotonicMs();
    const scratch = this.#scratch;
    scratch.ids.set(trace.context.ids);
    scratch.flags = trace.context.flags;
    scratch.isDebug = false;
    if (isSampled !== undefined) scratch.isSampled = isSampled;
    const span = this.#newTry(0, nowMs);
    this.#setTryIds(scratch.ids, span);
    writeContext(headers, scratch, trace.formats, traceparentOf(scratch));
    const draft = new SpanDraft();
    fillSpan(draft, outcome, trace, false, this.#config.maxPathLength);
    draft.takeIds(scratch.ids);
    draft.traceFlags = scratch.flags;
    draft.isMirror = true;
    draft.clusterName = cluster;
    draft.tags = this.#tagsOf(outcome, true);
    return new MirrorSpan(draft, nowMs, this.#hub, this.#exporter, this.#keeps);
  }

  /** The context becomes that of a new span of its trace. Returns it as text; `arrived` is that which came, or "". */
  #goOn(context: TraceContext, arrived: string): string {
    const { ids } = this.#hub;
    ids.beginSpan(context);
    return arrived === "" ? traceparentOf(context) : ids.nextText(context, arrived);
  }

  #beginTrace(
    headers: HeaderBlock,
    { context, arrival }: RequestTrace,
    isInternal: boolean,
    match: RouteMatchResult | undefined,
  ): void {
    const { isDebug } = context;
    this.#hub.ids.beginTrace(context);
    context.isDebug = isDebug;
    if (arrival.decision !== "defer") {
      context.isSampled = arrival.decision === "sampled";
      return;
    }
    const { client, random, overall } = this.#fractionsOf(match);
    const isChosen =
      (client > 0 &&
        headers.get("x-client-trace-id") !== undefined &&
        isSampledRoot(context, client)) ||
      (isInternal && headers.get("x-envoy-force-trace") !== undefined) ||
      isSampledRoot(context, random);
    context.isSampled = isChosen && isSampledRoot(context, overall);
  }

  #fractionsOf(match: RouteMatchResult | undefined): SamplingFractions {
    return match?.route.tracing?.fractions ?? this.#config.fractions;
  }

  #closeTry(draft: SpanDraft, span: TrySpan): void {
    span.isOpen = false;
    draft.resendCount = span.resendCount;
    this.#setTryIds(draft.ids, span);
  }

  /** Tries are children of the request's span where that is told beside them, else its siblings. */
  #setTryIds(ids: Int32Array, span: TrySpan): void {
    if (this.spawnsTries) {
      ids[PARENT_AT] = ids[SPAN_AT]!;
      ids[PARENT_AT + 1] = ids[SPAN_AT + 1]!;
    }
    ids[SPAN_AT] = span.high;
    ids[SPAN_AT + 1] = span.low;
  }

  /** `decides`: how the request ended is known by it, so that its trace may be kept for it. */
  #emit(
    draft: SpanDraft,
    outcome: RequestOutcome,
    startMs: number,
    nowMs: number,
    decides: boolean,
  ): void {
    const hub = this.#hub;
    draft.durationMs = nowMs - startMs;
    if (outcome.trace!.context.isSampled) {
      draft.startMs = hub.wallMsOf(startMs, nowMs);
      this.#tell(draft, outcome, false);
      return;
    }
    if (!this.#keeps) return;
    if (hub.wanted.has(draft.ids)) {
      draft.kept = KEPT_WANTED;
      hub.metrics.wanted.value += 1;
      draft.startMs = hub.wallMsOf(startMs, nowMs);
      this.#tell(draft, outcome, true);
      return;
    }
    const reason = decides ? this.#reasonToKeep(draft, nowMs - outcome.startMs) : 0;
    if (reason === 0 || !hub.admitKept(nowMs)) {
      draft.tags = this.#tagsOf(outcome, true);
      draft.startMs = startMs;
      hub.keep(draft, nowMs);
      return;
    }
    draft.kept = reason;
    draft.startMs = hub.wallMsOf(startMs, nowMs);
    const { keptErrors, keptSlow } = hub.metrics;
    (reason === KEPT_ERROR ? keptErrors : keptSlow).value += 1;
    this.#tell(draft, outcome, true);
    hub.want(draft.ids, this.#exporter);
  }

  #reasonToKeep(draft: SpanDraft, durationMs: number): number {
    const { keepsErrors, keepsSlowerThanMs } = this.#config;
    if (keepsErrors && isFault(draft)) return KEPT_ERROR;
    // A tunnel lasts as long as its ends like.
    if (draft.status === 101 || draft.method === "CONNECT") return 0;
    return keepsSlowerThanMs > 0 && durationMs >= keepsSlowerThanMs ? KEPT_SLOW : 0;
  }

  #tell(draft: SpanDraft, outcome: RequestOutcome, isUrgent: boolean): void {
    fillDetails(draft, outcome);
    draft.tags = this.#tagsOf(outcome, false);
    this.#exporter.add(draft, isUrgent);
  }

  /** A tag of the route goes before the listener's of its name. */
  #tagsOf(outcome: RequestOutcome, isKept: boolean): readonly SpanTag[] {
    const own = this.#tags;
    const ofRoute = outcome.trace!.routeTags;
    if (ofRoute.length === 0) return own.length === 0 ? NO_TAGS : tagsOf(own, outcome, isKept);
    const others = own.filter(({ name }) => !ofRoute.some((tag) => tag.name === name));
    return tagsOf([...others, ...settledTags(ofRoute)], outcome, isKept);
  }
}
