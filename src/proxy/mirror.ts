/**
 * Sends copies of requests to mirror clusters. The copy's answer is dropped; nothing about it can slow
 * or fail the original. Only requests without a body are copied: a body would have to be kept.
 */
import type { Mirror } from "../decision/route.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_NONE, RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HttpServer } from "./http-server.ts";
import type { ClientStream, ClientStreamHandler } from "./stream.ts";

interface Mirrored {
  readonly authority: string;
}

export function sendMirrors(
  mirrors: readonly Mirror[],
  request: Mirrored,
  head: RequestHead,
  target: string,
  server: HttpServer,
): void {
  if (head.bodyKind !== BODY_NONE) return;
  for (const mirror of mirrors) {
    if (mirror.fraction < 1 && server.prng.next() >= mirror.fraction) continue;
    const cluster = server.clusters.get(mirror.cluster);
    const endpoint = cluster?.pick(undefined);
    if (cluster === undefined || endpoint === undefined || !cluster.admitRequest()) continue;
    const authority = mirror.appendsShadowSuffix
      ? shadowHost(request.authority)
      : request.authority;
    const copy = new MirrorStream(endpoint, copiedHead(head), target, authority, () => {
      cluster.releaseRequest();
    });
    if (!endpoint.acquire(copy)) cluster.releaseRequest();
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
  copy.contentLength = head.contentLength;
  head.headers.forEach((name, value) => {
    copy.headers.add(name, value);
  });
  return copy;
}

class MirrorStream implements ClientStreamHandler {
  readonly #endpoint: Endpoint;
  readonly #head: RequestHead;
  readonly #target: string;
  readonly #authority: string;
  readonly #onEnd: () => void;

  constructor(
    endpoint: Endpoint,
    head: RequestHead,
    target: string,
    authority: string,
    onEnd: () => void,
  ) {
    this.#endpoint = endpoint;
    this.#head = head;
    this.#target = target;
    this.#authority = authority;
    this.#onEnd = onEnd;
  }

  onStreamReady(stream: ClientStream): void {
    this.#endpoint.onRequestStart();
    stream.sendHead(this.#head, this.#target, this.#authority);
    stream.sendEnd(undefined);
    stream.flush();
  }

  onInterim(_head: ResponseHead): void {}
  onResponseHead(_head: ResponseHead): void {}
  onResponseBody(_bytes: Buffer, _start: number, _end: number): void {}

  onResponseEnd(_trailers: HeaderBlock | undefined): void {
    this.#endpoint.onRequestEnd();
    this.#onEnd();
  }

  onUpstreamFailure(): void {
    this.#endpoint.onRequestEnd();
    this.#onEnd();
  }

  onUpstreamDrain(): void {}
  onUpstreamTurnEnd(): void {}
}
