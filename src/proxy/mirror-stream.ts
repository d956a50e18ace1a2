/**
 * One copy of a request on its way to one mirror cluster, streamed while the original streams. What the mirror does
 * not take as fast as it comes waits here, up to a bound beyond which the copy is given up. Its answer is read and
 * dropped.
 */
import { MIRRORED_BODY_BYTES_MAX } from "../core/limits.ts";
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { outlierStatusOf } from "./health/outlier-monitor.ts";
import { isRefusal } from "./health/refused-answer.ts";
import type { MirrorMetrics } from "./mirror-metrics.ts";
import type { ClientStream, ClientStreamHandler } from "./stream.ts";
import type { MirrorSpan } from "./tracing/mirror-span.ts";

export interface MirrorStreamOptions {
  /** Has admitted the request. */
  readonly cluster: Cluster;
  readonly endpoint: Endpoint;
  readonly head: RequestHead;
  /** Undefined where its request is in no trace. */
  readonly span: MirrorSpan | undefined;
  readonly target: string;
  readonly authority: string;
  readonly isHttp2: boolean;
  readonly timers: TimerWheel;
  /** From the end of the request to the end of its answer. */
  readonly timeoutMs: number;
  readonly metrics: MirrorMetrics;
  readonly faults: CallbackFaults;
}

const NO_TRAILERS = new HeaderBlock();

export class MirrorStream implements ClientStreamHandler, FaultOwner {
  readonly #options: MirrorStreamOptions;
  readonly #timeout: TimerEntry;
  readonly #outlierGeneration: number;
  #stream: ClientStream | undefined;
  #isOver = false;
  /** The mirror is slow. */
  #isBlocked = false;
  #status = 0;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  /** The request is complete: what comes behind the chunks. */
  #end: HeaderBlock | undefined;

  constructor(options: MirrorStreamOptions) {
    this.#options = options;
    this.#outlierGeneration = options.endpoint.outlier?.generation ?? 0;
    this.#timeout = new TimerEntry(guarded(this, () => this.#onTimeout()));
  }

  start(nowMs: number): void {
    const { endpoint, isHttp2, metrics } = this.#options;
    if (endpoint.acquire(this, nowMs, isHttp2) || this.#isOver) return;
    metrics.overflow.value += 1;
    this.#finish();
  }

  /** Part of the body, which belongs to the caller. */
  sendBody(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    if (this.#stream !== undefined && !this.#isBlocked) {
      this.#isBlocked = !this.#stream.sendBody(bytes, start, end);
      return;
    }
    this.#bytes += end - start;
    if (this.#bytes <= MIRRORED_BODY_BYTES_MAX) {
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
      return;
    }
    this.#options.metrics.tooSlow.value += 1;
    this.#giveUp();
  }

  /** The request is complete. Nobody waits for the answer, so that somebody must end it. */
  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isOver) return;
    const { timers, timeoutMs } = this.#options;
    timers.arm(this.#timeout, timeoutMs);
    this.#end = trailers === undefined ? NO_TRAILERS : copyOf(trailers);
    this.#flush();
  }

  /** The original has broken off. */
  cancel(): void {
    if (this.#isOver) return;
    this.#options.metrics.failed.value += 1;
    this.#giveUp();
  }

  onStreamReady(stream: ClientStream): void {
    const { endpoint, head, target, authority } = this.#options;
    this.#stream = stream;
    endpoint.onRequestStart();
    stream.sendHead(head, target, authority);
    this.#flush();
  }

  onInterim(_head: ResponseHead): void {}
  onResponseBody(_bytes: Buffer, _start: number, _end: number): void {}

  onResponseHead(head: ResponseHead): void {
    this.#status = head.status;
    const result = outlierStatusOf(head, false);
    if (result >= 500 && isRefusal(head.headers)) return;
    this.#options.endpoint.outlier?.onStatus(result, this.#outlierGeneration);
  }

  onResponseEnd(_trailers: HeaderBlock | undefined): void {
    this.#options.metrics.answered.value += 1;
    this.#finish();
  }

  onUpstreamFailure(): void {
    if (this.#isOver) return;
    const { endpoint, metrics } = this.#options;
    endpoint.outlier?.onLocalFailure(503, this.#outlierGeneration);
    metrics.failed.value += 1;
    this.#finish();
  }

  onUpstreamDrain(): void {
    this.#isBlocked = false;
    this.#flush();
  }

  onFault(error: unknown): void {
    this.#options.faults.report("mirror", error);
  }

  #flush(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    let taken = 0;
    for (; taken < this.#chunks.length && !this.#isBlocked; taken++) {
      const chunk = this.#chunks[taken]!;
      this.#bytes -= chunk.length;
      this.#isBlocked = !stream.sendBody(chunk, 0, chunk.length);
    }
    this.#chunks.splice(0, taken);
    if (this.#chunks.length > 0 || this.#end === undefined) return;
    const trailers = this.#end === NO_TRAILERS ? undefined : this.#end;
    this.#end = undefined;
    stream.sendEnd(trailers);
  }

  #onTimeout(): void {
    const { endpoint, metrics } = this.#options;
    if (this.#stream !== undefined) endpoint.outlier?.onLocalFailure(504, this.#outlierGeneration);
    metrics.failed.value += 1;
    this.#giveUp();
  }

  #giveUp(): void {
    const stream = this.#stream;
    if (stream === undefined) this.#options.endpoint.cancel(this);
    this.#finish();
    stream?.reset();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { endpoint, cluster, timers, span } = this.#options;
    span?.end(this.#status, endpoint.key);
    timers.disarm(this.#timeout);
    cluster.breaker.releaseRequest();
    this.#chunks.length = 0;
    if (this.#stream !== undefined) endpoint.onRequestEnd();
    this.#stream = undefined;
  }
}

function copyOf(trailers: HeaderBlock): HeaderBlock {
  const copy = new HeaderBlock();
  trailers.forEach((name, value) => {
    copy.add(new HeaderField(new HeaderName(name), value));
  });
  return copy;
}
