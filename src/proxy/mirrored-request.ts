/**
 * A copy of a request under way, gathered while the original streams on, and sent to the mirror
 * clusters of its route once it is complete. Nothing about it can slow or fail the original: a body
 * beyond the bound is not mirrored at all.
 */
import {
  MIRRORED_BODY_BYTES_MAX,
  MIRRORED_REQUESTS_MAX,
  ROUTE_TIMEOUT_MS,
} from "../core/limits.ts";
import type { ForwardAction, Mirror } from "../decision/route.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { BODY_LENGTH, BODY_NONE, RequestHead } from "../http/request-head.ts";
import type { HttpServer } from "./http-server.ts";
import { MirrorStream } from "./mirror-stream.ts";
import type { RoutedRequest } from "./routed-request.ts";

export interface MirroredRequestOptions {
  readonly mirrors: readonly Mirror[];
  readonly target: string;
  readonly authority: string;
  /** Of the original. */
  readonly isHttp2: boolean;
  /** The route's, 0 for none. */
  readonly timeoutMs: number;
}

/** A tunnel is not mirrored: what would end its copy? */
export function mirrorOf(
  { mirrors, timeoutMs }: ForwardAction,
  request: RoutedRequest,
  server: HttpServer,
): MirroredRequest | undefined {
  const { head, target, authority, isHttp2 } = request;
  if (head === undefined || request.isForTunnel) return undefined;
  return new MirroredRequest(head, { mirrors, timeoutMs, target, authority, isHttp2 }, server);
}

export class MirroredRequest {
  readonly #options: MirroredRequestOptions;
  readonly #server: HttpServer;
  readonly #head: RequestHead;
  readonly #chunks: Buffer[] = [];
  #bodyBytes = 0;
  #isTooLarge = false;

  constructor(head: RequestHead, options: MirroredRequestOptions, server: HttpServer) {
    this.#options = options;
    this.#server = server;
    this.#head = copiedHead(head);
    this.#isTooLarge =
      head.bodyKind === BODY_LENGTH && head.contentLength > MIRRORED_BODY_BYTES_MAX;
  }

  addBody(bytes: Buffer, start: number, end: number): void {
    this.#bodyBytes += end - start;
    if (this.#bodyBytes > MIRRORED_BODY_BYTES_MAX) this.#isTooLarge = true;
    if (this.#isTooLarge) this.#chunks.length = 0;
    else this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
  }

  /** The request is complete. */
  send(): void {
    const { mirrors } = this.#options;
    const server = this.#server;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    if (this.#head.bodyKind !== BODY_NONE) {
      // Trailers stay behind, and with them the need for chunks.
      this.#head.bodyKind = BODY_LENGTH;
      this.#head.contentLength = body.length;
    }
    for (const mirror of mirrors) {
      if (mirror.fraction < 1 && server.prng.next() >= mirror.fraction) continue;
      if (this.#isTooLarge) server.mirrorMetrics.bodyTooLarge.value += 1;
      else this.#sendTo(mirror, body);
    }
  }

  #sendTo(mirror: Mirror, body: Buffer): void {
    const { target, authority, timeoutMs, isHttp2 } = this.#options;
    const { clusters, mirrorMetrics, timers } = this.#server;
    const cluster = clusters.get(mirror.cluster);
    const endpoint = cluster?.pick(undefined);
    if (cluster === undefined || endpoint === undefined) {
      mirrorMetrics.noEndpoint.value += 1;
      return;
    }
    if (cluster.activeRequests >= MIRRORED_REQUESTS_MAX || !cluster.admitRequest()) {
      mirrorMetrics.overflow.value += 1;
      return;
    }
    new MirrorStream({
      cluster,
      endpoint,
      head: this.#head,
      target,
      authority: mirror.appendsShadowSuffix ? shadowHost(authority) : authority,
      body,
      isHttp2,
      timers: timers.request,
      // Nobody waits for it, so that somebody must end it.
      timeoutMs: timeoutMs || ROUTE_TIMEOUT_MS,
      metrics: mirrorMetrics,
    }).start(this.#server.nowMs());
  }
}

/** Envoy marks the authority of a copy, so that its logs can be told apart. */
function shadowHost(authority: string): string {
  const portAt = authority.search(/:\d+$/);
  return portAt < 0
    ? `${authority}-shadow`
    : `${authority.slice(0, portAt)}-shadow${authority.slice(portAt)}`;
}

function copiedHead(head: RequestHead): RequestHead {
  const copy = new RequestHead();
  copy.method = head.method;
  copy.bodyKind = head.bodyKind;
  copy.contentLength = head.contentLength;
  head.headers.forEach((name, value) => {
    // The copy waits for no permission to send its body.
    if (name.toLowerCase() !== "expect") {
      copy.headers.add(new HeaderField(new HeaderName(name), value));
    }
  });
  return copy;
}
