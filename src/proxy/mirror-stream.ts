/** One copy of a request on its way to one mirror cluster. Its answer is read and dropped. */
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import type { MirrorMetrics } from "./mirror-metrics.ts";
import type { ClientStream, ClientStreamHandler } from "./stream.ts";

export interface MirrorStreamOptions {
  /** Has admitted the request. */
  readonly cluster: Cluster;
  readonly endpoint: Endpoint;
  readonly head: RequestHead;
  readonly target: string;
  readonly authority: string;
  /** Kept until the connection is there. */
  readonly body: Buffer;
  readonly isHttp2: boolean;
  readonly timers: TimerWheel;
  readonly timeoutMs: number;
  readonly metrics: MirrorMetrics;
}

export class MirrorStream implements ClientStreamHandler {
  readonly #options: MirrorStreamOptions;
  readonly #timeout: TimerEntry;
  #stream: ClientStream | undefined;

  constructor(options: MirrorStreamOptions) {
    this.#options = options;
    this.#timeout = new TimerEntry(() => this.#onTimeout());
  }

  start(nowMs: number): void {
    const { endpoint, timers, timeoutMs, metrics, cluster, isHttp2 } = this.#options;
    timers.arm(this.#timeout, timeoutMs);
    if (endpoint.acquire(this, nowMs, isHttp2)) return;
    timers.disarm(this.#timeout);
    cluster.releaseRequest();
    metrics.overflow.value += 1;
  }

  onStreamReady(stream: ClientStream): void {
    const { endpoint, head, target, authority, body } = this.#options;
    this.#stream = stream;
    endpoint.onRequestStart();
    stream.sendHead(head, target, authority);
    // At most the bound of a mirrored body: it may wait in the socket's buffer.
    if (body.length > 0) stream.sendBody(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  onInterim(_head: ResponseHead): void {}
  onResponseHead(_head: ResponseHead): void {}
  onResponseBody(_bytes: Buffer, _start: number, _end: number): void {}

  onResponseEnd(_trailers: HeaderBlock | undefined): void {
    this.#options.metrics.answered.value += 1;
    this.#end();
  }

  onUpstreamFailure(): void {
    this.#options.metrics.failed.value += 1;
    this.#end();
  }

  onUpstreamDrain(): void {}

  #onTimeout(): void {
    if (this.#stream === undefined) this.#options.endpoint.cancel(this);
    else this.#stream.reset();
    this.onUpstreamFailure();
  }

  #end(): void {
    const { endpoint, cluster, timers } = this.#options;
    timers.disarm(this.#timeout);
    cluster.releaseRequest();
    if (this.#stream !== undefined) endpoint.onRequestEnd();
    this.#stream = undefined;
  }
}
