/** The span of a copy of a request, for a mirror: it ends when its answer does, maybe long after the request. */
import type { SpanDraft } from "../../telemetry/trace/span-draft.ts";
import { FLAG_SAMPLED } from "../../telemetry/trace/trace-context.ts";
import type { SpanExporter } from "./span-exporter.ts";
import type { TracingHub } from "./tracing-hub.ts";

export class MirrorSpan {
  readonly #draft: SpanDraft;
  readonly #startMs: number;
  readonly #hub: TracingHub;
  readonly #exporter: SpanExporter;
  readonly #keeps: boolean;

  /** `draft` belongs to the span from here on. `keeps`: it goes into the ring where nobody has sampled it. */
  constructor(
    draft: SpanDraft,
    startMs: number,
    hub: TracingHub,
    exporter: SpanExporter,
    keeps: boolean,
  ) {
    this.#draft = draft;
    this.#startMs = startMs;
    this.#hub = hub;
    this.#exporter = exporter;
    this.#keeps = keeps;
  }

  /** `status` is 0 without an answer. */
  end(status: number, endpoint: string): void {
    const draft = this.#draft;
    const nowMs = this.#hub.monotonicMs();
    draft.status = status;
    draft.flag = 0;
    draft.endpoint = endpoint;
    draft.startMs = this.#startMs;
    draft.durationMs = nowMs - this.#startMs;
    if ((draft.traceFlags & FLAG_SAMPLED) !== 0) {
      draft.startMs = this.#hub.wallMsOf(this.#startMs, nowMs);
      this.#exporter.add(draft, false);
    } else if (this.#keeps) this.#hub.keep(draft, nowMs);
  }
}
