/**
 * Asks by one request on a connection of its own, of either version of HTTP. What the request is, and what its answer
 * means, a `ProbeRequest` says.
 */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { RequestHead } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import type { DialResult, PendingDial } from "../dialer.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "../stream.ts";
import type { UpstreamCodec } from "../upstream-codec.ts";
import type { UpstreamConnection, UpstreamConnectionOwner } from "../upstream-connection.ts";
import { networkFailure, type Probe, type ProbeFailure, type ProbeHandler } from "./probe.ts";
import type { ProbeServices } from "./probe-services.ts";

/** `passed` and `degraded` as the handler hears them, or why not. */
export type ProbeVerdict = "passed" | "degraded" | ProbeFailure;

export interface ProbeRequest {
  readonly codec: UpstreamCodec;
  readonly head: RequestHead;
  readonly target: string;
  /** Used where the endpoint has no name of its own. */
  readonly authority: string;
  readonly body: Buffer;
  /** A new answer begins. Heads and byte ranges are valid only during a call. */
  onHead(head: ResponseHead): void;
  onBody(bytes: Buffer, start: number, end: number): void;
  /** The answer is whole. */
  judge(trailers: HeaderBlock | undefined): ProbeVerdict;
}

export class RequestProbe implements Probe, ClientStreamHandler, UpstreamConnectionOwner {
  readonly #request: ProbeRequest;
  readonly #services: ProbeServices;
  readonly #handler: ProbeHandler;
  #dial: PendingDial | undefined;
  #connection: UpstreamConnection | undefined;
  #isAsking = false;
  #isSent = false;

  constructor(request: ProbeRequest, services: ProbeServices, handler: ProbeHandler) {
    this.#request = request;
    this.#services = services;
    this.#handler = handler;
  }

  begin(): void {
    this.#isAsking = true;
    this.#isSent = false;
    const connection = this.#connection;
    if (connection !== undefined && connection.room > 0) {
      this.#send(connection);
      return;
    }
    this.#leave();
    const { dialer, target, alpn } = this.#services;
    const offered = alpn ?? [this.#request.codec === "http2" ? "h2" : "http/1.1"];
    this.#dial = dialer.dial(target(), offered, (result) => this.#onDialed(result));
  }

  giveUp(): void {
    this.close();
  }

  close(): void {
    this.#isAsking = false;
    this.#leave();
  }

  onStreamReady(): void {}
  onInterim(): void {}
  onUpstreamDrain(): void {}

  onResponseHead(head: ResponseHead): void {
    if (this.#isAsking) this.#request.onHead(head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    if (this.#isAsking) this.#request.onBody(bytes, start, end);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    if (!this.#isAsking) return;
    this.#isAsking = false;
    const verdict = this.#request.judge(trailers);
    if (!this.#services.reusesConnection) this.#leave();
    if (verdict === "passed" || verdict === "degraded") {
      this.#handler.onProbePassed(verdict === "degraded");
    } else {
      this.#handler.onProbeFailed(verdict);
    }
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (!this.#isAsking) return;
    this.#isAsking = false;
    this.#leave();
    this.#handler.onProbeFailed(networkFailure(reasonOf(failure)));
  }

  onConnectionRoom(connection: UpstreamConnection): void {
    if (this.#isAsking && !this.#isSent && connection === this.#connection) this.#send(connection);
  }

  /** The answer under way may still come; the next check makes another connection. */
  onConnectionDraining(): void {}

  onConnectionClosed(connection: UpstreamConnection): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    // A stream on it hears of the end itself.
    if (!this.#isAsking || this.#isSent) return;
    this.#isAsking = false;
    this.#handler.onProbeFailed(networkFailure("connection closed before the request"));
  }

  #onDialed(result: DialResult): void {
    this.#dial = undefined;
    if (result.kind !== "connected") {
      this.#isAsking = false;
      this.#handler.onProbeFailed(networkFailure(reasonOf(result)));
      return;
    }
    const connection = this.#services.createConnection(this.#request.codec, result.socket, this);
    this.#connection = connection;
    if (connection.room > 0) this.#send(connection);
  }

  #send(connection: UpstreamConnection): void {
    this.#isSent = true;
    const { head, target, authority, body } = this.#request;
    const stream: ClientStream = connection.open(this);
    stream.sendHead(head, target, this.#services.hostname() || authority);
    if (body.length > 0) stream.sendBody(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  #leave(): void {
    this.#dial?.abort();
    this.#dial = undefined;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
  }
}

function reasonOf(failure: UpstreamFailure): string {
  if ("reason" in failure) return failure.reason;
  return failure.kind === "stream-reset" ? failure.code : failure.kind;
}
