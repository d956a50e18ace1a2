/** What a request pays for its trace: reading and writing its context, and its span, told or kept for a while. */
import { bench, do_not_optimize, group } from "mitata";
import { systemClock } from "../../src/core/clock.ts";
import { HeaderBlock } from "../../src/http/header-block.ts";
import { idOfName } from "../../src/http/header-name.ts";
import { RequestHead } from "../../src/http/request-head.ts";
import { RequestOutcome } from "../../src/proxy/request-outcome.ts";
import { Tracer } from "../../src/proxy/tracing/tracer.ts";
import type { TracingConfig } from "../../src/proxy/tracing/tracing-config.ts";
import type { TracingHub } from "../../src/proxy/tracing/tracing-hub.ts";
import { createTracingMetrics } from "../../src/proxy/tracing/tracing-metrics.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { SpansMessage } from "../../src/telemetry/otlp/spans-message.ts";
import { FORMAT_W3C } from "../../src/telemetry/trace/propagation.ts";
import { SpanDraft } from "../../src/telemetry/trace/span-draft.ts";
import { SpanRing } from "../../src/telemetry/trace/span-ring.ts";
import { TraceIds } from "../../src/telemetry/trace/trace-ids.ts";
import { WantedTraces } from "../../src/telemetry/trace/wanted-traces.ts";

const SPANS_BYTES = 512 * 1024;
const CONTEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
const FIELDS = [
  ...["host: catalog.default", "user-agent: bench/1.0", "accept: */*", "x-forwarded-proto: http"],
  ...["x-request-id: 7f1b9a3e-1d7f-4c57-9c44-0a54b3a8e6a1", "content-type: application/json"],
];

/** Fills the same block again and again, as a codec does. */
function refiller(lines: readonly string[]): () => HeaderBlock {
  const block = new HeaderBlock();
  const text = lines.map((line) => `${line}\r\n`).join("");
  let at = 0;
  const fields = lines.map((line) => {
    const start = at;
    at += line.length + 2;
    return {
      id: idOfName(line.slice(0, line.indexOf(":"))),
      start,
      colon: line.indexOf(":"),
      line,
    };
  });
  return () => {
    block.clear();
    block.text = text;
    for (const { id, start, colon, line } of fields) {
      block.push(id, start, start + colon, start + colon + 2, start + line.length);
    }
    return block;
  };
}

/** The hub without its way to a receiver: messages are encoded and dropped. */
function hubOf(): TracingHub {
  const message = new SpansMessage({ "service.name": "catalog" }, { name: "tulle", version: "1" });
  const exporter = {
    add: (draft: SpanDraft) => {
      message.add(draft);
      if (message.length > SPANS_BYTES) do_not_optimize(message.take());
    },
  };
  const ring = new SpanRing();
  const hub = {
    ids: new TraceIds(),
    draft: new SpanDraft(),
    metrics: createTracingMetrics(new MetricRegistry()),
    wanted: new WantedTraces(),
    keep: (draft: SpanDraft) => ring.put(draft),
    activeInbound: 0,
    monotonicMs: () => systemClock.monotonicMs(),
    wallMsOf: (momentMs: number, nowMs: number) => systemClock.nowMs() - nowMs + momentMs,
    exporterTo: () => exporter,
    admitKept: () => true,
    want: () => {},
  };
  return hub as unknown as TracingHub;
}

const CONFIG: TracingConfig = {
  target: {
    ...{ cluster: "c", authority: "c", timeoutMs: 1000, serviceName: "" },
    asksForTraces: true,
  },
  fractions: { client: 0, random: 0.01, overall: 1 },
  ...{ maxPathLength: 256, spawnsUpstreamSpan: false, tags: [], formats: FORMAT_W3C },
  ...{ keepsErrors: true, keepsSlowerThanMs: 1000 },
};

const connection = {
  ...{ scheme: "http", peerPrincipal: "spiffe://tulle.local/ns/default/sa/cart" },
  ...{ remoteAddress: "127.0.0.1", remotePort: 4000, localAddress: "127.0.0.1", localPort: 80 },
};

function benchRequest(name: string, lines: readonly string[]): void {
  const tracer = new Tracer(CONFIG, hubOf(), true);
  const head = new RequestHead();
  head.method = "GET";
  head.target = "/items/42?currency=eur";
  head.authority = "catalog.default";
  const origin = { connection, requestBytes: 0, responseBytes: 0 };
  const outcome = new RequestOutcome(origin as never);
  const refill = refiller(lines);
  bench(name, () => {
    // As for each request: what was written for the one before is gone.
    const headers = refill();
    outcome.begin(head, "HTTP/1.1", systemClock.monotonicMs());
    outcome.status = 200;
    outcome.details = "via_upstream";
    tracer.begin(headers, outcome, undefined);
    tracer.end(outcome);
  });
}

group("a request", () => {
  const refill = refiller([...FIELDS, `traceparent: ${CONTEXT}-00`]);
  bench("its header block alone, which the others make, too", () => {
    do_not_optimize(refill());
  });
  benchRequest("in a trace that is not sampled", [...FIELDS, `traceparent: ${CONTEXT}-00`]);
  benchRequest("in a trace that is sampled", [...FIELDS, `traceparent: ${CONTEXT}-01`]);
  benchRequest("that begins a trace, one in a hundred sampled", FIELDS);
});

group("traces", () => {
  const wanted = new WantedTraces();
  const trace = new Int32Array([1, 2, 3, 4]);
  wanted.add(trace);
  bench("is it wanted?", () => do_not_optimize(wanted.has(trace)));
  const ring = new SpanRing();
  const draft = new SpanDraft();
  draft.path = "/items/42";
  draft.authority = "catalog.default";
  draft.method = "GET";
  bench("keep a span for a while", () => ring.put(draft));
  bench("find the spans of a trace", () => ring.tell(trace, draft, () => {}));
});
