/**
 * The copies of one request, for the mirror clusters of its route that get it. Nothing about them can slow or fail
 * the original.
 */
import { MIRRORED_REQUESTS_MAX, ROUTE_TIMEOUT_MS } from "../core/limits.ts";
import type { Mirror } from "../decision/mirror-rule.ts";
import type { ForwardAction } from "../decision/route.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { RequestHead } from "../http/request-head.ts";
import { withSampling } from "../telemetry/trace/traceparent-flags.ts";
import type { HttpServer } from "./http-server.ts";
import { MirrorStream } from "./mirror-stream.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import type { RoutedRequest } from "./routed-request.ts";

/** Tells whoever gets a copy that nobody waits for its answer. */
const MIRRORED = new HeaderField(new HeaderName("x-tulle-mirrored"), "true");

/** Undefined where no mirror gets a copy of this request. A tunnel is not mirrored: what would end its copy? */
export function mirrorOf(
  action: ForwardAction,
  request: RoutedRequest,
  outcome: RequestOutcome,
  server: HttpServer,
): MirroredRequest | undefined {
  if (request.isForTunnel) return undefined;
  let mirrored: MirroredRequest | undefined;
  for (const mirror of action.mirrors) {
    if (mirror.fraction < 1 && server.prng.next() >= mirror.fraction) continue;
    const stream = streamTo(mirror, action, request, outcome, server);
    if (stream === undefined) continue;
    mirrored ??= new MirroredRequest(server.nowMs);
    mirrored.streams.push(stream);
  }
  return mirrored;
}

export class MirroredRequest {
  readonly #nowMs: () => number;
  readonly streams: MirrorStream[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The original is on its way. */
  start(): void {
    const nowMs = this.#nowMs();
    for (const stream of this.streams) stream.start(nowMs);
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    for (const stream of this.streams) stream.sendBody(bytes, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    for (const stream of this.streams) stream.sendEnd(trailers);
  }

  cancel(): void {
    for (const stream of this.streams) stream.cancel();
  }
}

function streamTo(
  mirror: Mirror,
  { timeoutMs }: ForwardAction,
  request: RoutedRequest,
  outcome: RequestOutcome,
  server: HttpServer,
): MirrorStream | undefined {
  const { head, target, authority, isHttp2 } = request;
  const { clusters, mirrorMetrics, timers, faults } = server;
  const cluster = clusters.get(mirror.cluster);
  const endpoint = cluster?.pick(undefined);
  if (cluster === undefined || endpoint === undefined) {
    mirrorMetrics.noEndpoint.value += 1;
    return undefined;
  }
  if (cluster.activeRequests >= MIRRORED_REQUESTS_MAX || !cluster.breaker.admitRequest()) {
    mirrorMetrics.overflow.value += 1;
    return undefined;
  }
  const copy = copiedHead(head!, mirror);
  return new MirrorStream({
    cluster,
    endpoint,
    head: copy,
    span: server.tracer?.beginMirror(copy.headers, outcome, mirror),
    target,
    authority: mirror.appendsShadowSuffix ? shadowHost(authority) : authority,
    isHttp2,
    timers: timers.request,
    timeoutMs: timeoutMs || ROUTE_TIMEOUT_MS,
    metrics: mirrorMetrics,
    faults,
  });
}

/** Envoy marks the authority of a copy, so that its logs can be told apart. */
function shadowHost(authority: string): string {
  const portAt = authority.search(/:\d+$/);
  return portAt < 0
    ? `${authority}-shadow`
    : `${authority.slice(0, portAt)}-shadow${authority.slice(portAt)}`;
}

function copiedHead(head: RequestHead, { isSampled }: Mirror): RequestHead {
  const copy = new RequestHead();
  copy.method = head.method;
  copy.bodyKind = head.bodyKind;
  copy.contentLength = head.contentLength;
  head.headers.forEach((name, value) => {
    const lower = name.toLowerCase();
    // The copy waits for no permission to send its body.
    if (lower === "expect") return;
    const isContext = lower === "traceparent" && isSampled !== undefined;
    const text = isContext ? withSampling(value, isSampled) : value;
    copy.headers.add(new HeaderField(new HeaderName(name), text));
  });
  copy.headers.set(MIRRORED);
  return copy;
}
